-- One row per CHECK constraint: table, name, expression.
-- MariaDB 10.5+.
-- Relies on information_schema.CHECK_CONSTRAINTS.
SELECT table_name, constraint_name, check_clause
FROM information_schema.check_constraints
WHERE constraint_schema = %s
ORDER BY table_name, constraint_name
