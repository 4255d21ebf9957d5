-- One row: how many rows a table has, how many of them break each rule, and extremes of columns.
-- Runs on PostgreSQL 13+, MySQL 8, MariaDB 10.6+, SQLite 3.35+, DuckDB 1+.
-- Relies on no catalog.  Slots: measures (further columns), table, alias (its real name: checks may use it).
SELECT count(*) AS n_rows{measures}
FROM {table} AS {alias}
