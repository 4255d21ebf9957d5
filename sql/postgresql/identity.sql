-- One row: the database's oid, when its server started, and whether the server's identifier may be asked.
-- PostgreSQL 13 to 18.
-- pg_database, pg_postmaster_start_time, has_function_privilege.
SELECT d.oid::text AS database,
       pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())::text AS started,
       pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may_ask
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database();
