-- One row per trigger, in the order in which they fire: name, table.
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on information_schema.TRIGGERS.
SELECT trigger_name, event_object_table
FROM information_schema.triggers
WHERE trigger_schema = %s
ORDER BY event_object_table, action_timing, event_manipulation, action_order
