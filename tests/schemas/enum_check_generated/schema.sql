-- Enumerations, checks, defaults, generated and identity columns, and the types beside numbers.
-- Rows: item 200, part 300
-- Only: postgresql
CREATE TYPE mood AS ENUM ('calm', 'Very happy', 'so-so');
CREATE TABLE item (
  id uuid PRIMARY KEY,
  feeling mood NOT NULL DEFAULT 'calm',
  price numeric(8, 2) NOT NULL CHECK (price >= 0),
  quantity integer NOT NULL CHECK (quantity BETWEEN 0 AND 1000),
  total numeric GENERATED ALWAYS AS (price * quantity) STORED,
  extra jsonb,
  span interval,
  tags text[],
  raw bytea,
  opens time,
  seen timestamptz
);
CREATE TABLE part (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  item_id uuid NOT NULL REFERENCES item (id),
  old_feeling mood,
  note text
);
CREATE TABLE only_computed (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  twice integer GENERATED ALWAYS AS (2) STORED
);
