-- One row per part of an index, in order.
-- MariaDB 10.5+ (indexes no expressions).
-- Relies on information_schema.STATISTICS.
SELECT table_name, index_name, non_unique, index_type, column_name, sub_part, collation, NULL
FROM information_schema.statistics
WHERE table_schema = %s
ORDER BY table_name, index_name, seq_in_index
