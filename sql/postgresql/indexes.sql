-- One row per valid index of the tables with these oids, that of the primary key included.
-- PostgreSQL 13 and 14.
-- pg_index (key columns by indkey, NULL for an expression), pg_constraint, pg_get_indexdef.
SELECT i.indrelid::bigint AS oid,
       x.relname AS name,
       i.indisprimary AS is_primary,
       i.indisunique AS is_unique,
       c.conname AS constraint_name,
       false AS nulls_not_distinct,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
       pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
       k.columns,
       k.expressions,
       k.is_folded,
       EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid) AS is_inherited,
       coalesce(c.condeferrable, false) OR i.indnatts > i.indnkeyatts OR k.has_details AS has_details
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_catalog.pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid
    AND c.contype IN ('p', 'u')
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::text ORDER BY o.place) AS columns,
           pg_catalog.array_agg(
               pg_catalog.pg_get_indexdef(i.indexrelid, o.place::int, false) ORDER BY o.place
           ) AS expressions,
           bool_or(NOT coalesce(n.collisdeterministic, true)) AS is_folded,
           bool_or(i.indoption[o.place - 1] <> 0 OR NOT p.opcdefault
                   OR i.indcollation[o.place - 1] <> coalesce(a.attcollation, 0)) AS has_details
    FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS o (number, place)
    LEFT JOIN pg_catalog.pg_attribute a
        ON a.attrelid = i.indrelid AND a.attnum = o.number AND o.number > 0
    LEFT JOIN pg_catalog.pg_collation n ON n.oid = i.indcollation[o.place - 1]
    JOIN pg_catalog.pg_opclass p ON p.oid = i.indclass[o.place - 1]
    WHERE o.place <= i.indnkeyatts
) k
WHERE i.indrelid = ANY (%(tables)s::oid[]) AND i.indisvalid AND NOT i.indisexclusion
ORDER BY i.indrelid, x.relname;
