-- One row for every number of children that parents have: how many parents have so many.
-- Runs on PostgreSQL 13+, MySQL 8, MariaDB 10.6+, SQLite 3.35+, DuckDB 1+.
-- Relies on no catalog.  Slots: child (table); complete (no key column is NULL), columns (of the key).
SELECT n_children, count(*) AS n_parents
FROM (SELECT count(*) AS n_children FROM {child} AS c WHERE {complete} GROUP BY {columns}) AS fanouts
GROUP BY n_children
ORDER BY n_children
