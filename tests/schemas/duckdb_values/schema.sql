-- Values that only DuckDB has, nested ones above all.
-- Covers: duck-nested
-- Only: duckdb
CREATE TYPE mood AS ENUM ('calm', 'it''s fine', 'a,b');
CREATE TYPE place AS STRUCT(x INTEGER, y INTEGER);
CREATE TABLE reading (
  id INTEGER PRIMARY KEY,
  many INTEGER[] NOT NULL,
  three DOUBLE[3],
  texts VARCHAR[] NOT NULL,
  spot place,
  "odd one" STRUCT("a b" INTEGER, "q""t" VARCHAR[], d DATE),
  counts MAP(VARCHAR, INTEGER),
  either UNION(num INTEGER, word VARCHAR),
  felt mood NOT NULL,
  felt_all mood[],
  raw_parts STRUCT(b BLOB, n INTEGER)
);
CREATE TABLE plain (
  id BIGINT PRIMARY KEY,
  huge HUGEINT NOT NULL,
  unsigned UHUGEINT,
  tiny UTINYINT,
  whole UBIGINT,
  money DECIMAL(12, 2),
  wide DECIMAL(38, 10),
  took INTERVAL,
  zoned TIMETZ,
  seconds TIMESTAMP_S,
  millis TIMESTAMP_MS,
  nanos TIMESTAMP_NS,
  instant TIMESTAMPTZ,
  flags BIT,
  bytes BLOB,
  token UUID DEFAULT uuid(),
  doc JSON,
  ratio FLOAT,
  yes BOOLEAN,
  name VARCHAR COLLATE nocase UNIQUE
);
INSERT INTO reading
SELECT
  i, [i % 7, NULL, i], [i / 4, 1.5, 0], ['a', 'it''s ' || i % 3, NULL], {'x': i, 'y': i % 5},
  {'a b': i % 4, 'q"t': ['x, y'], 'd': DATE '2020-01-01' + CAST(i AS INTEGER)}, MAP {'k' || i % 3: i, '': 0},
  CASE WHEN i % 2 = 0 THEN CAST(CAST(i AS INTEGER) AS UNION(num INTEGER, word VARCHAR)) ELSE CAST('it ' || i AS UNION(num INTEGER, word VARCHAR)) END,
  CASE i % 3 WHEN 0 THEN 'calm' WHEN 1 THEN 'it''s fine' ELSE 'a,b' END,
  [CAST('a,b' AS mood)], {'b': '\xAA\x00'::BLOB, 'n': i}
FROM range(80) AS t (i);
INSERT INTO plain
SELECT
  i, CASE WHEN i = 7 THEN 170141183460469231731687303715884105727 ELSE CAST(i AS HUGEINT) * 1000000000000000000000 END, i * 3, i % 200, 18446744073709551615 - i,
  i * 1.25, i / 7.0, to_days(CAST(i % 40 AS INTEGER)) + INTERVAL '2 hours', TIMETZ '12:00:00+02',
  TIMESTAMP '2020-01-01' + to_hours(i), TIMESTAMP '2020-01-01 00:00:00.123' + to_hours(i),
  CASE WHEN i % 30 = 0 THEN 'infinity' ELSE TIMESTAMP_NS '2020-01-01 00:00:00.123456789' END,
  TIMESTAMPTZ '2020-01-01 00:00:00+00' + to_hours(i), '1010', '\x00\xFF'::BLOB, uuid(),
  {'n': i}, CASE WHEN i % 20 = 0 THEN 'nan' ELSE i / 3 END, i % 3 = 0, 'Name ' || i
FROM range(80) AS t (i);
