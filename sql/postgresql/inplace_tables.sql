-- One row per table that is there: whether this user owns it and what it may do with it.
-- PostgreSQL 13 to 18.  Parameter: names, the tables' quoted names.
-- pg_class, pg_has_role, has_table_privilege.
SELECT t.name,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_owner,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AS may_select,
       pg_catalog.has_table_privilege(c.oid, 'INSERT') AS may_insert,
       pg_catalog.has_table_privilege(c.oid, 'UPDATE') AS may_update
FROM pg_catalog.unnest(%(names)s::text[]) WITH ORDINALITY AS t (name, place)
JOIN pg_catalog.pg_class c ON c.oid = t.name::pg_catalog.regclass
ORDER BY t.place;
