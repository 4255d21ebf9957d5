-- One row per object of the user's schemas that a replacement removes, with the statement for it.
-- PostgreSQL 13 to 18.
-- pg_class, pg_type, pg_proc, pg_operator, pg_opclass, pg_opfamily, pg_collation, pg_conversion,
-- pg_ts_config, pg_ts_dict, pg_depend (deptype e: owned by an extension, i: part of something else).
WITH kept AS (
    -- a partitioned table has its own columns as parts: they say nothing of the table
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
    WHERE d.deptype IN ('e', 'i') AND d.objsubid = 0
), spaces AS (
    SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), listed AS (
    SELECT 1 AS stage, s.nspname AS schema, c.relname::text AS name,
           c.relkind IN ('r', 'p', 'v', 'm', 'f') AS is_relation,
           CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE'
                ELSE 'TABLE' END AS kind,
           pg_catalog.format('%%I.%%I', s.nspname, c.relname) AS target
    FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.relpersistence <> 't'
      AND NOT c.relispartition
      AND NOT EXISTS (
          SELECT FROM kept k
          WHERE k.classid = 'pg_catalog.pg_class'::regclass AND k.objid = c.oid
            AND c.relkind <> 'c')
      AND NOT (c.relkind = 'c' AND EXISTS (
          SELECT FROM kept k
          WHERE k.classid = 'pg_catalog.pg_type'::regclass AND k.objid = c.reltype))
    UNION ALL
    SELECT 2, s.nspname, p.proname::text, false, 'ROUTINE', p.oid::regprocedure::text
    FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace
    WHERE NOT EXISTS (
        SELECT FROM kept k WHERE k.classid = 'pg_catalog.pg_proc'::regclass AND k.objid = p.oid)
    UNION ALL
    SELECT 3, s.nspname, t.typname::text, false, 'TYPE',
           pg_catalog.format('%%I.%%I', s.nspname, t.typname)
    FROM pg_catalog.pg_type t JOIN spaces s ON s.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd', 'r')
      AND NOT EXISTS (
          SELECT FROM kept k WHERE k.classid = 'pg_catalog.pg_type'::regclass AND k.objid = t.oid)
    UNION ALL
    SELECT 4, s.nspname, o.name::text, false, o.kind,
           pg_catalog.format('%%I.%%I', s.nspname, o.name)
           || coalesce(' USING ' || pg_catalog.quote_ident(m.amname), '')
    FROM (
        SELECT 'pg_catalog.pg_opclass'::regclass AS classid, c.oid, c.opcnamespace AS space,
               c.opcname AS name, 'OPERATOR CLASS' AS kind, c.opcmethod AS method
        FROM pg_catalog.pg_opclass c
        UNION ALL
        SELECT 'pg_catalog.pg_opfamily'::regclass AS classid, c.oid, c.opfnamespace AS space,
               c.opfname AS name, 'OPERATOR FAMILY' AS kind, c.opfmethod AS method
        FROM pg_catalog.pg_opfamily c
        UNION ALL
        SELECT 'pg_catalog.pg_collation'::regclass AS classid, c.oid, c.collnamespace AS space,
               c.collname AS name, 'COLLATION' AS kind, NULL::oid AS method
        FROM pg_catalog.pg_collation c
        UNION ALL
        SELECT 'pg_catalog.pg_conversion'::regclass AS classid, c.oid, c.connamespace AS space,
               c.conname AS name, 'CONVERSION' AS kind, NULL::oid AS method
        FROM pg_catalog.pg_conversion c
        UNION ALL
        SELECT 'pg_catalog.pg_ts_config'::regclass AS classid, c.oid, c.cfgnamespace AS space,
               c.cfgname AS name, 'TEXT SEARCH CONFIGURATION' AS kind, NULL::oid AS method
        FROM pg_catalog.pg_ts_config c
        UNION ALL
        SELECT 'pg_catalog.pg_ts_dict'::regclass AS classid, c.oid, c.dictnamespace AS space,
               c.dictname AS name, 'TEXT SEARCH DICTIONARY' AS kind, NULL::oid AS method
        FROM pg_catalog.pg_ts_dict c
    ) o
    JOIN spaces s ON s.oid = o.space
    LEFT JOIN pg_catalog.pg_am m ON m.oid = o.method
    WHERE NOT EXISTS (
        SELECT FROM kept k WHERE k.classid = o.classid AND k.objid = o.oid)
    UNION ALL
    SELECT 5, s.nspname, o.oprname::text, false, 'OPERATOR', o.oid::regoperator::text
    FROM pg_catalog.pg_operator o JOIN spaces s ON s.oid = o.oprnamespace
    WHERE NOT EXISTS (
        SELECT FROM kept k
        WHERE k.classid = 'pg_catalog.pg_operator'::regclass AND k.objid = o.oid)
)
SELECT schema, name, is_relation,
       pg_catalog.format('DROP %%s IF EXISTS %%s CASCADE', kind, target) AS statement
FROM listed
ORDER BY stage, schema, name;
