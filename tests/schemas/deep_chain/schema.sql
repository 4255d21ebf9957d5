-- Six tables, each below the one before.
-- Rows: level_a 30, level_b 60, level_c 120, level_d 180, level_e 240, level_f 300
CREATE TABLE level_a (
  id integer PRIMARY KEY,
  amount integer NOT NULL,
  made_on date
);
CREATE TABLE level_b (
  id integer PRIMARY KEY,
  up_id integer NOT NULL REFERENCES level_a (id),
  amount integer NOT NULL,
  made_on date
);
CREATE TABLE level_c (
  id integer PRIMARY KEY,
  up_id integer NOT NULL REFERENCES level_b (id),
  amount integer NOT NULL,
  made_on date
);
CREATE TABLE level_d (
  id integer PRIMARY KEY,
  up_id integer NOT NULL REFERENCES level_c (id),
  amount integer NOT NULL,
  made_on date
);
CREATE TABLE level_e (
  id integer PRIMARY KEY,
  up_id integer NOT NULL REFERENCES level_d (id),
  amount integer NOT NULL,
  made_on date
);
CREATE TABLE level_f (
  id integer PRIMARY KEY,
  up_id integer NOT NULL REFERENCES level_e (id),
  amount integer NOT NULL,
  made_on date
);
