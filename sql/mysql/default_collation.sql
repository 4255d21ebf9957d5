-- One row: the collation that tables of the database have unless they say otherwise.
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on information_schema.SCHEMATA.
SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = %s
