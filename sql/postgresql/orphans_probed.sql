-- One row: how many rows of a few pages of a child table have a complete key that no parent row has.
-- PostgreSQL 13 to 18.
-- Relies on no catalog.  Slots: child, parent (tables); complete (no key column is NULL), joined (keys agree).
-- LIMIT keeps the planner from reading all of a large parent: each of the few rows is looked up in its index.
SELECT count(*) AS violations
FROM {child} AS c
WHERE {complete}
  AND NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {joined} LIMIT 1)
