-- Keys that share columns, lead to keys that may be NULL, or have parts that may.
-- Covers: pg-composite-key, pg-key-to-unique, pg-match-full
-- Not: mysql (it divides integers otherwise, and knows no MATCH FULL)
-- Not: duckdb, it has no MATCH FULL
CREATE TABLE tenant (
  id integer PRIMARY KEY,
  name text NOT NULL
);
CREATE TABLE project (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  id integer NOT NULL,
  code varchar(12),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, code)
);
CREATE TABLE person (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  id integer NOT NULL,
  lead_id integer,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, lead_id) REFERENCES person (tenant_id, id)
);
-- Every key shares the tenant; two of them may be missing, each in a part of its own.
CREATE TABLE task (
  id integer PRIMARY KEY,
  tenant_id integer NOT NULL,
  project_id integer,
  project_code varchar(12),
  author_id integer NOT NULL,
  reviewer_id integer,
  title text,
  FOREIGN KEY (tenant_id, project_id) REFERENCES project (tenant_id, id),
  FOREIGN KEY (tenant_id, project_code) REFERENCES project (tenant_id, code),
  FOREIGN KEY (tenant_id, author_id) REFERENCES person (tenant_id, id),
  FOREIGN KEY (tenant_id, reviewer_id) REFERENCES person (tenant_id, id)
);
-- The part that may be missing is the shared one, and one key needs all its parts or none.
CREATE TABLE remark (
  id integer PRIMARY KEY,
  tenant_id integer,
  project_id integer,
  author_id integer NOT NULL,
  words text,
  FOREIGN KEY (tenant_id, project_id) REFERENCES project (tenant_id, id) MATCH FULL,
  FOREIGN KEY (tenant_id, author_id) REFERENCES person (tenant_id, id)
);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24)
INSERT INTO tenant SELECT i, 'tenant ' || i FROM n;
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 71)
INSERT INTO project SELECT i % 24 + 1, i / 24 + 1, CASE WHEN i % 5 > 0 THEN 'P-' || (1000 + i) END
FROM n;
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 119)
INSERT INTO person
SELECT i % 20 + 1, i / 20 + 1, CASE WHEN i >= 20 THEN i / 20 END FROM n;
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199)
INSERT INTO task
SELECT
  n.i + 1, p.tenant_id, CASE WHEN n.i % 3 > 0 THEN p.id END,
  CASE WHEN n.i % 4 > 0 THEN p.code END, n.i % 6 + 1, CASE WHEN n.i % 2 = 0 THEN 1 END,
  'task ' || (n.i * 37 % 101)
FROM n JOIN project AS p ON p.tenant_id = n.i % 20 + 1 AND p.id = n.i / 20 % 3 + 1;
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 89)
INSERT INTO remark
SELECT
  i + 1, CASE WHEN i % 3 > 0 THEN i % 20 + 1 END, CASE WHEN i % 3 > 0 THEN i % 3 + 1 END,
  i % 6 + 1, 'words ' || i FROM n;
