-- One row: how many rows of a child table have a complete key that no parent row has.
-- Runs on PostgreSQL 13+, MySQL 8, MariaDB 10.6+, SQLite 3.35+, DuckDB 1+.
-- Relies on no catalog.  Slots: child, parent (tables); complete (no key column is NULL), joined (keys agree).
SELECT count(*) AS violations
FROM {child} AS c
WHERE {complete}
  AND NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {joined})
