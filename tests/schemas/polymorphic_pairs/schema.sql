-- References whose table another column names: Rails' words, a comment under a comment, Django's
-- table of labels, pairs that may not repeat, pairs that are NULL together; and a category that
-- only looks as if it named tables.
-- Covers: data-polymorphic
CREATE TABLE account (
  id integer PRIMARY KEY,
  first_name varchar(30) NOT NULL,
  last_name varchar(30) NOT NULL
);
CREATE TABLE blog_post (
  id integer PRIMARY KEY,
  account_id integer NOT NULL REFERENCES account (id),
  words integer NOT NULL
);
CREATE TABLE photo (
  id integer PRIMARY KEY,
  width integer NOT NULL
);
CREATE TABLE comment (
  id integer PRIMARY KEY,
  account_id integer NOT NULL REFERENCES account (id),
  commentable_type varchar(40) NOT NULL,
  commentable_id integer NOT NULL,
  stars integer NOT NULL
);
CREATE TABLE reaction (
  account_id integer NOT NULL REFERENCES account (id),
  entity varchar(20) NOT NULL,
  entity_id integer NOT NULL,
  PRIMARY KEY (account_id, entity, entity_id)
);
CREATE TABLE content_type (
  id integer PRIMARY KEY,
  app_label varchar(30) NOT NULL,
  model varchar(30) NOT NULL
);
CREATE TABLE tagged (
  id integer PRIMARY KEY,
  content_type_id integer REFERENCES content_type (id),
  object_id varchar(20),
  weight integer NOT NULL
);
CREATE TABLE ticket (
  id integer PRIMARY KEY,
  account_type varchar(20) NOT NULL,
  account_id integer NOT NULL REFERENCES account (id)
);
INSERT INTO account (id, first_name, last_name)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
SELECT i,
  CASE i % 4 WHEN 0 THEN 'Ada' WHEN 1 THEN 'Bela' WHEN 2 THEN 'Cleo' ELSE 'Dora' END,
  CASE i % 5 WHEN 0 THEN 'Abbott' WHEN 1 THEN 'Brandt' WHEN 2 THEN 'Castell' ELSE 'Dvorak' END
FROM n;
INSERT INTO blog_post (id, account_id, words)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90)
SELECT 500 + i, 1 + (i * 7) % 60, 100 + (i * 37) % 900 FROM n;
INSERT INTO photo (id, width)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70)
SELECT i, 640 + 64 * (i % 6) FROM n;
INSERT INTO comment (id, account_id, commentable_type, commentable_id, stars)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
SELECT i, 1 + (i * 11) % 60,
  CASE WHEN i % 10 < 6 THEN 'Blog::Post' WHEN i % 10 < 9 THEN 'Photo' ELSE 'Comment' END,
  CASE WHEN i % 10 < 6 THEN 501 + (i * i) % 90 WHEN i % 10 < 9 THEN 1 + i % 70 ELSE i - 8 END,
  1 + i % 5
FROM n;
INSERT INTO reaction (account_id, entity, entity_id)
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 399)
SELECT 1 + i % 60, CASE WHEN i % 3 = 0 THEN 'photos' ELSE 'blog_posts' END,
  CASE WHEN i % 3 = 0 THEN 1 + i % 70 ELSE 501 + (i / 3) % 90 END
FROM n;
INSERT INTO content_type (id, app_label, model) VALUES
  (3, 'blog', 'post'), (7, 'media', 'photo'), (8, 'auth', 'session');
INSERT INTO tagged (id, content_type_id, object_id, weight)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
SELECT i, CASE WHEN i % 8 = 0 THEN NULL WHEN i % 3 = 0 THEN 7 ELSE 3 END,
  CASE WHEN i % 8 = 0 THEN NULL
    WHEN i % 3 = 0 THEN CAST(1 + i % 70 AS varchar(20))
    ELSE CAST(501 + i % 90 AS varchar(20)) END,
  i % 4
FROM n;
INSERT INTO ticket (id, account_type, account_id)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
SELECT i, CASE WHEN i % 3 = 0 THEN 'business' ELSE 'private' END, 1 + i % 60 FROM n;
