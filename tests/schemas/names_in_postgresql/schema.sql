-- Only: postgresql
-- Columns and tables that differ by case alone, one name in two schemas, dropped columns, an order
-- of columns that is not the order in which they were made.
-- Covers: id-long, id-pandas, id-dropped, pg-schemas
CREATE TABLE thing (
  id integer PRIMARY KEY,
  gone_first text,
  "Id" integer NOT NULL UNIQUE,
  "ID" integer,
  gone text DEFAULT 'x',
  name text NOT NULL
);
CREATE TABLE "Thing" (
  id integer PRIMARY KEY,
  thing_id integer NOT NULL,
  "thing_ID" integer REFERENCES thing ("Id")
);
INSERT INTO thing SELECT i, 'a', i + 1000, i % 7, 'b', 'thing ' || i FROM generate_series(1, 60) AS i;
INSERT INTO "Thing" SELECT i, i % 60 + 1, i % 60 + 1001 FROM generate_series(1, 80) AS i;
ALTER TABLE "Thing" ADD FOREIGN KEY (thing_id) REFERENCES thing (id);
ALTER TABLE thing DROP COLUMN gone_first, DROP COLUMN gone;
ALTER TABLE thing ADD COLUMN gone integer NOT NULL DEFAULT 3;
ALTER TABLE thing ADD COLUMN "Name" varchar(20);
UPDATE thing SET "Name" = 'Name ' || id % 9;
CREATE SCHEMA "Other";
CREATE SCHEMA other;
CREATE TABLE "Other".thing (
  id integer PRIMARY KEY,
  thing_id integer NOT NULL REFERENCES public.thing (id)
);
CREATE TABLE other.thing (
  id integer PRIMARY KEY,
  thing_id integer NOT NULL REFERENCES "Other".thing (id),
  thing_id_2 integer REFERENCES "Thing" (id)
);
INSERT INTO "Other".thing SELECT i, i % 60 + 1 FROM generate_series(1, 70) AS i;
INSERT INTO other.thing SELECT i, i % 70 + 1, i % 80 + 1 FROM generate_series(1, 90) AS i;
-- The names differ in their last letters only.
CREATE TABLE measurement_of_the_quantity_that_the_instrument_at_the_plac_one (
  measurement_of_the_quantity_that_the_instrument_at_the_plac_one integer PRIMARY KEY,
  measurement_of_the_quantity_that_the_instrument_at_the_plac_two integer NOT NULL UNIQUE
);
CREATE TABLE measurement_of_the_quantity_that_the_instrument_at_the_plac_two (
  measurement_of_the_quantity_that_the_instrument_at_the_plac_one integer PRIMARY KEY CONSTRAINT key_1 REFERENCES measurement_of_the_quantity_that_the_instrument_at_the_plac_one (measurement_of_the_quantity_that_the_instrument_at_the_plac_one),
  measurement_of_the_quantity_that_the_instrument_at_the_plac_two integer CONSTRAINT key_2 REFERENCES measurement_of_the_quantity_that_the_instrument_at_the_plac_one (measurement_of_the_quantity_that_the_instrument_at_the_plac_two)
);
INSERT INTO measurement_of_the_quantity_that_the_instrument_at_the_plac_one SELECT i, i * 3 FROM generate_series(1, 60) AS i;
INSERT INTO measurement_of_the_quantity_that_the_instrument_at_the_plac_two SELECT i, i % 60 * 3 + 3 FROM generate_series(1, 50) AS i;
