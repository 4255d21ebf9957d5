-- A link table whose rows are pairs that may not repeat.
-- Rows: student 100, course 60, enrolment 500
CREATE TABLE student (
  id integer PRIMARY KEY,
  first_name varchar(30) NOT NULL,
  last_name varchar(30) NOT NULL,
  born date
);
CREATE TABLE course (
  id integer PRIMARY KEY,
  label varchar(40) NOT NULL,
  hours integer NOT NULL
);
CREATE TABLE enrolment (
  student_id integer NOT NULL REFERENCES student (id),
  course_id integer NOT NULL REFERENCES course (id),
  PRIMARY KEY (student_id, course_id)
);
