-- One row per right that a load needs, whether this user has it, and whether only to create tables.
-- PostgreSQL 13 to 18.
-- pg_namespace, has_schema_privilege, has_database_privilege, pg_is_in_recovery, current_setting.
SELECT 'CREATE on schema ' || n.nspname AS privilege,
       pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS is_held,
       true AS is_to_create
FROM pg_catalog.pg_namespace n
WHERE n.nspname = 'public'
UNION ALL
SELECT 'the right to write (the server is a read-only standby)', NOT pg_catalog.pg_is_in_recovery(),
       false
UNION ALL
SELECT 'the right to write (default_transaction_read_only is on for this user or database)',
       pg_catalog.pg_is_in_recovery()
       OR pg_catalog.current_setting('default_transaction_read_only') = 'off',
       false
UNION ALL
SELECT 'CREATE on the database (schema public is missing)',
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
       true
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public')
ORDER BY privilege;
