-- One row: what a sequence was set to, so that it goes on past all rows that use it.
-- PostgreSQL 13 to 18.  Slots: sequence (a text literal), rows (a SELECT of one column, used).
-- pg_sequence, setval.
WITH used AS (
    SELECT min(r.used) AS lowest, max(r.used) AS highest FROM ({rows}) r
), reached AS (
    SELECT s.seqstart,
           CASE WHEN s.seqincrement > 0 AND u.highest BETWEEN s.seqmin AND s.seqmax THEN u.highest
                WHEN s.seqincrement < 0 AND u.lowest BETWEEN s.seqmin AND s.seqmax THEN u.lowest
           END AS last
    FROM pg_catalog.pg_sequence s CROSS JOIN used u
    WHERE s.seqrelid = {sequence}::regclass
)
SELECT pg_catalog.setval({sequence}::regclass, coalesce(last, seqstart), last IS NOT NULL) AS last
FROM reached;
