-- One row: the default of a column, as DuckDB keeps it.
-- Runs on DuckDB 1+.  Slots: database (an expression), schema, table, column (names as string constants).
-- Relies on duckdb_columns().
SELECT column_default AS column_default
FROM duckdb_columns()
WHERE database_name = {database}
  AND schema_name = {schema}
  AND table_name = {table}
  AND column_name = {column}
