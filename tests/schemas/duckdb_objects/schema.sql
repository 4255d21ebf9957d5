-- What a DuckDB file holds beside its tables, and the keys that it cannot declare.
-- Covers: duck-keys, duck-limits, duck-objects
-- Only: duckdb
CREATE SCHEMA "Other place";
CREATE SEQUENCE plain_numbers;
CREATE SEQUENCE steps START 5 INCREMENT BY 2 MINVALUE 1 MAXVALUE 100000 CYCLE;
CREATE SEQUENCE bounded MAXVALUE 9000;
CREATE MACRO scaled(x, factor := 3) AS x * factor;
CREATE MACRO either(a) AS a, (a, b) AS coalesce(a, b);
CREATE TABLE node (
  id INTEGER PRIMARY KEY DEFAULT nextval('plain_numbers'),
  parent_id INTEGER REFERENCES node (id),
  name VARCHAR COLLATE nocase NOT NULL UNIQUE,
  weight INTEGER DEFAULT scaled(2) CHECK (weight > 0),
  double_weight INTEGER GENERATED ALWAYS AS (scaled(weight, factor := 2))
);
CREATE TABLE leaf (
  id BIGINT DEFAULT nextval('steps') PRIMARY KEY,
  number INTEGER DEFAULT nextval('bounded'),
  node_id INTEGER NOT NULL REFERENCES node (id),
  label VARCHAR,
  UNIQUE (node_id, number)
);
CREATE TABLE "Other place".leaf (
  id INTEGER PRIMARY KEY,
  node_id INTEGER, -- a key to another schema: only recorded
  twin INTEGER NOT NULL -- a key to the row itself, or another: only recorded
);
CREATE INDEX by_label ON leaf (label);
CREATE UNIQUE INDEX lower_name ON node (lower(name));
CREATE INDEX mixed ON leaf (label, (number % 10));
CREATE TABLE gone (x INTEGER);
CREATE VIEW zero AS SELECT id, name FROM node;
CREATE VIEW above AS SELECT name FROM zero; -- the catalog lists it before the view that it reads
CREATE VIEW "Other place".both (a, b) AS SELECT l.id, n.name FROM leaf AS l JOIN zero AS n ON n.id = l.node_id;
CREATE MACRO heaviest() AS (SELECT max(weight) FROM node);
CREATE MACRO children(of) AS TABLE SELECT * FROM node WHERE parent_id = of;
CREATE VIEW stale AS SELECT * FROM gone;
DROP TABLE gone;
COMMENT ON TABLE node IS 'it''s a tree';
COMMENT ON COLUMN node.weight IS 'in kg';
COMMENT ON VIEW zero IS 'names';
COMMENT ON INDEX by_label IS 'for searches';
COMMENT ON SEQUENCE steps IS 'odd numbers';
COMMENT ON MACRO scaled IS 'times a factor';
INSERT INTO node (id, parent_id, name, weight) SELECT i, NULL, 'root ' || i, i FROM range(1, 10) AS t (i);
INSERT INTO node (id, parent_id, name, weight) SELECT i, i % 9 + 1, 'inner ' || i, i FROM range(10, 60) AS t (i);
INSERT INTO node (id, parent_id, name, weight) SELECT i, i % 50 + 10, 'outer ' || i, i FROM range(60, 120) AS t (i);
INSERT INTO leaf SELECT i * 2 + 5, i, i % 119 + 1, 'label ' || i % 6 FROM range(200) AS t (i);
INSERT INTO "Other place".leaf SELECT i, i % 119 + 1, i // 3 * 3 FROM range(90) AS t (i);
CREATE TABLE _dbsynth (key VARCHAR PRIMARY KEY, value VARCHAR);
INSERT INTO _dbsynth VALUES ('references', '[
  {"name": "leaf_node_id_fkey", "child": ["Other place", "leaf"], "columns": ["node_id"],
   "parent": ["main", "node"], "parent_columns": ["id"]},
  {"name": "leaf_twin_fkey", "child": ["Other place", "leaf"], "columns": ["twin"],
   "parent": ["Other place", "leaf"], "parent_columns": ["id"]}]');
