-- Nothing but primary keys must be there; text holds numbers and dates.
-- Rows: owner 60, thing 250
CREATE TABLE owner (
  id integer PRIMARY KEY,
  first_name varchar(30),
  email varchar(60) UNIQUE,
  born date,
  number_text varchar(20),
  date_text varchar(20)
);
CREATE TABLE thing (
  id integer PRIMARY KEY,
  owner_id integer REFERENCES owner (id),
  other_owner_id integer REFERENCES owner (id),
  amount numeric(10, 2),
  status varchar(10),
  found_at timestamp,
  note text,
  is_lost boolean
);
