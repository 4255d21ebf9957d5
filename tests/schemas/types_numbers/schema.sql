-- Numbers, dates and times up to the ends of their types, and beyond the calendar.
-- Covers: pg-integers, pg-numeric, pg-money, pg-floats, pg-moments, pg-zones, pg-interval
-- Covers: pg-boolean, pg-bits, pg-oids, pg-system
-- Only: postgresql
CREATE TABLE edge (
  id bigint PRIMARY KEY,
  tiny smallint,
  whole integer NOT NULL,
  huge bigint,
  exact numeric(9, 2),
  free numeric,
  wide numeric(60, 5),
  hundreds numeric(3, -2),
  thousandths numeric(2, 4),
  priced money NOT NULL,
  light real,
  heavy double precision,
  is_on boolean NOT NULL,
  flags bit(6),
  switches bit varying(90)
);
INSERT INTO edge
SELECT 9223372036854775807 - n,
       CASE n % 7 WHEN 0 THEN -32768 WHEN 1 THEN 32767 ELSE n END,
       CASE n % 9 WHEN 0 THEN -2147483648 WHEN 1 THEN 2147483647 ELSE n * n END,
       CASE n % 5 WHEN 0 THEN -9223372036854775808 ELSE 1000000007::bigint * n END,
       (n * 37 % 1000) / 7.0,
       CASE n % 10 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity'
                   ELSE 12345678901234567.25 * n END,
       n * 1e50 + 0.12345,
       n * 300,
       n * 0.00005,
       n * 1.25 - 20,
       CASE n % 10 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' WHEN 2 THEN '3.4e38' ELSE n / 3.0 END,
       CASE n % 10 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-Infinity'
                   WHEN 3 THEN '1e-300' ELSE n / 7.0 END,
       n % 3 = 0,
       (n % 64)::bit(6),
       (repeat('10', n % 45) || '1')::bit varying
FROM generate_series(1, 120) n;

CREATE TABLE moment (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  day date NOT NULL,
  valid_to date,
  seen timestamp,
  seen_there timestamptz NOT NULL,
  opens time,
  closes time with time zone,
  lasted interval,
  renewed interval NOT NULL
);
INSERT INTO moment (day, valid_to, seen, seen_there, opens, closes, lasted, renewed)
SELECT date '2020-01-01' + n,
       CASE n % 4 WHEN 0 THEN 'infinity' WHEN 1 THEN NULL ELSE date '2021-01-01' + n END,
       CASE n % 10 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '0044-03-15 BC'
                   WHEN 3 THEN '12024-02-29 12:00' ELSE timestamp '2022-01-01' + n * interval '7 hours' END,
       CASE WHEN n % 6 = 0 THEN 'infinity' ELSE timestamptz '2022-01-01+02' + n * interval '11 minutes' END,
       CASE n % 5 WHEN 0 THEN '24:00' ELSE time '06:00' + n % 3 * interval '15 minutes' END,
       ((time '18:00' + n % 7 * interval '10 minutes')::text
        || (ARRAY['+02', '-05:30', '+00'])[1 + n % 3])::timetz,
       (n * 17 % 100 - 20) * interval '13 minutes',
       CASE n % 4 WHEN 0 THEN interval '1 mon' WHEN 1 THEN interval '1 year -2 days'
                  ELSE make_interval(0, n % 11, 0, n, 0, 0, n / 10.0) END
FROM generate_series(1, 200) n;

CREATE TABLE server_made (
  id oid PRIMARY KEY,
  kind regclass NOT NULL,
  maker regproc,
  position pg_lsn,
  writer xid,
  wide_writer xid8,
  place tid,
  snap pg_snapshot NOT NULL,
  image oid
);
INSERT INTO server_made
SELECT 100000 + n, (ARRAY['pg_class', 'edge', 'moment'])[1 + n % 3]::regclass, 'now'::regproc,
       format('%s/%s', to_hex(n), to_hex(n * 7919))::pg_lsn, (n + 700)::text::xid,
       (n + 7000000000)::text::xid8, format('(%s,%s)', n, n % 9)::tid,
       format('%s:%s:', n + 10, n + 20)::pg_snapshot, lo_from_bytea(0, 'nothing')
FROM generate_series(1, 100) n;
