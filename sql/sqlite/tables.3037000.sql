-- One row: an ordinary table (neither virtual nor the shadow of one), with its CREATE TABLE.
-- SQLite 3.37 and newer; run on 3.40.
-- Relies on pragma_table_list, sqlite_master.
SELECT l.name, m.sql
FROM pragma_table_list AS l
JOIN sqlite_master AS m ON m.type = 'table' AND m.name = l.name
WHERE l.schema = 'main'
  AND l.type = 'table'
  AND l.name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY l.name
