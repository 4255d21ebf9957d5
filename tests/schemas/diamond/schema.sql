-- Rows that reach one parent in two ways, which always meet.
-- Rows: patient 60, encounter 200, observation 600
CREATE TABLE patient (
  id integer PRIMARY KEY,
  first_name varchar(30) NOT NULL,
  last_name varchar(30) NOT NULL,
  birth_date date NOT NULL
);
CREATE TABLE encounter (
  id integer PRIMARY KEY,
  patient_id integer NOT NULL REFERENCES patient (id),
  started_at timestamp NOT NULL
);
CREATE TABLE observation (
  id integer PRIMARY KEY,
  encounter_id integer NOT NULL REFERENCES encounter (id),
  patient_id integer NOT NULL REFERENCES patient (id),
  kind_status varchar(10) NOT NULL,
  amount numeric(8, 2)
);
-- Meet: observation.patient_id = encounter.patient_id
