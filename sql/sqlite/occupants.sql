-- One row: a table or view that a user made.
-- SQLite 3.8 and newer; run on 3.40.
-- Relies on sqlite_master.
SELECT name
FROM sqlite_master
WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY name
