-- Constraints that not every row keeps, and keys that are whole or not there at all.
-- Only: postgresql
-- Covers: pg-not-valid, pg-match-full
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN percent AS positive CHECK (VALUE <= 100);
CREATE DOMAIN sku AS text NOT NULL CHECK (VALUE ~ '^[A-Z]{3}[0-9]{3}$') CHECK (VALUE <> 'VALUE');
CREATE TABLE place (
  country char(2) NOT NULL,
  zip integer NOT NULL,
  share percent,
  code sku NOT NULL UNIQUE,
  PRIMARY KEY (country, zip)
);
INSERT INTO place
SELECT (ARRAY['de', 'fr', 'it'])[n % 3 + 1], 1000 + n, n % 100 + 1, 'ABC' || lpad(n::text, 3, '0')
FROM generate_series(1, 120) AS n;
CREATE TABLE visit (
  visit_id integer PRIMARY KEY,
  country char(2),
  zip integer,
  next_country char(2),
  next_zip integer,
  place_code text,
  cost integer,
  FOREIGN KEY (country, zip) REFERENCES place MATCH FULL,
  FOREIGN KEY (next_country, next_zip) REFERENCES place
);
INSERT INTO visit
SELECT n, CASE WHEN n % 4 > 0 THEN (ARRAY['de', 'fr', 'it'])[m % 3 + 1] END, CASE WHEN n % 4 > 0 THEN 1000 + m END,
       CASE WHEN n % 3 > 0 THEN (ARRAY['de', 'fr', 'it'])[m % 3 + 1] END, CASE WHEN n % 5 > 0 THEN 1000 + m END,
       CASE WHEN n % 6 = 0 THEN 'gone' ELSE 'ABC' || lpad(m::text, 3, '0') END, n % 50 - 10
FROM (SELECT n, n % 120 + 1 AS m FROM generate_series(1, 300) AS n) AS made;
ALTER TABLE visit ADD CONSTRAINT costly CHECK (cost >= 0) NOT VALID;
ALTER TABLE visit ADD CONSTRAINT known FOREIGN KEY (place_code) REFERENCES place (code) NOT VALID;
