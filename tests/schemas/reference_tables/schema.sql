-- Short lists of values, one below another, and the table that uses them.
-- Rows: region 4, country 12, currency 5, account 300
CREATE TABLE region (
  code varchar(4) PRIMARY KEY,
  label varchar(30) NOT NULL
);
CREATE TABLE country (
  code varchar(4) PRIMARY KEY,
  region_code varchar(4) NOT NULL REFERENCES region (code),
  label varchar(30) NOT NULL
);
CREATE TABLE currency (
  id integer PRIMARY KEY,
  label varchar(30) NOT NULL UNIQUE
);
CREATE TABLE account (
  id integer PRIMARY KEY,
  country_code varchar(4) NOT NULL REFERENCES country (code),
  currency_id integer REFERENCES currency (id),
  email varchar(60) NOT NULL UNIQUE,
  opened_on date NOT NULL,
  is_active boolean NOT NULL
);
