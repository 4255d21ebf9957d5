-- One row per different text in a column.
-- Runs on PostgreSQL 13+, MySQL 8, MariaDB 10.6+, SQLite 3.35+, DuckDB 1+.
-- Relies on no catalog.  Slots: text (the column, as text), table, column.
SELECT DISTINCT {text} AS value
FROM {table}
WHERE {column} IS NOT NULL
