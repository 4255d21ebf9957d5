-- Checks and uniques as databases without PostgreSQL's means write them.
-- Covers: lite-generated, my-collations, my-prefix
-- Only: sqlite
CREATE TABLE person (
  person_id integer NOT NULL PRIMARY KEY,
  handle varchar(20) NOT NULL,
  state varchar(10) NOT NULL CHECK (state IN ('new', 'active', 'gone')),
  score integer NOT NULL CHECK (score BETWEEN 0 AND 100),
  born date NOT NULL,
  hired date NOT NULL,
  gone_on date,
  amount decimal(8, 2) NOT NULL CHECK (amount > 0 AND amount < 500.5),
  quantity integer NOT NULL,
  total decimal(10, 2) NOT NULL,
  phone varchar(20),
  fax varchar(20),
  CHECK (hired >= born),
  CHECK (gone_on IS NULL OR gone_on >= hired),
  CHECK (state <> 'gone' OR gone_on IS NOT NULL),
  CHECK (total = quantity * amount),
  CHECK (phone IS NOT NULL OR fax IS NOT NULL),
  CHECK (length(handle) >= 4)
);
CREATE TABLE seat (
  seat_id integer NOT NULL PRIMARY KEY,
  person_id integer NOT NULL REFERENCES person (person_id),
  area varchar(5) NOT NULL,
  place integer NOT NULL,
  role varchar(10) NOT NULL,
  UNIQUE (area, place)
);
CREATE TABLE link (
  one_id integer NOT NULL REFERENCES person (person_id),
  other_id integer NOT NULL REFERENCES person (person_id),
  weight integer NOT NULL,
  PRIMARY KEY (one_id, other_id),
  CHECK (one_id < other_id)
);
ALTER TABLE person ADD COLUMN code text CHECK (code GLOB '[A-Z][A-Z]-[0-9]*');
ALTER TABLE person ADD COLUMN label text COLLATE NOCASE;
INSERT INTO person
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
SELECT i, 'user' || i, CASE i % 3 WHEN 0 THEN 'new' WHEN 1 THEN 'active' ELSE 'gone' END, i % 101,
       date('1980-01-01', (i * 20) || ' days'), date('2010-01-01', (i * 9) || ' days'),
       CASE WHEN i % 3 = 2 THEN date('2020-01-01', i || ' days') END, i % 90 + 0.5, i % 7 + 1,
       (i % 90 + 0.5) * (i % 7 + 1), CASE WHEN i % 4 THEN '0' || i * 7919 END, CASE WHEN i % 4 = 0 OR i % 5 = 0 THEN '9' || i * 7 END,
       'AB-' || i, 'Label ' || i
FROM n;
CREATE UNIQUE INDEX person_handle ON person (lower(handle));
CREATE UNIQUE INDEX person_label ON person (label);
INSERT INTO seat
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
SELECT i, i % 150 + 1, 'A' || i % 5, i, CASE WHEN i <= 150 THEN 'holder' ELSE 'guest' END FROM n;
CREATE UNIQUE INDEX one_holder ON seat (person_id) WHERE role = 'holder';
INSERT INTO link SELECT p.person_id, q.person_id, p.person_id % 9 FROM person p JOIN person q ON q.person_id BETWEEN p.person_id + 1 AND p.person_id + 3;
-- Only: duckdb
CREATE TABLE person (
  person_id integer NOT NULL PRIMARY KEY,
  handle varchar(20) NOT NULL,
  state varchar(10) NOT NULL CHECK (state IN ('new', 'active', 'gone')),
  score integer NOT NULL CHECK (score BETWEEN 0 AND 100),
  born date NOT NULL,
  hired date NOT NULL,
  gone_on date,
  amount decimal(8, 2) NOT NULL CHECK (amount > 0 AND amount < 500.5),
  quantity integer NOT NULL,
  total decimal(10, 2) NOT NULL,
  phone varchar(20),
  fax varchar(20),
  CHECK (hired >= born),
  CHECK (gone_on IS NULL OR gone_on >= hired),
  CHECK (state <> 'gone' OR gone_on IS NOT NULL),
  CHECK (total = quantity * amount),
  CHECK (phone IS NOT NULL OR fax IS NOT NULL),
  CHECK (length(handle) >= 4)
);
CREATE TABLE seat (
  seat_id integer NOT NULL PRIMARY KEY,
  person_id integer NOT NULL REFERENCES person (person_id),
  area varchar(5) NOT NULL,
  place integer NOT NULL,
  role varchar(10) NOT NULL,
  UNIQUE (area, place)
);
CREATE TABLE link (
  one_id integer NOT NULL REFERENCES person (person_id),
  other_id integer NOT NULL REFERENCES person (person_id),
  weight integer NOT NULL,
  PRIMARY KEY (one_id, other_id),
  CHECK (one_id < other_id)
);
INSERT INTO person
SELECT i, 'user' || i, CASE i % 3 WHEN 0 THEN 'new' WHEN 1 THEN 'active' ELSE 'gone' END, i % 101,
       date '1980-01-01' + (i * 20)::integer, date '2010-01-01' + (i * 9)::integer,
       CASE WHEN i % 3 = 2 THEN date '2020-01-01' + i::integer END, i % 90 + 0.5, i % 7 + 1,
       (i % 90 + 0.5) * (i % 7 + 1), CASE WHEN i % 4 > 0 THEN '0' || i * 7919 END, CASE WHEN i % 4 = 0 OR i % 5 = 0 THEN '9' || i * 7 END
