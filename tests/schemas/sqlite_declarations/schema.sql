-- All that SQLite can declare; the clone keeps each letter of it.
-- Covers: lite-strict, lite-generated, lite-virtual, lite-objects
-- Only: sqlite
PRAGMA application_id = 1179014;
PRAGMA user_version = 42;
PRAGMA journal_mode = wal;
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, made_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE exact (
  id INTEGER PRIMARY KEY,
  amount REAL NOT NULL CHECK (amount >= 0),
  small INT,
  name TEXT NOT NULL COLLATE NOCASE UNIQUE,
  raw BLOB,
  some ANY
) STRICT;
CREATE TABLE paired (
  a TEXT NOT NULL, b INTEGER NOT NULL, note TEXT, PRIMARY KEY (a, b)
) STRICT, WITHOUT ROWID;
CREATE TABLE [odd "words"] (
  `back tick` INTEGER PRIMARY KEY DESC, -- no alias of the rowid; ( not a parenthesis
  'single' TEXT DEFAULT 'it''s', /* , not a comma */
  "check" INTEGER CONSTRAINT "is positive" CHECK ("check" > 0),
  "exact id" INTEGER REFERENCES exact DEFERRABLE INITIALLY DEFERRED,
  moment TEXT DEFAULT (datetime('now')),
  doubled INTEGER GENERATED ALWAYS AS ("check" * 2) VIRTUAL,
  spelled TEXT AS ("check" || '!') STORED
);
CREATE UNIQUE INDEX whole ON [odd "words"] ("check" % 1000, `back tick`);
CREATE INDEX part ON [odd "words"] (spelled COLLATE NOCASE DESC) WHERE "check" > 5;
CREATE TABLE log (what TEXT, how_many INTEGER);
CREATE VIEW names AS SELECT name, /* why not */ amount FROM exact;
CREATE VIEW longer (name) AS SELECT name FROM names WHERE length(name) > 4;
CREATE TRIGGER noticed AFTER INSERT ON exact BEGIN INSERT INTO log VALUES (new.name, 1); END;
CREATE TRIGGER through INSTEAD OF DELETE ON names BEGIN DELETE FROM exact WHERE name = old.name; END;
CREATE VIRTUAL TABLE document USING fts5(body);
CREATE VIRTUAL TABLE area USING rtree(id, x0, x1);
CREATE VIEW found AS SELECT body FROM document;
CREATE VIEW refound AS SELECT * FROM found;
CREATE TRIGGER indexed AFTER INSERT ON exact BEGIN INSERT INTO document VALUES (new.name); END;
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 90)
INSERT INTO exact SELECT i, i * 1.25, i % 9, 'Name ' || i, zeroblob(i % 3), CASE i % 2 WHEN 0 THEN i % 7 ELSE 'seven' END FROM n;
INSERT INTO paired SELECT 'k' || id % 10, id, 'note ' || id % 4 FROM exact;
INSERT INTO counted (made_at) SELECT datetime('2020-01-01', id || ' hours') FROM exact;
INSERT INTO [odd "words"] (`back tick`, 'single', "check", "exact id", moment)
SELECT id * 3, 'word ' || id % 5, id, CASE WHEN id % 4 THEN id % 40 + 1 END, '2022-05-01 00:00:00' FROM exact;
