-- Tables that inherit: rows of each are its own, keys and checks come down, keys do not.
-- Covers: pg-inheritance
-- Rows: place 70, city 60, capital 50, note 90, letter 60
-- Only: postgresql
CREATE TABLE place (
  id integer PRIMARY KEY,
  name varchar(30) NOT NULL,
  people integer CHECK (people >= 0)
);
CREATE TABLE city (
  elevation numeric(6, 1)
) INHERITS (place);
ALTER TABLE city ADD PRIMARY KEY (id);
CREATE TABLE note (
  id integer PRIMARY KEY,
  place_id integer NOT NULL REFERENCES place (id),
  written_on date NOT NULL
);
CREATE TABLE tagged (
  tag varchar(8),
  CONSTRAINT short CHECK (length(tag) < 8) NO INHERIT
);
CREATE TABLE capital (
  country char(2) NOT NULL,
  people integer DEFAULT 0,
  PRIMARY KEY (id)
) INHERITS (city, tagged);
CREATE TABLE letter (
  id integer PRIMARY KEY,
  city_id integer REFERENCES city (id)
);
