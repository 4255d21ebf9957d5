-- One row: for some columns of a table, how many values and how many different ones there are.
-- Runs on PostgreSQL 13+, MySQL 8, MariaDB 10.6+, SQLite 3.35+, DuckDB 1+.
-- Relies on no catalog.  Slots: measures (two counts for each column), table.
SELECT {measures}
FROM {table}
