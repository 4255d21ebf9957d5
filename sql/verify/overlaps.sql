-- One row: how many pairs of rows an exclusion constraint forbids.
-- Runs on PostgreSQL 13+; no other database has such constraints.
-- Relies on no catalog.  Slots: elements (expressions AS e0, e1 …), table, alias (its real name), covered (rows that the rule is about), excluded (the operators' conditions on a and b).
WITH numbered AS (
  SELECT row_number() OVER () AS row_number, {elements}
  FROM {table} AS {alias}
  WHERE {covered}
)
SELECT count(*) AS violations
FROM numbered AS a
JOIN numbered AS b ON a.row_number < b.row_number AND {excluded}
