-- One row: whether other tables inherit from a table, whose rows SELECT would show among its own.
-- Runs on PostgreSQL 13+.  Slot: table (the quoted, qualified name as a string constant).
-- Relies on pg_class.
SELECT c.relkind = 'r' AND c.relhassubclass AS has_heirs
FROM pg_catalog.pg_class AS c
WHERE c.oid = {table}::pg_catalog.regclass
