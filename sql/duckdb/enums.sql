-- One row: a named enumeration, with its labels in order.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on duckdb_types().
SELECT schema_name, type_name, labels
FROM duckdb_types()
WHERE database_name = current_database() AND NOT internal AND logical_type = 'ENUM'
ORDER BY schema_name, type_name
