-- Keys that are dates, decimals and timestamps, beside an owner that they do not need to be unique.
-- Rows: station 28, visit 100, toll 80, passage 90
-- Not: duckdb, a column has a reserved name
CREATE TABLE station (
  id integer PRIMARY KEY,
  opened date NOT NULL UNIQUE
);
CREATE TABLE visit (
  at timestamp PRIMARY KEY,
  station_id integer NOT NULL REFERENCES station (id)
);
CREATE TABLE toll (
  amount numeric(8, 2) PRIMARY KEY,
  station_id integer REFERENCES station (id),
  day date NOT NULL UNIQUE
);
CREATE TABLE passage (
  id integer PRIMARY KEY,
  toll_amount numeric(8, 2) NOT NULL REFERENCES toll (amount),
  visit_at timestamp NOT NULL REFERENCES visit (at),
  opened date REFERENCES station (opened)
);
