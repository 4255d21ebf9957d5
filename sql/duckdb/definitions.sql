-- One row: a table, index or view, with the statement that makes it.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on duckdb_tables(), duckdb_indexes(), duckdb_views(); no column there tells the order of making.
SELECT 'table' AS kind, schema_name, table_name, table_name AS name, sql
FROM duckdb_tables()
WHERE database_name = current_database() AND NOT internal AND NOT temporary
UNION ALL
SELECT 'index', schema_name, table_name, index_name, sql
FROM duckdb_indexes()
WHERE database_name = current_database() AND NOT is_primary
UNION ALL
SELECT 'view', schema_name, view_name, view_name, sql
FROM duckdb_views()
WHERE database_name = current_database() AND NOT internal AND NOT temporary
ORDER BY ALL
