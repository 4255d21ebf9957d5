-- One row per column of each unique index that a table has for all its rows, in key order.
-- Runs on PostgreSQL 13+.  Slot: table (the quoted, qualified name as a string constant).
-- Relies on pg_index, pg_class, pg_attribute; only since 15 there are indexes that tell NULLs alike.
SELECT c.relname::text AS key_name,
       u.position::integer AS position,
       a.attname::text AS column_name,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_not_distinct
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS u (attribute, position)
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.attribute
WHERE i.indrelid = {table}::pg_catalog.regclass
  AND i.indisunique
  AND i.indisvalid
  AND i.indisready
  AND i.indpred IS NULL
  AND i.indexprs IS NULL
  AND u.position <= i.indnkeyatts
ORDER BY key_name, position
