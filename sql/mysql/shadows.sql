-- One row per database that a load of this target has left behind or is using now.
-- MariaDB 10.5+, MySQL 8.0.16+.
-- Relies on information_schema.SCHEMATA.
SELECT schema_name FROM information_schema.schemata
WHERE LEFT(schema_name, CHAR_LENGTH(%s)) = %s
ORDER BY schema_name
