-- One row: about how many rows a table has, its partitions together; NULL if it was never analyzed.
-- PostgreSQL 13 to 18.
-- pg_class (relpages, reltuples: as at the last VACUUM, ANALYZE or index build; reltuples -1 or, before 14, pages 0:
-- never), pg_partition_tree, pg_relation_size (as it is now; 0 for the partitioned table itself).
SELECT CASE WHEN pg_catalog.bool_and(c.relpages > 0 AND c.reltuples >= 0) THEN
         pg_catalog.sum(c.reltuples::float8 / greatest(c.relpages, 1)
           * (pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int))
       END AS rows
FROM (SELECT %(table)s::pg_catalog.regclass AS oid) t
CROSS JOIN LATERAL (
  SELECT t.oid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(t.oid) p
) AS parts
JOIN pg_catalog.pg_class c ON c.oid = parts.oid AND c.relkind = 'r'
