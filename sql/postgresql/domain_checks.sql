-- One row per column of these tables and check of its domain, or of a domain below that.
-- PostgreSQL 13 to 18.
-- pg_attribute, pg_type (typtype d), pg_constraint (contypid), pg_get_expr; VALUE is the column.
WITH RECURSIVE chain (top, domain) AS (
    SELECT t.oid, t.oid FROM pg_catalog.pg_type t WHERE t.typtype = 'd'
    UNION ALL
    SELECT c.top, t.typbasetype
    FROM chain c JOIN pg_catalog.pg_type t ON t.oid = c.domain
    WHERE t.typtype = 'd'
)
SELECT a.attrelid::bigint AS oid,
       a.attname::text AS column,
       k.conname::text AS name,
       pg_catalog.pg_get_expr(k.conbin, 0) AS expression,
       k.convalidated AS is_valid
FROM pg_catalog.pg_attribute a
JOIN chain c ON c.top = a.atttypid
JOIN pg_catalog.pg_constraint k ON k.contypid = c.domain AND k.contype = 'c'
WHERE a.attrelid = ANY (%(tables)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attgenerated = ''
ORDER BY a.attrelid, a.attnum, k.conname;
