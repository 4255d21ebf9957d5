-- Partitions by range, list and hash, nested ones, without a default, and keys from and to them.
-- Only: postgresql
-- Covers: pg-partitions, pg-partition-keys
CREATE TABLE reading (
  reading_id bigint NOT NULL,
  taken_on date NOT NULL,
  region text NOT NULL,
  sensor integer NOT NULL,
  value numeric(6, 2),
  PRIMARY KEY (reading_id, taken_on, region)
) PARTITION BY RANGE (taken_on);
CREATE TABLE reading_a PARTITION OF reading FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE reading_b PARTITION OF reading FOR VALUES FROM ('2024-07-01') TO ('2025-01-01') PARTITION BY LIST (region);
CREATE TABLE reading_b_near PARTITION OF reading_b FOR VALUES IN ('north', 'south') PARTITION BY HASH (reading_id);
CREATE TABLE reading_b_near_0 PARTITION OF reading_b_near FOR VALUES WITH (modulus 2, remainder 0);
CREATE TABLE reading_b_near_1 PARTITION OF reading_b_near FOR VALUES WITH (modulus 2, remainder 1);
CREATE TABLE reading_b_rest PARTITION OF reading_b FOR VALUES IN ('east');
CREATE UNIQUE INDEX reading_a_sensor ON reading_a (sensor, taken_on);
ALTER TABLE reading_a ADD CONSTRAINT small CHECK (value < 500);
INSERT INTO reading
SELECT n, date '2024-01-01' + n % 360,
       CASE WHEN n % 360 >= 182 AND n % 5 = 0 THEN 'east' WHEN n % 2 = 0 THEN 'north' ELSE 'south' END,
       n / 360 * 7 + n % 7, n % 400
FROM generate_series(1, 900) AS n;
CREATE TABLE alarm (
  alarm_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  reading_id bigint,
  taken_on date,
  region text,
  level smallint NOT NULL,
  FOREIGN KEY (reading_id, taken_on, region) REFERENCES reading
);
INSERT INTO alarm (reading_id, taken_on, region, level)
SELECT reading_id, taken_on, region, reading_id % 3 FROM reading WHERE reading_id % 3 = 0;
CREATE TABLE tenant (tenant_id integer PRIMARY KEY, title text NOT NULL);
INSERT INTO tenant SELECT n, 'Tenant ' || n FROM generate_series(1, 70) AS n;
CREATE TABLE event (
  event_id integer NOT NULL,
  tenant_id integer NOT NULL REFERENCES tenant,
  kind text NOT NULL,
  PRIMARY KEY (event_id, tenant_id)
) PARTITION BY HASH (tenant_id);
CREATE TABLE event_0 PARTITION OF event FOR VALUES WITH (modulus 2, remainder 0);
CREATE TABLE event_1 PARTITION OF event FOR VALUES WITH (modulus 2, remainder 1);
INSERT INTO event SELECT n, n % 70 + 1, 'kind ' || n % 4 FROM generate_series(1, 300) AS n;
CREATE TABLE sale (
  sale_id integer NOT NULL,
  country char(2) NOT NULL,
  sold_at timestamptz NOT NULL,
  amount integer NOT NULL
) PARTITION BY LIST (country);
CREATE TABLE sale_de PARTITION OF sale FOR VALUES IN ('de', 'at');
CREATE TABLE sale_other PARTITION OF sale DEFAULT PARTITION BY RANGE (sold_at);
CREATE TABLE sale_other_23 PARTITION OF sale_other FOR VALUES FROM ('2023-01-01 00:00+00') TO ('2024-01-01 00:00+00');
CREATE TABLE sale_other_24 PARTITION OF sale_other FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2025-01-01 00:00+00');
INSERT INTO sale
SELECT n, (ARRAY['de', 'at', 'fr', 'it', 'es'])[n % 5 + 1], timestamptz '2023-01-02 00:00+00' + n * interval '40 hours', n % 90
FROM generate_series(1, 400) AS n;
