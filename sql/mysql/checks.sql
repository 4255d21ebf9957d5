-- One row per CHECK constraint: table, name, expression.
-- MySQL 8.0.16+ (its CHECK_CONSTRAINTS does not say the table).
-- Relies on information_schema.CHECK_CONSTRAINTS, TABLE_CONSTRAINTS.
SELECT t.table_name, c.constraint_name, c.check_clause
FROM information_schema.check_constraints c
JOIN information_schema.table_constraints t
  ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
WHERE c.constraint_schema = %s AND t.constraint_type = 'CHECK' AND t.enforced = 'YES'
ORDER BY t.table_name, c.constraint_name
