-- One row: a view, a trigger or a virtual table, with its CREATE statement.
-- SQLite 3.8 and newer; run on 3.40.
-- Relies on sqlite_master; rowid keeps the order in which the objects were made.
SELECT CASE type WHEN 'table' THEN 'virtual table' ELSE type END AS kind, name, sql
FROM sqlite_master
WHERE type IN ('view', 'trigger')
   OR (type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%')
ORDER BY rowid
