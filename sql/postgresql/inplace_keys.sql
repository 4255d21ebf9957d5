-- One row per foreign key of these tables: its table, how to make it again, and its comment.
-- PostgreSQL 13 to 18.  Parameter: names, the tables' quoted names.
-- pg_constraint (conparentid: not 0 for a partition's copy of its table's key), pg_get_constraintdef.
SELECT t.name AS table_name,
       k.conname AS name,
       k.condeferrable AS is_deferrable,
       pg_catalog.pg_get_constraintdef(k.oid) AS definition,
       pg_catalog.obj_description(k.oid, 'pg_constraint') AS comment
FROM pg_catalog.unnest(%(names)s::text[]) WITH ORDINALITY AS t (name, place)
JOIN pg_catalog.pg_constraint k ON k.conrelid = t.name::pg_catalog.regclass
WHERE k.contype = 'f' AND k.conparentid = 0
ORDER BY t.place, k.conname;
