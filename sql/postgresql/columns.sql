-- One row per column of the tables with these oids; a domain that is NOT NULL makes its columns so.
-- PostgreSQL 13 to 18.
-- pg_attribute, pg_type, pg_attrdef, pg_collation, pg_sequence via pg_depend.
WITH RECURSIVE domains (domain, type, is_nullable) AS (
    SELECT t.oid, t.typbasetype, NOT t.typnotnull
    FROM pg_catalog.pg_type t WHERE t.typtype = 'd'
    UNION ALL
    SELECT d.domain, t.typbasetype, NOT t.typnotnull
    FROM domains d JOIN pg_catalog.pg_type t ON t.oid = d.type WHERE t.typtype = 'd'
)
SELECT a.attrelid::bigint AS oid,
       a.attname AS name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS native,
       a.atttypid::bigint AS type,
       a.atttypmod AS typmod,
       NOT a.attnotnull AND NOT EXISTS (
           SELECT FROM domains d WHERE d.domain = a.atttypid AND NOT d.is_nullable
       ) AS is_nullable,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression,
       a.attidentity AS identity,
       a.attgenerated AS generated,
       s.sequence AS owned_sequence,
       CASE WHEN a.attcollation <> dt.typcollation
            THEN pg_catalog.format('%%I.%%I', cn.nspname, l.collname) END AS collation,
       pg_catalog.col_description(a.attrelid, a.attnum) AS comment
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type dt ON dt.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = l.collnamespace
LEFT JOIN LATERAL (
    SELECT p.objid::regclass::text AS sequence
    FROM pg_catalog.pg_depend p
    WHERE p.classid = 'pg_catalog.pg_class'::regclass AND p.deptype = 'a'
      AND p.refclassid = 'pg_catalog.pg_class'::regclass
      AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum
      AND EXISTS (SELECT FROM pg_catalog.pg_sequence q WHERE q.seqrelid = p.objid)
    ORDER BY p.objid LIMIT 1
) s ON true
WHERE a.attrelid = ANY (%(tables)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum;
