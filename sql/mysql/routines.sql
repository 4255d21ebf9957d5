-- One row per stored function, procedure or event: kind, name.
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on information_schema.ROUTINES, EVENTS.
SELECT LOWER(routine_type), routine_name FROM information_schema.routines WHERE routine_schema = %s
UNION ALL
SELECT 'event', event_name FROM information_schema.events WHERE event_schema = %s
ORDER BY 1, 2
