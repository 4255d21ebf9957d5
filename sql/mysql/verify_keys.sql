-- One row per column of each foreign key that a table declares, in key order.
-- Runs on MySQL 8, MariaDB 10.6+.  Slots: database (an expression), table (its name as a string constant).
-- Relies on information_schema.key_column_usage.
SELECT constraint_name AS key_name,
       ordinal_position AS position,
       column_name AS child_column,
       referenced_table_name AS parent_table,
       referenced_column_name AS parent_column,
       1 AS is_validated
FROM information_schema.key_column_usage
WHERE table_schema = {database}
  AND table_name = {table}
  AND referenced_table_name IS NOT NULL
ORDER BY key_name, position
