-- One row: what this user may do besides: temporary tables, and writing the reserved table.
-- PostgreSQL 13 to 18.  Parameter: reserved, the reserved table's quoted name.
-- has_database_privilege, has_schema_privilege, has_table_privilege, pg_has_role.
SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMP') AS may_stage,
       coalesce(pg_catalog.has_schema_privilege(
           (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public'), 'CREATE'
       ), false) AS may_create,
       pg_catalog.to_regclass(%(reserved)s) IS NOT NULL AS has_record,
       coalesce((
           SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE')
           FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(%(reserved)s)
       ), false) AS owns_record;
