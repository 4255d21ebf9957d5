-- A key of a parent's key and a date, which another table refers to.
-- Rows: room 50, night 500, booking 250
CREATE TABLE room (
  id integer PRIMARY KEY,
  beds integer NOT NULL
);
CREATE TABLE night (
  room_id integer NOT NULL REFERENCES room (id),
  night_on date NOT NULL,
  price numeric(8, 2) NOT NULL,
  PRIMARY KEY (room_id, night_on)
);
CREATE TABLE booking (
  id integer PRIMARY KEY,
  room_id integer NOT NULL,
  night_on date NOT NULL,
  guests integer NOT NULL,
  FOREIGN KEY (room_id, night_on) REFERENCES night (room_id, night_on)
);
