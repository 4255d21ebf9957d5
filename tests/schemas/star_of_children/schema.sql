-- One parent with five kinds of children.
-- Rows: hub 80, ray_a 160, ray_b 80, ray_c 40, ray_d 240, ray_e 20
CREATE TABLE hub (
  id integer PRIMARY KEY,
  weight integer NOT NULL,
  status varchar(10) NOT NULL
);
CREATE TABLE ray_a (
  id integer PRIMARY KEY,
  hub_id integer NOT NULL REFERENCES hub (id),
  amount numeric(8, 2)
);
CREATE TABLE ray_b (
  id integer PRIMARY KEY,
  hub_id integer NOT NULL REFERENCES hub (id),
  amount numeric(8, 2)
);
CREATE TABLE ray_c (
  id integer PRIMARY KEY,
  hub_id integer NOT NULL REFERENCES hub (id),
  amount numeric(8, 2)
);
CREATE TABLE ray_d (
  id integer PRIMARY KEY,
  hub_id integer NOT NULL REFERENCES hub (id),
  amount numeric(8, 2)
);
CREATE TABLE ray_e (
  id integer PRIMARY KEY,
  hub_id integer NOT NULL REFERENCES hub (id),
  amount numeric(8, 2)
);
