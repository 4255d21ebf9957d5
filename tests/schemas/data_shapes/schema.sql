-- Empty tables, one row, nothing but NULL, constants, skew, heaps with repeated rows, orphans.
-- Not: mysql
-- Covers: data-small, data-skew, data-heap, data-orphans
CREATE TABLE nobody (
  id integer PRIMARY KEY,
  name text NOT NULL,
  born date
);
CREATE TABLE settings (
  id integer PRIMARY KEY,
  title varchar(40) NOT NULL,
  tax numeric(4, 2) NOT NULL
);
INSERT INTO settings VALUES (1, 'A shop by the sea', 7.50);
CREATE TABLE pair (
  id integer PRIMARY KEY,
  settings_id integer NOT NULL REFERENCES settings (id),
  left_word text,
  right_word text UNIQUE
);
INSERT INTO pair VALUES (1, 1, 'up', 'down'), (2, 1, NULL, 'out');
CREATE TABLE blank (
  id integer PRIMARY KEY,
  number integer,
  word text,
  day date,
  found_at timestamp,
  amount numeric(8, 2),
  is_set boolean,
  nobody_id integer REFERENCES nobody (id),
  always integer NOT NULL,
  constant varchar(10) NOT NULL
);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)
INSERT INTO blank (id, always, constant) SELECT i, 42, 'same' FROM n;
-- Nine of ten rows belong to one parent, and most parents have none.
CREATE TABLE crowd (
  id integer PRIMARY KEY,
  grade varchar(10) NOT NULL
);
CREATE TABLE member (
  id integer PRIMARY KEY,
  crowd_id integer NOT NULL REFERENCES crowd (id),
  weight integer NOT NULL
);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
INSERT INTO crowd SELECT i, CASE WHEN i % 4 = 0 THEN 'high' ELSE 'low' END FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
INSERT INTO member SELECT i, CASE WHEN i % 10 > 0 THEN 17 ELSE i % 5 + 1 END, i % 13 FROM n;
-- No key at all, and every row twice.
CREATE TABLE log_line (
  level varchar(8),
  code integer,
  said text
);
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 119)
INSERT INTO log_line
SELECT CASE WHEN i % 3 = 0 THEN 'warn' ELSE 'info' END, 200 + i / 2 % 5, 'said ' || (i / 2 % 11)
FROM n;
-- No key is declared, some rows lead nowhere; -1, 1900 and 9999 mean that nothing is known.
CREATE TABLE loose (
  id integer PRIMARY KEY,
  crowd_number integer NOT NULL,
  started text NOT NULL,
  ended text NOT NULL,
  score integer NOT NULL
);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
INSERT INTO loose
SELECT
  i, CASE WHEN i % 9 = 0 THEN 900 + i ELSE i % 60 + 1 END,
  CASE WHEN i % 11 = 0 THEN '1900-01-01' ELSE '2023-04-' || (10 + i % 20) END,
  CASE WHEN i % 5 = 0 THEN '2024-02-' || (10 + i % 18) ELSE '9999-12-31' END,
  CASE WHEN i % 6 = 0 THEN -1 ELSE i % 100 END
FROM n;
