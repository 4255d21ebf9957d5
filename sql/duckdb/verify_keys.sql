-- One row per column of each foreign key that a table declares, in key order.
-- Runs on DuckDB 1.2+.  Slots: database (an expression), schema, table (names as string constants).
-- Relies on duckdb_constraints().
SELECT k.constraint_name AS key_name,
       k.position AS position,
       k.constraint_column_names[k.position] AS child_column,
       k.referenced_table AS parent_table,
       k.referenced_column_names[k.position] AS parent_column,
       TRUE AS is_validated
FROM (
  SELECT *, unnest(range(1, len(constraint_column_names) + 1)) AS position
  FROM duckdb_constraints()
  WHERE constraint_type = 'FOREIGN KEY'
    AND database_name = {database}
    AND schema_name = {schema}
    AND table_name = {table}
) AS k
ORDER BY key_name, position
