-- One row: how many rows repeat a key that an earlier row has already.
-- Runs on PostgreSQL 13+, MySQL 8, MariaDB 10.6+, SQLite 3.35+, DuckDB 1+.
-- Relies on no catalog.  Slots: columns (the key), table, alias (its real name), covered (rows that the rule is about).
SELECT coalesce(sum(d.n - 1), 0) AS violations
FROM (
  SELECT count(*) AS n
  FROM {table} AS {alias}
  WHERE {covered}
  GROUP BY {columns}
  HAVING count(*) > 1
) AS d
