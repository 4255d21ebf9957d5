-- One row per view: its name.
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on information_schema.VIEWS.
SELECT table_name FROM information_schema.views WHERE table_schema = %s ORDER BY table_name
