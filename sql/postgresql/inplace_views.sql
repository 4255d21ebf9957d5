-- One row per materialized view that was filled, in the order of their making, which works for REFRESH.
-- PostgreSQL 13 to 18.
-- pg_class, pg_has_role.
SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS name,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_owner
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated
ORDER BY c.oid;
