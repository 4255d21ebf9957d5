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
CREATE TABLE region (id INTEGER PRIMARY KEY, title TEXT NOT NULL);
CREATE TABLE label ( -- so few rows that they are copied, orphans and all
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  parent INTEGER REFERENCES label,
  region INTEGER REFERENCES region,
  must_region INTEGER NOT NULL REFERENCES region
);
CREATE TABLE tagged (
  id INTEGER PRIMARY KEY,
  label INTEGER REFERENCES label, -- some of them words
  purchase INTEGER NOT NULL REFERENCES purchase ON DELETE CASCADE
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
INSERT INTO region VALUES (1, 'north'), (2, 'south');
INSERT INTO label VALUES
(1, 'root', NULL, NULL, 1), (2, 'Leaf', 1, 2, 2), (3, 'lost', 99, 99, 99), (4, 'own', 4, 'word', 1);
INSERT INTO tagged SELECT id, CASE WHEN id % 30 THEN id % 4 + 1 ELSE 'none' END, id * 7 % 300 + 1 FROM purchase;
