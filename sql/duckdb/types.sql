-- One row: a type that a user made; the labels of an enumeration in order.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on duckdb_types(), which does not tell what other types are made of: typeof() does.
SELECT schema_name, type_name, logical_type, labels
FROM duckdb_types()
WHERE database_name = current_database() AND NOT internal
ORDER BY schema_name, type_name
