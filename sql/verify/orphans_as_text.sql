-- One row: how many rows of a child table hold, as text, a key that no parent row has.
-- Runs on PostgreSQL 13+, MySQL 8, MariaDB 10.6+, SQLite 3.35+, DuckDB 1+.
-- Relies on no catalog.  Slots: child, parent (tables); complete (the key is not NULL), own (the key), other (the
-- parent's, as text).  A list of texts is looked up quickly everywhere, a comparison of types is not.
SELECT count(*) AS violations
FROM {child} AS c
WHERE {complete}
  AND {own} NOT IN (SELECT {other} FROM {parent} AS p WHERE {other} IS NOT NULL)
