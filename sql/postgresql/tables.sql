-- One row per base table: its oid, whether this user may read all of it, and what it is beyond a plain table.
-- PostgreSQL 13 to 18.
-- pg_class, pg_namespace, pg_depend (deptype e: owned by an extension), pg_inherits.
SELECT c.oid::bigint AS oid,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind = 'p' AS is_partitioned,
       c.relpersistence = 'u' AS is_unlogged,
       EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid) AS is_inheriting,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE')
           AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS is_readable,
       pg_catalog.row_security_active(c.oid) AS is_filtered,
       'WITH (' || pg_catalog.array_to_string(c.reloptions, ', ') || ')' AS options,
       pg_catalog.obj_description(c.oid, 'pg_class') AS comment
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND NOT c.relispartition
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT (n.nspname = 'public' AND c.relname = %(reserved)s)
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname;
