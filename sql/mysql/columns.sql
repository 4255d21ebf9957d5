-- One row per column, in the order of the table.
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on information_schema.COLUMNS.
SELECT table_name, column_name, column_default, is_nullable, column_type, collation_name, extra,
       generation_expression, column_comment
FROM information_schema.columns
WHERE table_schema = %s
ORDER BY table_name, ordinal_position
