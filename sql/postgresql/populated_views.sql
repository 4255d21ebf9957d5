-- One row per materialized view that holds rows.
-- PostgreSQL 13 to 18.
-- pg_class.
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated
ORDER BY n.nspname, c.relname;
