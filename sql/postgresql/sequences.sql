-- One row per sequence that no identity column owns, with the statement that makes it again.
-- PostgreSQL 13 to 18.
-- pg_sequence, pg_depend (deptype a: owned by a column, i: by an identity, e: by an extension).
SELECT n.nspname AS schema,
       c.relname AS name,
       s.seqstart AS start,
       s.seqincrement AS increment,
       pg_catalog.format(
           'CREATE SEQUENCE %%I.%%I AS %%s INCREMENT BY %%s MINVALUE %%s MAXVALUE %%s START WITH %%s'
           ' CACHE %%s%%s', n.nspname, c.relname, pg_catalog.format_type(s.seqtypid, NULL),
           s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache,
           CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END) AS statement
FROM pg_catalog.pg_sequence s
JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_depend o ON o.classid = 'pg_catalog.pg_class'::regclass AND o.objid = c.oid
    AND o.refclassid = 'pg_catalog.pg_class'::regclass AND o.deptype = 'a'
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
        AND d.deptype IN ('i', 'e'))
  -- What a serial column makes by itself need not be said.
  AND NOT (o.objid IS NOT NULL AND a.atttypid = s.seqtypid AND s.seqincrement = 1
           AND s.seqmin = 1 AND s.seqstart = 1 AND s.seqcache = 1 AND NOT s.seqcycle)
ORDER BY n.nspname, c.relname;
