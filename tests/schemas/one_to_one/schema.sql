-- A primary key that is a foreign key, and a unique optional foreign key.
-- Rows: person 120, profile 100, locker 80
CREATE TABLE person (
  id integer PRIMARY KEY,
  first_name varchar(30) NOT NULL,
  email varchar(60) NOT NULL UNIQUE
);
CREATE TABLE profile (
  person_id integer PRIMARY KEY REFERENCES person (id),
  bio varchar(200),
  points integer NOT NULL
);
CREATE TABLE locker (
  id integer PRIMARY KEY,
  person_id integer UNIQUE REFERENCES person (id),
  size integer NOT NULL
);
