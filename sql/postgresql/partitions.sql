-- One row per leaf below these partitioned tables: what its rows must keep for the root to take them.
-- PostgreSQL 13 to 18.
-- pg_inherits, pg_partitioned_table, pg_get_partition_constraintdef.  Hash partitions bound nothing:
-- for them it is what the table above says.  bound is NULL where none is left.
WITH RECURSIVE below (root, oid, bound, is_hashed) AS (
    SELECT p.partrelid, p.partrelid, NULL::text, false
    FROM pg_catalog.pg_partitioned_table p
    WHERE p.partrelid = ANY (%(tables)s::oid[])
    UNION ALL
    SELECT b.root, i.inhrelid,
           CASE WHEN b.is_hashed OR p.partstrat = 'h' THEN b.bound
                ELSE pg_catalog.pg_get_partition_constraintdef(i.inhrelid) END,
           b.is_hashed OR p.partstrat = 'h'
    FROM below b
    JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = b.oid
    JOIN pg_catalog.pg_inherits i ON i.inhparent = b.oid
)
SELECT b.root::bigint AS oid, b.oid::bigint AS leaf, c.relname::text AS name, b.bound
FROM below b
JOIN pg_catalog.pg_class c ON c.oid = b.oid
WHERE c.relkind <> 'p'
ORDER BY b.root, c.relname, b.oid;
