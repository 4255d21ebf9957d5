-- One row: an ordinary table, with its CREATE TABLE statement.
-- SQLite before 3.37; run on 3.34 syntax.
-- Relies on sqlite_master; shadow tables cannot be told apart by their type here.
SELECT name, sql
FROM sqlite_master
WHERE type = 'table'
  AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
  AND sql NOT LIKE 'CREATE VIRTUAL TABLE%'
ORDER BY name
