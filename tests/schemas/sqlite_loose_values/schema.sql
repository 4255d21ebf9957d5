-- What only a file without enforced types and keys can hold.
-- Covers: lite-dynamic, lite-dates, lite-references
-- Only: sqlite
CREATE TABLE shop (
  code TEXT PRIMARY KEY,
  opened TEXT NOT NULL, -- ISO dates
  seen REAL, -- Julian days
  changed INTEGER, -- seconds since 1970
  noted DATETIME, -- declared as one thing, held as another
  zoned DATETIME
) WITHOUT ROWID;
CREATE TABLE purchase (
  id INTEGER PRIMARY KEY,
  shop_code REFERENCES shop, /* no type, no columns */
  rival TEXT REFERENCES shop (code) ON DELETE SET NULL, -- with orphans
  legacy INTEGER REFERENCES gone (id),
  opened TEXT REFERENCES shop (opened), -- not unique there: nobody can enforce it
  quantity INTEGER NOT NULL,
  price DECIMAL(8, 2),
  anything,
  label VARCHAR(10) NOT NULL,
  code NUMERIC,
  flag BOOLEAN
);
CREATE TABLE label (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  parent INTEGER REFERENCES label,
  shop TEXT REFERENCES shop
);
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 80)
INSERT INTO shop
SELECT 'S' || i, date('2019-01-01', (i * 37 % 900) || ' days'),
  2459000.5 + i % 31 + i / 96.0, 1600000000 + i * 86400,
  1600000000 + i * 977, '2021-02-' || printf('%02d', i % 28 + 1) || 'T10:30:00Z'
FROM n;
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 300)
INSERT INTO purchase
SELECT i, 'S' || (i * 7 % 80 + 1), CASE WHEN i % 9 THEN 'S' || (i * 3 % 80 + 1) ELSE 'closed' END,
  i % 5, date('2019-01-01', (i * 37 % 900) || ' days'),
  CASE WHEN i % 40 THEN i % 12 ELSE 'many' END, (i * 61 % 9000) / 100.0,
  CASE i % 4 WHEN 0 THEN i % 9 WHEN 1 THEN 'x' || i % 9 WHEN 2 THEN i % 9 / 4.0 END,
  CASE WHEN i % 25 THEN 'label ' || i % 6 ELSE x'00ff' END,
  CASE WHEN i % 3 THEN printf('%03d', i % 50) ELSE 'A' || i % 50 END, i % 2
FROM n;
INSERT INTO label VALUES (1, 'root', NULL, NULL), (2, 'Leaf', 1, 'S3'), (3, 'lost', 99, 'nowhere');
