-- Keys of two columns of different types, referred to in another order, once optionally.
-- Not: mysql (a key must name its parent's columns in the order of an index)
-- Not: duckdb, it refers to columns in another order than they are unique in
-- Rows: shelf 80, parcel 250
CREATE TABLE shelf (
  hall varchar(4) NOT NULL,
  place integer NOT NULL,
  height numeric(6, 2),
  PRIMARY KEY (hall, place)
);
CREATE TABLE parcel (
  id integer PRIMARY KEY,
  shelf_place integer NOT NULL,
  shelf_hall varchar(4) NOT NULL,
  next_hall varchar(4),
  next_place integer,
  weight integer NOT NULL,
  FOREIGN KEY (shelf_place, shelf_hall) REFERENCES shelf (place, hall),
  FOREIGN KEY (next_hall, next_place) REFERENCES shelf (hall, place)
);
