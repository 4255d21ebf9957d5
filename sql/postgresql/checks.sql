-- One row per CHECK of the tables with these oids.
-- PostgreSQL 13 to 18.
-- pg_constraint (contype c), pg_get_expr.
SELECT k.conrelid::bigint AS oid,
       k.conname AS name,
       pg_catalog.pg_get_expr(k.conbin, k.conrelid) AS expression,
       k.convalidated AS is_valid,
       k.connoinherit AS no_inherit,
       k.coninhcount > 0 AS is_inherited,
       (SELECT pg_catalog.array_agg(a.attname::text ORDER BY o.place)
        FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS o (number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.number) AS columns
FROM pg_catalog.pg_constraint k
WHERE k.contype = 'c' AND k.conrelid = ANY (%(tables)s::oid[])
ORDER BY k.conrelid, k.conname;
