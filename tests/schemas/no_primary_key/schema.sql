-- Tables without a primary key: one has a parent, one stands alone, one has only keys.
-- Rows: device 40, reading 300, event_log 200, pairing 100
CREATE TABLE device (
  id integer PRIMARY KEY,
  model_code varchar(10) NOT NULL
);
CREATE TABLE reading (
  device_id integer NOT NULL REFERENCES device (id),
  measured_at timestamp NOT NULL,
  degrees numeric(5, 1)
);
CREATE TABLE event_log (
  happened_at timestamp,
  level_status varchar(10),
  message varchar(100)
);
CREATE TABLE pairing (
  device_id integer REFERENCES device (id),
  other_id integer REFERENCES device (id)
);
