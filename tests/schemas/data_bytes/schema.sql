-- Texts with line breaks of every kind, tabs, backslashes, what looks like the end of COPY, quotes,
-- combining marks, emoji and writing from right to left; as attributes, labels and keys.
-- Covers: data-bytes
CREATE TABLE phrase (
  words varchar(60) PRIMARY KEY,
  kind varchar(20) NOT NULL
);
CREATE TABLE saying (
  id integer PRIMARY KEY,
  words varchar(60) NOT NULL REFERENCES phrase (words),
  label varchar(60) NOT NULL,
  free text NOT NULL
);
CREATE TABLE listed (
  id integer PRIMARY KEY,
  mark text NOT NULL,
  CHECK (mark IN ('a,b', 'it''s', 'say "x"', '\N', '\.', '100%', 'ünï', '😀', 'שלום', ''))
);
-- Only: sqlite
INSERT INTO phrase
SELECT column1, 'kind ' || length(column1) FROM (VALUES
  ('two' || char(13, 10) || 'lines'), ('two' || char(10) || 'lines'), ('old' || char(13) || 'mac'),
  ('tab' || char(9) || 'tab'), ('\N'), ('\.'), ('a' || char(10) || '\.' || char(10) || 'b'),
  ('back\slash\\'), ('quo"te'), ('quo''te'), ('percent %s %(x)s'), ('null' || char(8203) || 'width'),
  ('e' || char(769) || ' é'), ('😀👩‍👩‍👧'), ('שלום עולם'), ('مرحبا'), (' blank around '), ('NULL'),
  (char(65279) || 'mark'), ('ñandú'), ('{"json": [1]}'), ('<xml/>'), ('1e5'), ('-0')
);
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 239)
INSERT INTO saying
SELECT
  i + 1, p.words, p.words, p.words || char(10) || i || char(9) || '\.' || char(13, 10) || '😀' || i
FROM n JOIN (SELECT words, row_number() OVER (ORDER BY words) - 1 AS place FROM phrase) AS p
  ON p.place = i % 24;
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
INSERT INTO listed
SELECT i + 1, CASE i % 10 WHEN 0 THEN 'a,b' WHEN 1 THEN 'it''s' WHEN 2 THEN 'say "x"'
  WHEN 3 THEN '\N' WHEN 4 THEN '\.' WHEN 5 THEN '100%' WHEN 6 THEN 'ünï' WHEN 7 THEN '😀'
  WHEN 8 THEN 'שלום' ELSE '' END
FROM n;
-- Only: postgresql
INSERT INTO phrase
SELECT column1, 'kind ' || length(column1) FROM (VALUES
  (E'two\r\nlines'), (E'two\nlines'), (E'old\rmac'),
  (E'tab\ttab'), ('\N'), ('\.'), (E'a\n\\.\nb'),
  ('back\slash\\'), ('quo"te'), ('quo''te'), ('percent %s %(x)s'), (U&'null\200Bwidth'),
  (U&'e\0301 é'), ('😀👩‍👩‍👧'), ('שלום עולם'), ('مرحبا'), (' blank around '), ('NULL'),
  (U&'\FEFFmark'), ('ñandú'), ('{"json": [1]}'), ('<xml/>'), ('1e5'), ('-0')
) AS v;
INSERT INTO saying
SELECT i + 1, p.words, p.words, p.words || E'\n' || i || E'\t\\.\r\n😀' || i
FROM generate_series(0, 239) AS i
JOIN (SELECT words, row_number() OVER (ORDER BY words) - 1 AS place FROM phrase) AS p
  ON p.place = i % 24;
INSERT INTO listed
SELECT i + 1, (ARRAY['a,b', 'it''s', 'say "x"', '\N', '\.', '100%', 'ünï', '😀', 'שלום', ''])[i % 10 + 1]
FROM generate_series(0, 99) AS i;
