-- Two keys from one table to the same parent.
-- Rows: port 150, voyage 300
CREATE TABLE port (
  id integer PRIMARY KEY,
  depth numeric(6, 2) NOT NULL
);
CREATE TABLE voyage (
  id integer PRIMARY KEY,
  from_port_id integer NOT NULL REFERENCES port (id),
  to_port_id integer REFERENCES port (id),
  left_at timestamp NOT NULL,
  arrived_at timestamp
);
