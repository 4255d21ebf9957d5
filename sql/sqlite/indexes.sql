-- One row: a column of an index of one table; name is NULL if the index covers an expression there.
-- SQLite 3.16 and newer; run on 3.40.
-- Relies on pragma_index_list, pragma_index_xinfo, sqlite_master; origin is c, u or pk.
SELECT l.name AS "index", l."unique", l.origin, l.partial, x.name, x."desc", x.coll, m.sql
FROM pragma_index_list(?) AS l
JOIN pragma_index_xinfo(l.name) AS x ON x.key = 1
LEFT JOIN sqlite_master AS m ON m.type = 'index' AND m.name = l.name
ORDER BY l.name, x.seqno
