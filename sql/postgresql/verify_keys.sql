-- One row per column of each foreign key that a table declares, in key order.
-- Runs on PostgreSQL 13+.  Slot: table (the quoted, qualified name as a string constant).
-- Relies on pg_constraint, pg_attribute, pg_class.
SELECT k.conname::text AS key_name,
       u.position::integer AS position,
       ca.attname::text AS child_column,
       p.relname::text AS parent_table,
       pa.attname::text AS parent_column,
       k.convalidated AS is_validated
FROM pg_catalog.pg_constraint AS k
CROSS JOIN LATERAL unnest(k.conkey, k.confkey)
  WITH ORDINALITY AS u (child_attribute, parent_attribute, position)
JOIN pg_catalog.pg_class AS p ON p.oid = k.confrelid
JOIN pg_catalog.pg_attribute AS ca ON ca.attrelid = k.conrelid AND ca.attnum = u.child_attribute
JOIN pg_catalog.pg_attribute AS pa ON pa.attrelid = k.confrelid AND pa.attnum = u.parent_attribute
WHERE k.contype = 'f'
  AND k.conrelid = {table}::pg_catalog.regclass
ORDER BY key_name, position
