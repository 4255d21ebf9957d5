-- One row: whether a table of that name is there (1 or 0).
-- Runs on SQLite 3.35+.  Slot: table (a string constant).
-- Relies on sqlite_master.
SELECT count(*) AS found
FROM sqlite_master
WHERE type = 'table'
  AND name = {table}
