-- One row per right that a load needs (schemas that exist already), and whether this user has it.
-- PostgreSQL 13 to 18.
-- pg_namespace, has_schema_privilege, has_database_privilege, pg_is_in_recovery.
SELECT 'CREATE on schema ' || n.nspname AS privilege,
       pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS is_held
FROM pg_catalog.pg_namespace n
WHERE n.nspname = 'public'
UNION ALL
SELECT 'the right to write (the server is a read-only standby)', NOT pg_catalog.pg_is_in_recovery()
UNION ALL
SELECT 'CREATE on the database (schema public is missing)',
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public')
ORDER BY privilege;
