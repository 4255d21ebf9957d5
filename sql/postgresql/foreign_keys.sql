-- One row per foreign key of the tables with these oids, columns in the key's own order.
-- PostgreSQL 13 to 18.
-- pg_constraint (contype f; conparentid <> 0 are the copies on partitions), pg_attribute.
SELECT k.conrelid::bigint AS oid,
       k.conname AS name,
       k.confrelid::bigint AS parent,
       (SELECT pg_catalog.array_agg(a.attname::text ORDER BY o.place)
        FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS o (number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.number) AS columns,
       (SELECT pg_catalog.array_agg(a.attname::text ORDER BY o.place)
        FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS o (number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = o.number
       ) AS parent_columns,
       k.confdeltype AS on_delete,
       k.confupdtype AS on_update,
       k.confmatchtype = 'f' AS match_full,
       k.convalidated AS is_valid,
       k.condeferrable AS is_deferrable,
       k.condeferred AS is_initially_deferred
FROM pg_catalog.pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = ANY (%(tables)s::oid[])
ORDER BY k.conrelid, k.conname;
