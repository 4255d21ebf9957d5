-- One row: the sequence that an identity or serial column owns, quoted and qualified, or NULL.
-- Runs on PostgreSQL 13+.  Slots: table (its quoted name), column (its name), both as string constants.
-- Relies on pg_get_serial_sequence().
SELECT pg_catalog.pg_get_serial_sequence({table}, {column}) AS sequence_name
