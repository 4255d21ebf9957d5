-- Trees whose keys are unique, alone or with other columns, are their own roots, or stay in a place.
-- Covers: pg-cycles
-- Not: mysql (it divides integers otherwise)
-- Not: duckdb, whose / does not stay within whole numbers
CREATE TABLE node (
  id integer PRIMARY KEY,
  parent_id integer REFERENCES node (id),
  place integer NOT NULL,
  name text,
  UNIQUE (parent_id, place)
);
-- A chain: no row comes after two others.
CREATE TABLE page (
  id integer PRIMARY KEY,
  previous_id integer UNIQUE REFERENCES page (id),
  words integer NOT NULL
);
-- Roots refer to themselves.
CREATE TABLE account (
  number varchar(12) PRIMARY KEY,
  master varchar(12) NOT NULL REFERENCES account (number),
  opened integer NOT NULL
);
CREATE TABLE forum (
  id integer PRIMARY KEY,
  title text NOT NULL
);
-- Answers stay in their forum, and lead to a number that not every post has.
CREATE TABLE post (
  forum_id integer NOT NULL REFERENCES forum (id),
  id integer NOT NULL,
  label integer,
  answers integer,
  body text,
  PRIMARY KEY (forum_id, id),
  UNIQUE (forum_id, label),
  FOREIGN KEY (forum_id, answers) REFERENCES post (forum_id, label)
);
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
INSERT INTO node
SELECT i + 1, CASE WHEN i > 0 THEN (i - 1) / 4 + 1 END, i % 4 + 1, 'node ' || i FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)
INSERT INTO page SELECT i, CASE WHEN i % 10 <> 1 THEN i - 1 END, i * 37 % 90 FROM n;
WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1069)
INSERT INTO account
SELECT 'K-' || i, 'K-' || (i - (i - 1000) % 7), 2015 + i % 9 FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24)
INSERT INTO forum SELECT i, 'forum ' || i FROM n;
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 143)
INSERT INTO post
SELECT
  i % 24 + 1, i / 24 + 1, CASE WHEN i / 24 <> 3 THEN i / 24 * 10 END,
  CASE WHEN i / 24 > 1 THEN 10 END, 'words ' || i
FROM n;
