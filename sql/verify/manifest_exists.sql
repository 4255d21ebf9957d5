-- One row: whether a table of that name is there (1 or 0).
-- Runs on PostgreSQL 13+, MySQL 8, MariaDB 10.6+, DuckDB 1+.
-- Relies on information_schema.tables.  Slots: schema (an expression), table (a string constant).
SELECT count(*) AS found
FROM information_schema.tables
WHERE table_schema = {schema}
  AND table_name = {table}
