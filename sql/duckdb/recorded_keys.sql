-- One row: the foreign keys that could not be declared when dbsynth wrote this file, as JSON.
-- DuckDB 1.1 and newer; run on 2.0.0.
-- Relies on the table _dbsynth, which dbsynth writes into every target.
SELECT value
FROM main._dbsynth
WHERE key = 'references'
