-- One row per part of an index, in order; `expression` instead of a column if it indexes one.
-- MySQL 8.0.16+.
-- Relies on information_schema.STATISTICS.
SELECT table_name, index_name, non_unique, index_type, column_name, sub_part, collation, expression
FROM information_schema.statistics
WHERE table_schema = %s
ORDER BY table_name, index_name, seq_in_index
