-- One row per collation that the server knows.
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on information_schema.COLLATIONS.
SELECT collation_name FROM information_schema.collations ORDER BY collation_name
