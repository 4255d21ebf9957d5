-- One row: a table, index, view or trigger, with the statement that made it, in the order of making.
-- SQLite 3.8 and newer; run on 3.40.
-- Relies on sqlite_master, which keeps each statement as it was written but for what precedes the name.
SELECT type, name, tbl_name, sql
FROM sqlite_master
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY rowid
