-- What came with PostgreSQL 18: virtual columns, named NOT NULL, keys without overlaps, no enforcement.
-- Covers: pg-virtual, pg-not-enforced, pg-named-not-null
-- From: 18
-- Rows: item 90, part 200
-- Only: postgresql
CREATE TABLE item (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  price numeric(8, 2) CONSTRAINT priced NOT NULL,
  quantity integer NOT NULL,
  total numeric GENERATED ALWAYS AS (price * quantity) VIRTUAL,
  CONSTRAINT wished CHECK (quantity > 5) NOT ENFORCED
);
CREATE TABLE part (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  item_id uuid NOT NULL,
  other_id uuid,
  note varchar(30),
  FOREIGN KEY (item_id) REFERENCES item (id),
  CONSTRAINT loose FOREIGN KEY (other_id) REFERENCES item (id) NOT ENFORCED
);
ALTER TABLE part ADD CONSTRAINT noted NOT NULL note NOT VALID;
