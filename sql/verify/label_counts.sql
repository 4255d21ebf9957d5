-- One row per different value of a column beside which another one is not NULL: how many rows have it, most first.
-- Runs on PostgreSQL 13+, MySQL 8, MariaDB 10.6+, SQLite 3.35+, DuckDB 1+.
-- Relies on no catalog.  Slots: text (the column, as text), table, column, beside (the other one), most (a number).
SELECT {text} AS label, count(*) AS n_rows
FROM {table}
WHERE {column} IS NOT NULL
  AND {beside} IS NOT NULL
GROUP BY {text}
ORDER BY count(*) DESC, {text}
LIMIT {most}
