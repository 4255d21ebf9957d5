-- One row per column of a foreign key, in the key's order; without rules if this user has only SELECT.
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on information_schema.KEY_COLUMN_USAGE, REFERENTIAL_CONSTRAINTS.
SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_schema,
       k.referenced_table_name, k.referenced_column_name, r.delete_rule, r.update_rule
FROM information_schema.key_column_usage k
LEFT JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
 AND r.table_name = k.table_name
WHERE k.constraint_schema = %s AND k.referenced_table_name IS NOT NULL
ORDER BY k.table_name, k.constraint_name, k.ordinal_position
