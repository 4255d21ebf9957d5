-- One row: a schema that a user made.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on duckdb_schemas().
SELECT schema_name
FROM duckdb_schemas()
WHERE database_name = current_database() AND NOT internal AND schema_name <> 'main'
ORDER BY schema_name
