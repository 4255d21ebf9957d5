-- Foreign keys in every form: to a unique, full match, each action, deferrable, across schemas.
-- Covers: pg-composite-key, pg-key-to-unique, pg-actions, pg-deferrable, pg-key-across
-- Rows: sales.region 6, sales.customer 80, ops.site 90, ops.contact 150, ops.job 200, ops.step 400, ops.pair_a 40, ops.pair_b 40
-- Only: postgresql
CREATE SCHEMA sales;
CREATE SCHEMA ops;
CREATE TABLE sales.region (
  code char(3) PRIMARY KEY,
  name varchar(20) NOT NULL
);
CREATE TABLE sales.customer (
  id integer PRIMARY KEY,
  number varchar(12) NOT NULL,
  region char(3) NOT NULL DEFAULT 'R00' REFERENCES sales.region ON UPDATE CASCADE ON DELETE SET DEFAULT,
  UNIQUE (number) DEFERRABLE INITIALLY DEFERRED,
  UNIQUE (id, region)
);
CREATE TABLE ops.site (
  customer_id integer NOT NULL REFERENCES sales.customer ON DELETE CASCADE,
  no smallint NOT NULL,
  region char(3) NOT NULL,
  code_x varchar(9) NOT NULL UNIQUE,
  PRIMARY KEY (customer_id, no),
  FOREIGN KEY (customer_id, region) REFERENCES sales.customer (id, region)
);
CREATE TABLE ops.contact (
  id integer PRIMARY KEY,
  customer_id integer NOT NULL,
  site_no smallint,
  backup_code varchar(9) REFERENCES ops.site (code_x) ON DELETE SET NULL,
  FOREIGN KEY (customer_id, site_no) REFERENCES ops.site (customer_id, no) ON DELETE SET NULL (site_no)
);
CREATE TABLE ops.job (
  id integer PRIMARY KEY,
  before_id integer REFERENCES ops.job DEFERRABLE INITIALLY IMMEDIATE,
  contact_id integer REFERENCES ops.contact ON DELETE RESTRICT ON UPDATE RESTRICT
);
CREATE TABLE ops.step (
  job_id integer NOT NULL REFERENCES ops.job DEFERRABLE INITIALLY DEFERRED,
  no integer NOT NULL,
  minutes integer NOT NULL,
  PRIMARY KEY (job_id, no)
);
CREATE TABLE ops.pair_a (id integer PRIMARY KEY, b_id integer NOT NULL);
CREATE TABLE ops.pair_b (id integer PRIMARY KEY, a_id integer REFERENCES ops.pair_a);
ALTER TABLE ops.pair_a ADD FOREIGN KEY (b_id) REFERENCES ops.pair_b DEFERRABLE INITIALLY DEFERRED;