FROM range(1, 151) AS t (i);
INSERT INTO seat
SELECT i, i % 150 + 1, 'A' || i % 5, i, CASE WHEN i <= 150 THEN 'holder' ELSE 'guest' END FROM range(1, 301) AS t (i);
CREATE UNIQUE INDEX seat_key ON seat (lower(area), place);
INSERT INTO link SELECT p.person_id, q.person_id, p.person_id % 9 FROM person p JOIN person q ON q.person_id BETWEEN p.person_id + 1 AND p.person_id + 3;
-- Only: mysql
CREATE TABLE person (
  person_id integer NOT NULL PRIMARY KEY,
  handle varchar(20) NOT NULL,
  state varchar(10) NOT NULL CHECK (state IN ('new', 'active', 'gone')),
  score integer NOT NULL CHECK (score BETWEEN 0 AND 100),
  born date NOT NULL,
  hired date NOT NULL,
  gone_on date,
  amount decimal(8, 2) NOT NULL CHECK (amount > 0 AND amount < 500.5),
  quantity integer NOT NULL,
  total decimal(10, 2) NOT NULL,
  phone varchar(20),
  fax varchar(20),
  CHECK (hired >= born),
  CHECK (gone_on IS NULL OR gone_on >= hired),
  CHECK (state <> 'gone' OR gone_on IS NOT NULL),
  CHECK (total = quantity * amount),
  CHECK (phone IS NOT NULL OR fax IS NOT NULL),
  CHECK (length(handle) >= 4)
);
CREATE TABLE seat (
  seat_id integer NOT NULL PRIMARY KEY,
  person_id integer NOT NULL REFERENCES person (person_id),
  area varchar(5) NOT NULL,
  place integer NOT NULL,
  role varchar(10) NOT NULL,
  UNIQUE (area, place)
);
CREATE TABLE link (
  one_id integer NOT NULL REFERENCES person (person_id),
  other_id integer NOT NULL REFERENCES person (person_id),
  weight integer NOT NULL,
  PRIMARY KEY (one_id, other_id),
  CHECK (one_id < other_id)
);
ALTER TABLE person ADD COLUMN code varchar(12) CHECK (code REGEXP '^[A-Z]{2}-[0-9]+$'), ADD COLUMN label varchar(40), ADD UNIQUE (handle), ADD UNIQUE (label(12));
INSERT INTO person
SELECT seq, concat('User', seq), CASE seq % 3 WHEN 0 THEN 'new' WHEN 1 THEN 'active' ELSE 'gone' END, seq % 101,
       '1980-01-01' + INTERVAL seq * 20 DAY, '2010-01-01' + INTERVAL seq * 9 DAY,
       CASE WHEN seq % 3 = 2 THEN '2020-01-01' + INTERVAL seq DAY END, seq % 90 + 0.5, seq % 7 + 1,
       (seq % 90 + 0.5) * (seq % 7 + 1), CASE WHEN seq % 4 > 0 THEN concat('0', seq * 7919) END,
       CASE WHEN seq % 4 = 0 OR seq % 5 = 0 THEN concat('9', seq * 7) END, concat('AB-', seq), concat('Label ', seq, ' long enough')
FROM seq_1_to_150;
INSERT INTO seat SELECT seq, seq % 150 + 1, concat('A', seq % 5), seq, CASE WHEN seq <= 150 THEN 'holder' ELSE 'guest' END FROM seq_1_to_300;
INSERT INTO link SELECT p.person_id, q.person_id, p.person_id % 9 FROM person p JOIN person q ON q.person_id BETWEEN p.person_id + 1 AND p.person_id + 3;
