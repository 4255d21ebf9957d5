-- Sets of keys of which all or nearly all combinations are used, also of three parents and of one
-- parent twice; rows of which each parent has exactly one; pairs of few labels.
-- Not: mysql (it divides integers otherwise)
-- Not: duckdb, whose / does not stay within whole numbers
CREATE TABLE seat (
  id integer PRIMARY KEY,
  label varchar(4) NOT NULL UNIQUE
);
CREATE TABLE performance (
  id integer PRIMARY KEY,
  week integer NOT NULL
);
CREATE TABLE ticket (
  seat_id integer NOT NULL REFERENCES seat (id),
  performance_id integer NOT NULL REFERENCES performance (id),
  price numeric(6, 2) NOT NULL,
  PRIMARY KEY (seat_id, performance_id)
);
CREATE TABLE stub (
  id integer PRIMARY KEY,
  seat_id integer NOT NULL,
  performance_id integer NOT NULL,
  torn_at timestamp,
  UNIQUE (seat_id, performance_id),
  FOREIGN KEY (seat_id, performance_id) REFERENCES ticket (seat_id, performance_id)
);
CREATE TABLE neighbour (
  left_id integer NOT NULL REFERENCES seat (id),
  right_id integer NOT NULL REFERENCES seat (id),
  PRIMARY KEY (left_id, right_id)
);
CREATE TABLE shift (
  weekday varchar(12) NOT NULL,
  duty varchar(12) NOT NULL,
  people integer,
  PRIMARY KEY (weekday, duty)
);
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 23)
INSERT INTO seat SELECT i + 1, CASE i / 12 WHEN 0 THEN 'A' ELSE 'B' END || (i % 12 + 1) FROM n;
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
INSERT INTO performance
SELECT i + 1, i / 3 FROM n;
INSERT INTO ticket
SELECT s.id, p.id, 10 + s.id % 3 * 2.5 FROM seat AS s CROSS JOIN performance AS p;
INSERT INTO stub
SELECT performance_id * 100 + seat_id, seat_id, performance_id, NULL FROM ticket
WHERE (seat_id * 7 + performance_id) % 11 > 0;
INSERT INTO neighbour
SELECT a.id, b.id FROM seat AS a CROSS JOIN seat AS b WHERE a.id + 6 > b.id AND b.id + 6 > a.id;
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 41)
INSERT INTO shift
SELECT
  CASE i % 7 WHEN 0 THEN 'monday' WHEN 1 THEN 'tuesday' WHEN 2 THEN 'wednesday'
  WHEN 3 THEN 'thursday' WHEN 4 THEN 'friday' WHEN 5 THEN 'saturday' ELSE 'sunday' END,
  CASE i / 7 WHEN 0 THEN 'door' WHEN 1 THEN 'bar' WHEN 2 THEN 'light' WHEN 3 THEN 'sound'
  WHEN 4 THEN 'stage' ELSE 'office' END, i % 4
FROM n;
