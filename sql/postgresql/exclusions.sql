-- One row per exclusion constraint of the tables with these oids (temporal keys included).
-- PostgreSQL 13 to 18.
-- pg_constraint (conexclop), pg_index, pg_get_indexdef, pg_operator.
SELECT k.conrelid::bigint AS oid,
       k.conname::text AS name,
       k.contype::text AS kind,
       e.expressions,
       e.operators,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
       pg_catalog.pg_get_constraintdef(k.oid) AS definition
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_index i ON i.indexrelid = k.conindid
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(
               pg_catalog.pg_get_indexdef(k.conindid, o.place::int, false) ORDER BY o.place
           ) AS expressions,
           pg_catalog.array_agg(p.oprname::text ORDER BY o.place) AS operators
    FROM pg_catalog.unnest(k.conexclop) WITH ORDINALITY AS o (operator, place)
    JOIN pg_catalog.pg_operator p ON p.oid = o.operator
) e
WHERE k.conrelid = ANY (%(tables)s::oid[]) AND k.conexclop IS NOT NULL
ORDER BY k.conrelid, k.conname;
