-- One row per table, sequence or view of the database: name, type, engine, collation, comment.
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on information_schema.TABLES.
SELECT table_name, table_type, engine, table_collation, table_comment
FROM information_schema.tables
WHERE table_schema = %s AND table_name NOT IN ('_dbsynth', '_dbsynth_journal')
ORDER BY table_name
