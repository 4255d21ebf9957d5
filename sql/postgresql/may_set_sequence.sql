-- One row: whether this user may both set a sequence and read where it stands; NULL without one.
-- PostgreSQL 13 to 18.  Slot: sequence (an expression that gives its name as text).
-- has_sequence_privilege.
SELECT pg_catalog.has_sequence_privilege({sequence}::pg_catalog.regclass, 'UPDATE')
       AND pg_catalog.has_sequence_privilege({sequence}::pg_catalog.regclass, 'SELECT') AS may_set;
