-- Keys without overlaps, and keys that refer to a period of them.
-- Covers: pg-temporal
-- From: 18
-- Only: postgresql
CREATE TABLE tariff (
  area int4range NOT NULL,
  valid daterange NOT NULL,
  rate numeric(5, 2) NOT NULL,
  PRIMARY KEY (area, valid WITHOUT OVERLAPS)
);
INSERT INTO tariff
SELECT int4range(n % 20, n % 20 + 1), daterange(date '2020-01-01' + n / 20 * 90, date '2020-01-01' + n / 20 * 90 + 80), n % 70
FROM generate_series(0, 119) AS n;
CREATE TABLE bill (
  bill_id integer PRIMARY KEY,
  area int4range,
  period daterange,
  FOREIGN KEY (area, PERIOD period) REFERENCES tariff (area, PERIOD valid)
);
INSERT INTO bill
SELECT n, int4range(n % 20, n % 20 + 1), daterange(date '2020-01-05' + n / 20 % 6 * 90, date '2020-01-15' + n / 20 % 6 * 90)
FROM generate_series(1, 200) AS n;
