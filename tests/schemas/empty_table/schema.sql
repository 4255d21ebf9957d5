-- Tables without a row: a parent of nothing, a child of a full and of an empty table.
-- Rows: full_parent 40, empty_parent 0, empty_child 0, half_child 50
CREATE TABLE full_parent (
  id integer PRIMARY KEY,
  amount integer NOT NULL
);
CREATE TABLE empty_parent (
  id integer PRIMARY KEY,
  label varchar(20)
);
CREATE TABLE empty_child (
  id integer PRIMARY KEY,
  full_id integer NOT NULL REFERENCES full_parent (id),
  empty_id integer NOT NULL REFERENCES empty_parent (id)
);
CREATE TABLE half_child (
  id integer PRIMARY KEY,
  full_id integer NOT NULL REFERENCES full_parent (id),
  empty_id integer REFERENCES empty_parent (id),
  weight numeric(8, 3)
);
