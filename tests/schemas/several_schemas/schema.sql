-- Tables of one name in two schemas, and keys across them.
-- Rows: sales.customer 80, billing.customer 60, billing.invoice 200
-- Only: postgresql
CREATE SCHEMA sales;
CREATE SCHEMA billing;
CREATE TABLE sales.customer (
  id integer PRIMARY KEY,
  email varchar(60) NOT NULL UNIQUE
);
CREATE TABLE billing.customer (
  id integer PRIMARY KEY,
  sales_id integer NOT NULL UNIQUE REFERENCES sales.customer (id),
  status varchar(10) NOT NULL
);
CREATE TABLE billing.invoice (
  id integer PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES billing.customer (id),
  amount numeric(10, 2) NOT NULL,
  due_on date NOT NULL
);
