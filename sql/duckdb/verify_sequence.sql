-- One row: the value that a sequence hands out next, and in which direction it counts.
-- Runs on DuckDB 1+.  Slots: database, schema (expressions), sequence (its name as a string constant).
-- Relies on duckdb_sequences().
SELECT coalesce(last_value + increment_by, start_value) AS next_value,
       increment_by AS increment
FROM duckdb_sequences()
WHERE database_name = {database}
  AND schema_name = {schema}
  AND sequence_name = {sequence}
