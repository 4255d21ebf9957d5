-- Two tables of ten mixed columns; {parents} customers with about four orders each, and things to learn.
CREATE TABLE customer (
  id bigint NOT NULL, ext_id uuid NOT NULL, email text NOT NULL, name text NOT NULL,
  country char(2) NOT NULL, segment text, balance numeric(12,2) NOT NULL, birth date,
  created timestamptz NOT NULL, active boolean NOT NULL);
CREATE TABLE orders (
  id bigint NOT NULL, customer_id bigint NOT NULL, status text NOT NULL,
  amount numeric(10,2) NOT NULL, qty integer NOT NULL, weight double precision,
  ordered_at timestamptz NOT NULL, note text, ship_date date, flags smallint NOT NULL);
SELECT setseed(0.42);
INSERT INTO customer
SELECT i, gen_random_uuid(), 'user' || i || '@corp' || i % 97 || '.test',
  (ARRAY['Ada', 'Bo', 'Cy', 'Dee', 'Eve', 'Flo', 'Gus', 'Hal'])[1 + floor(random() * 8)::int]
    || ' ' || initcap(substr(md5(i::text), 1, 8)),
  country, segment,
  round((exp(5 + 1.2 * random() + random() + rank) - 100)::numeric, 2),
  CASE WHEN random() < .15 THEN NULL
       ELSE date '1950-01-01' + floor((random() + random()) * 10000)::int END,
  created, random() < .5 + .1 * (extract(year FROM created) - 2020)
FROM (
  SELECT i, country, rank, timestamptz '2020-01-01' + random() * random() * interval '5 years' AS created,
    CASE WHEN random() < .1 THEN NULL
         ELSE (ARRAY['edu', 'smb', 'ent'])[1 + floor(random() * rank)::int] END AS segment
  FROM (
    SELECT i, (ARRAY['DE', 'FR', 'US', 'GB', 'JP'])[which] AS country, 1 + which % 3 AS rank
    FROM (SELECT i, 1 + floor(power(random(), 1.7) * 5)::int AS which
          FROM generate_series(1, {parents}) AS i) AS drawn
  ) AS placed
) AS sorted;
INSERT INTO orders
SELECT row_number() OVER (ORDER BY ordered_at), customer_id, status,
  least(round((exp(2 + power + 1.5 * random()) * qty)::numeric, 2), 99999999), qty,
  CASE WHEN random() < .1 THEN NULL ELSE qty * (.2 + random()) END, ordered_at,
  CASE WHEN random() < .5 THEN NULL ELSE 'note ' || substr(md5(random()::text), 1, 20) END,
  CASE WHEN status IN ('shipped', 'returned')
       THEN ordered_at::date + 1 + floor(random() * random() * 14)::int END,
  floor(random() * 4)::int + CASE WHEN qty > 3 THEN 4 ELSE 0 END
FROM (
  SELECT c.id AS customer_id, c.created + power(random(), 2) * interval '700 days' AS ordered_at,
    (ARRAY['new', 'paid', 'shipped', 'shipped', 'returned', 'cancelled'])
      [1 + floor(random() * (3 + power))::int] AS status,
    1 + floor(random() * random() * 10)::int AS qty, power
  FROM (SELECT *, CASE segment WHEN 'ent' THEN 3 WHEN 'smb' THEN 2 ELSE 1 END AS power
        FROM customer) AS c,
    LATERAL generate_series(1, floor(-ln(1 - random()) * (2.5 + 1.34 * power))::int) AS n
) AS placed;
ALTER TABLE customer ADD PRIMARY KEY (id), ADD UNIQUE (ext_id), ADD UNIQUE (email);
ALTER TABLE orders ADD PRIMARY KEY (id), ADD FOREIGN KEY (customer_id) REFERENCES customer (id);
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (ordered_at);
ANALYZE;
