-- One row per schema of the database.
-- PostgreSQL 13 to 18.
-- pg_namespace.
SELECT n.nspname AS name FROM pg_catalog.pg_namespace n ORDER BY n.nspname;
