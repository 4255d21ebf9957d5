-- Two tables that refer to each other; one of the keys may be NULL.
-- Not: duckdb, keys must come with the table
-- Rows: department 30, worker 150
CREATE TABLE department (
  id integer PRIMARY KEY,
  label varchar(30) NOT NULL
);
CREATE TABLE worker (
  id integer PRIMARY KEY,
  department_id integer NOT NULL REFERENCES department (id),
  first_name varchar(30) NOT NULL,
  last_name varchar(30) NOT NULL,
  hired_on date NOT NULL
);
ALTER TABLE department ADD COLUMN head_id integer REFERENCES worker (id);
