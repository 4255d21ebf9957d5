-- One row: a base table.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on duckdb_tables().
SELECT schema_name, table_name, comment
FROM duckdb_tables()
WHERE database_name = current_database() AND NOT internal AND NOT temporary
ORDER BY schema_name, table_name
