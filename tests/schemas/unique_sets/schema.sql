-- Unique sets of plain columns, of a key and a label, and of optional columns.
-- Rows: branch 40, counter 120, ticket 200
CREATE TABLE branch (
  id integer PRIMARY KEY,
  short_code varchar(8) NOT NULL UNIQUE,
  label varchar(40) NOT NULL UNIQUE
);
CREATE TABLE counter (
  id integer PRIMARY KEY,
  branch_id integer NOT NULL REFERENCES branch (id),
  kind_status varchar(10) NOT NULL,
  floor_no integer,
  UNIQUE (branch_id, kind_status, floor_no)
);
CREATE TABLE ticket (
  id integer PRIMARY KEY,
  counter_id integer NOT NULL REFERENCES counter (id),
  ticket_no integer NOT NULL,
  pulled_on date NOT NULL,
  amount numeric(6, 2) UNIQUE,
  UNIQUE (counter_id, ticket_no),
  UNIQUE (counter_id, pulled_on)
);
