-- One row: a table or view that a user made.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on duckdb_tables(), duckdb_views().
SELECT schema_name, table_name AS name
FROM duckdb_tables()
WHERE database_name = current_database() AND NOT internal AND NOT temporary
UNION ALL
SELECT schema_name, view_name
FROM duckdb_views()
WHERE database_name = current_database() AND NOT internal AND NOT temporary
ORDER BY schema_name, name
