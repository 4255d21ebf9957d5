-- Entity-attribute-value tables, closure tables, nested sets, ranges that replace each other, totals
-- that are stored, deleted rows that stay, codes with meaning, flags as letters, dates as text.
-- Not: mysql
-- Covers: data-models, data-derived, data-codes, data-typed-text
CREATE TABLE product (
  sku varchar(9) PRIMARY KEY,
  ean varchar(13) NOT NULL UNIQUE,
  zip varchar(5) NOT NULL,
  is_sold text NOT NULL,
  made_on text NOT NULL,
  changed bigint NOT NULL,
  stage varchar(12) NOT NULL,
  is_deleted integer NOT NULL DEFAULT 0,
  deleted_at timestamp,
  orders_count integer NOT NULL DEFAULT 0,
  orders_total numeric(10, 2) NOT NULL DEFAULT 0,
  CHECK (is_sold IN ('Y', 'N')),
  CHECK (is_deleted IN (0, 1)),
  CHECK (orders_count >= 0)
);
CREATE TABLE product_order (
  number varchar(12) PRIMARY KEY,
  sku varchar(9) NOT NULL REFERENCES product (sku),
  amount numeric(8, 2) NOT NULL
);
CREATE TABLE product_attribute (
  sku varchar(9) NOT NULL REFERENCES product (sku),
  name varchar(20) NOT NULL,
  value_type varchar(10) NOT NULL,
  value_text text,
  value_number numeric(10, 2),
  value_flag varchar(1),
  PRIMARY KEY (sku, name)
);
CREATE TABLE price (
  sku varchar(9) NOT NULL REFERENCES product (sku),
  version integer NOT NULL,
  valid_from integer NOT NULL,
  valid_to integer,
  is_current integer NOT NULL,
  amount numeric(8, 2) NOT NULL,
  PRIMARY KEY (sku, version),
  CHECK (valid_to > valid_from),
  CHECK ((valid_to IS NULL) = (is_current = 1))
);
CREATE TABLE folder (
  id integer PRIMARY KEY,
  name text NOT NULL,
  lft integer NOT NULL UNIQUE,
  rgt integer NOT NULL UNIQUE,
  depth integer NOT NULL,
  CHECK (lft < rgt)
);
CREATE TABLE folder_path (
  ancestor integer NOT NULL REFERENCES folder (id),
  descendant integer NOT NULL REFERENCES folder (id),
  distance integer NOT NULL,
  PRIMARY KEY (ancestor, descendant)
);
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 69)
INSERT INTO product
SELECT
  'SKU-' || substr('0000' || (i * 7), length('0000' || (i * 7)) - 4),
  '40' || substr('00000000000' || (i * 99991), length('00000000000' || (i * 99991)) - 10),
  '0' || (1000 + i * 13), CASE WHEN i % 4 > 0 THEN 'Y' ELSE 'N' END,
  '2023-0' || (i % 9 + 1) || '-1' || (i % 10), 1680000000 + i * 86400,
  CASE i % 3 WHEN 0 THEN 'draft' WHEN 1 THEN 'live' ELSE 'withdrawn' END,
  CASE WHEN i % 10 = 0 THEN 1 ELSE 0 END, NULL, 3, 60.00
FROM n;
INSERT INTO product_order
SELECT 'O-' || x.i || '-' || p.sku, p.sku, 10 + x.i * 5
FROM product AS p CROSS JOIN (SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT 3) AS x
WHERE length('O-' || x.i || '-' || p.sku) <= 12;
INSERT INTO product_order
SELECT substr(p.sku, 5) || '/' || x.i, p.sku, 10 + x.i * 5
FROM product AS p CROSS JOIN (SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT 3) AS x;
INSERT INTO product_attribute
SELECT sku, 'colour', 'text', 'red', NULL, NULL FROM product
UNION ALL SELECT sku, 'weight', 'number', NULL, orders_count * 1.5, NULL FROM product
UNION ALL SELECT sku, 'fragile', 'flag', NULL, NULL, is_sold FROM product WHERE is_sold = 'Y';
INSERT INTO price
SELECT p.sku, x.i, x.i * 100, CASE WHEN x.i < 3 THEN x.i * 100 + 100 END,
  CASE WHEN x.i = 3 THEN 1 ELSE 0 END, 9.50 + x.i
FROM product AS p CROSS JOIN (SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT 3) AS x;
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 63)
INSERT INTO folder SELECT i, 'folder ' || i, i * 2 + 1, i * 2 + 2, i % 4 FROM n;
INSERT INTO folder_path
SELECT a.id, d.id, d.id - a.id FROM folder AS a JOIN folder AS d ON d.id >= a.id AND d.id < a.id + 3;
