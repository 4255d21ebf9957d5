-- One row: how many rows of a table have a complete key.
-- Runs on PostgreSQL 13+, MySQL 8, MariaDB 10.6+, SQLite 3.35+, DuckDB 1+.
-- Relies on no catalog.  Slots: child (a table); complete (no key column is NULL).
SELECT count(*) AS complete
FROM {child} AS c
WHERE {complete}
