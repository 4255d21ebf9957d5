-- One row: a column of a base table, in order.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on duckdb_columns(), duckdb_tables().
SELECT
    c.schema_name,
    c.table_name,
    c.column_name,
    c.data_type,
    c.is_nullable,
    c.column_default,
    c.generation_expression,
    c.comment
FROM duckdb_columns() AS c
SEMI JOIN duckdb_tables() AS t USING (table_oid, database_oid)
WHERE c.database_name = current_database() AND NOT c.internal
ORDER BY c.schema_name, c.table_name, c.column_index
