-- One row per table of another database that refers to a table of this one.
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on information_schema.KEY_COLUMN_USAGE.
SELECT DISTINCT table_schema, table_name
FROM information_schema.key_column_usage
WHERE referenced_table_schema = %s AND table_schema <> referenced_table_schema
ORDER BY table_schema, table_name
