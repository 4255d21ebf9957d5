-- Reserved words, odd letters, and words that tools give a meaning to.
-- Rows: select 60, Ünï "cødé" 5%s 80, index 60, DROP 50
-- Not: mysql
-- Covers: id-reserved, id-odd, id-pandas
CREATE TABLE "select" (
  "user" integer PRIMARY KEY,
  "group" varchar(20) NOT NULL,
  "from" date,
  "primary" integer NOT NULL,
  UNIQUE ("group", "primary")
);
CREATE TABLE "Ünï ""cødé"" 5%s" (
  "a.b.c" integer PRIMARY KEY,
  "two
lines" integer NOT NULL REFERENCES "select" ("user"),
  "50%" varchar(20),
  "%(name)s" integer,
  "日本語" date,
  " led" integer,
  "it's" varchar(10),
  "back\\slash" integer,
  "semi;colon -- no comment" integer
);
-- What data frames, row numbers and rewriters call their own columns.
CREATE TABLE "index" (
  "index" integer PRIMARY KEY,
  level_0 integer,
  "values" varchar(20),
  "columns" integer,
  dtype integer,
  "#index/x" integer,
  "row" integer NOT NULL,
  "n_rows" integer,
  m0 integer,
  t integer
);
CREATE TABLE "DROP" (
  "TABLE" integer PRIMARY KEY,
  "index" integer NOT NULL REFERENCES "index" ("index"),
  "level_0" integer REFERENCES "index" ("index"),
  "no rows" varchar(10)
);
