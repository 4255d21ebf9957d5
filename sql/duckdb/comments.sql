-- One row: a comment, with the kind of what it is on, as COMMENT ON spells it; column is NULL but for columns.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on the duckdb_…() functions of each kind.
SELECT 'TABLE' AS kind, schema_name, table_name AS name, NULL AS "column", comment
FROM duckdb_tables()
WHERE database_name = current_database() AND comment IS NOT NULL AND NOT temporary
UNION ALL
SELECT 'VIEW', schema_name, view_name, NULL, comment
FROM duckdb_views()
WHERE database_name = current_database() AND comment IS NOT NULL AND NOT temporary
UNION ALL
SELECT 'COLUMN', schema_name, table_name, column_name, comment
FROM duckdb_columns()
WHERE database_name = current_database() AND comment IS NOT NULL AND NOT internal
UNION ALL
SELECT 'SEQUENCE', schema_name, sequence_name, NULL, comment
FROM duckdb_sequences()
WHERE database_name = current_database() AND comment IS NOT NULL AND NOT temporary
UNION ALL
SELECT 'INDEX', schema_name, index_name, NULL, comment
FROM duckdb_indexes()
WHERE database_name = current_database() AND comment IS NOT NULL
UNION ALL
SELECT 'TYPE', schema_name, type_name, NULL, comment
FROM duckdb_types()
WHERE database_name = current_database() AND comment IS NOT NULL AND NOT internal
UNION ALL
SELECT
    CASE function_type WHEN 'table_macro' THEN 'MACRO TABLE' ELSE 'MACRO' END,
    schema_name,
    function_name,
    NULL,
    comment
FROM duckdb_functions()
WHERE database_name = current_database() AND comment IS NOT NULL AND NOT internal
ORDER BY ALL
