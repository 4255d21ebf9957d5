-- Nothing declares these references: by name, by role, by abbreviation, of two columns, with a few
-- orphans; beside them small numbers, every one of which is some row's id by chance.
-- Covers: data-undeclared
CREATE TABLE district (
  district_id integer PRIMARY KEY,
  label varchar(40) NOT NULL
);
CREATE TABLE customer (
  id integer PRIMARY KEY,
  district_id integer NOT NULL,
  first_name varchar(30) NOT NULL,
  last_name varchar(30) NOT NULL,
  parent_id integer
);
CREATE TABLE price (
  sku varchar(12) NOT NULL,
  season integer NOT NULL,
  amount numeric(8, 2) NOT NULL,
  PRIMARY KEY (sku, season)
);
CREATE TABLE purchase (
  id integer PRIMARY KEY,
  cust_id integer NOT NULL,
  sku varchar(12) NOT NULL,
  season integer NOT NULL,
  quantity integer NOT NULL,
  line_no integer NOT NULL,
  customer_no integer NOT NULL,
  priority integer NOT NULL
);
CREATE TABLE claim (
  id integer PRIMARY KEY,
  purchase_id integer NOT NULL,
  opened date NOT NULL
);
INSERT INTO district (district_id, label)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
SELECT i, CASE i % 3 WHEN 0 THEN 'north side' WHEN 1 THEN 'east side' ELSE 'west side' END FROM n;
INSERT INTO customer (id, district_id, first_name, last_name, parent_id)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
SELECT i, 1 + (i * 7) % 30,
  CASE i % 4 WHEN 0 THEN 'Ada' WHEN 1 THEN 'Bela' WHEN 2 THEN 'Cleo' ELSE 'Dora' END,
  CASE i % 5 WHEN 0 THEN 'Abbott' WHEN 1 THEN 'Brandt' WHEN 2 THEN 'Castell' ELSE 'Dvorak' END,
  CASE WHEN i % 3 = 0 THEN i / 3 END
FROM n;
INSERT INTO price (sku, season, amount)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)
SELECT 'SKU-' || (1000 + i / 2), 2020 + i % 2, 5 + (i * 37) % 90 FROM n;
INSERT INTO purchase (id, cust_id, sku, season, quantity, line_no, customer_no, priority)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
SELECT i, 1 + (i * i) % 120, 'SKU-' || (1000 + (1 + i % 79) / 2), 2020 + (1 + i % 79) % 2,
  1 + i % 9, 1 + i % 4, 1 + i % 50, 1 + i % 3
FROM n;
INSERT INTO claim (id, purchase_id, opened)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
SELECT i, CASE WHEN i > 198 THEN 9000 + i ELSE 1 + (i * 13) % 400 END, '2023-03-01'
FROM n;
