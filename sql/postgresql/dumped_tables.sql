-- One row per table that pg_dump would write, partitions included, with the topmost table that it is
-- a part of; the reserved table stands as part of nothing.  PostgreSQL 13 to 18.
-- pg_class, pg_partition_root, pg_depend (deptype e: owned by an extension).
SELECT n.nspname AS schema,
       c.relname AS name,
       rn.nspname AS root_schema,
       r.relname AS root
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class r
    ON r.oid = coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid)
    AND NOT (n.nspname = 'public' AND c.relname = %(reserved)s)
LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname;
