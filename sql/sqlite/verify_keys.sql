-- One row per column of each foreign key that a table declares, in key order.
-- Runs on SQLite 3.35+.  Slots: table, schema (names as string constants).
-- Relies on pragma_foreign_key_list; a parent column left out in the declaration is NULL.
SELECT cast(id AS text) AS key_name,
       seq + 1 AS position,
       "from" AS child_column,
       "table" AS parent_table,
       "to" AS parent_column,
       1 AS is_validated
FROM pragma_foreign_key_list({table}, {schema})
ORDER BY key_name, position
