-- One row: the value that a table's AUTO_INCREMENT column gets next.
-- Runs on MySQL 8, MariaDB 10.6+.  Slots: database (an expression), table (its name as a string constant).
-- Relies on information_schema.tables; MySQL 8 caches it until the next ANALYZE TABLE.
SELECT auto_increment AS next_value,
       1 AS increment
FROM information_schema.tables
WHERE table_schema = {database}
  AND table_name = {table}
