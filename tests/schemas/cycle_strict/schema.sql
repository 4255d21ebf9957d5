-- Two tables that refer to each other, neither key may be NULL, both are checked late.
-- Not: mysql (keys cannot be deferred)
-- Not: duckdb, nothing is deferrable
-- Rows: ship 60, captain 60
CREATE TABLE ship (
  id integer PRIMARY KEY,
  captain_id integer NOT NULL,
  tonnage integer NOT NULL
);
CREATE TABLE captain (
  id integer PRIMARY KEY,
  ship_id integer NOT NULL REFERENCES ship (id) DEFERRABLE INITIALLY DEFERRED,
  born date
);
-- Only: postgresql
ALTER TABLE ship ADD FOREIGN KEY (captain_id) REFERENCES captain (id)
  DEFERRABLE INITIALLY DEFERRED;
-- Only: sqlite
DROP TABLE ship;
CREATE TABLE ship (
  id integer PRIMARY KEY,
  captain_id integer NOT NULL REFERENCES captain (id) DEFERRABLE INITIALLY DEFERRED,
  tonnage integer NOT NULL
);
