-- One row: a sequence.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on duckdb_sequences().
SELECT schema_name, sequence_name, start_value, increment_by, min_value, max_value, cycle
FROM duckdb_sequences()
WHERE database_name = current_database() AND NOT temporary
ORDER BY schema_name, sequence_name
