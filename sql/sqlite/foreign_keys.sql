-- One row: a column pair of a foreign key of one table; "to" is NULL where the parent's key is meant.
-- SQLite 3.16 and newer; run on 3.40.
-- Relies on pragma_foreign_key_list, which numbers the keys from the last declared to the first.
SELECT id, "table", "from", "to", on_update, on_delete
FROM pragma_foreign_key_list(?)
ORDER BY id DESC, seq
