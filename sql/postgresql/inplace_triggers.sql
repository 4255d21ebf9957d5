-- One row per trigger of these tables that people made: its table, and when it fires.
-- PostgreSQL 13 to 18.  Parameter: names, the tables' quoted names.
-- pg_trigger (tgenabled: O as usual, A always, R only in a replica, D not; tgtype bits 4 and 16:
-- INSERT, UPDATE).
SELECT t.name AS table_name,
       g.tgname AS name,
       g.tgenabled AS enabled,
       (g.tgtype & 20) <> 0 AS is_for_rows
FROM pg_catalog.unnest(%(names)s::text[]) WITH ORDINALITY AS t (name, place)
JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.name::pg_catalog.regclass
WHERE NOT g.tgisinternal
ORDER BY t.place, g.tgname;
