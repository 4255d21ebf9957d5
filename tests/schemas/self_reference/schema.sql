-- A table whose rows hang under each other, and one that hangs on it.
-- Rows: employee 120, badge 90
CREATE TABLE employee (
  id integer PRIMARY KEY,
  boss_id integer REFERENCES employee (id),
  first_name varchar(30) NOT NULL,
  last_name varchar(30) NOT NULL,
  email varchar(60) NOT NULL UNIQUE,
  salary numeric(10, 2) NOT NULL
);
CREATE TABLE badge (
  id integer PRIMARY KEY,
  employee_id integer NOT NULL REFERENCES employee (id),
  status varchar(10) NOT NULL,
  made_on date NOT NULL
);
