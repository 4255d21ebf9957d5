-- One row per view: name and SELECT ('' if this user may not see it).
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on information_schema.VIEWS.
SELECT table_name, view_definition, check_option
FROM information_schema.views
WHERE table_schema = %s
ORDER BY table_name
