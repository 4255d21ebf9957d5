-- One row: a column of one table, in order; hidden is 2 (virtual) or 3 (stored) if it is generated.
-- SQLite 3.31 and newer; run on 3.40.
-- Relies on pragma_table_xinfo.
SELECT name, type, "notnull", dflt_value, pk, hidden
FROM pragma_table_xinfo(?)
WHERE hidden <> 1
ORDER BY cid
