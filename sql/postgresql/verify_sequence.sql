-- One row: the value that a sequence hands out next, and in which direction it counts.
-- Runs on PostgreSQL 13+.  Slots: sequence (quoted and qualified), name (the same as a string constant).
-- Relies on pg_sequence, and on the sequence itself, which knows better than pg_sequences.
SELECT CASE WHEN s.is_called THEN s.last_value + d.seqincrement ELSE s.last_value END AS next_value,
       d.seqincrement AS increment
FROM {sequence} AS s
CROSS JOIN pg_catalog.pg_sequence AS d
WHERE d.seqrelid = {name}::pg_catalog.regclass
