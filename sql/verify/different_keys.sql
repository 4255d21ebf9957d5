-- One row: how many different complete keys the rows of a table have.
-- Runs on PostgreSQL 13+, MySQL 8, MariaDB 10.6+, SQLite 3.35+, DuckDB 1+.
-- Relies on no catalog.  Slots: columns (the key), child (a table); complete (no key column is NULL).
SELECT count(*) AS different
FROM (
  SELECT DISTINCT {columns}
  FROM {child} AS c
  WHERE {complete}
) AS d
