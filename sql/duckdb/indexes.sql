-- One row: an index that CREATE INDEX made; each expression is SQL text.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on duckdb_indexes().
SELECT
    schema_name,
    table_name,
    index_name,
    is_unique,
    CAST(expressions AS VARCHAR []) AS expressions,
    sql
FROM duckdb_indexes()
WHERE database_name = current_database() AND NOT is_primary
ORDER BY schema_name, table_name, index_name
