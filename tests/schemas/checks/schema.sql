-- Checks of one and of several columns, and rows that keep them.
-- Only: postgresql
-- Covers: pg-check, pg-check-today, pg-constraint-trigger
CREATE FUNCTION is_even(n integer) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT n % 2 = 0';
CREATE TABLE worker (
  worker_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code varchar(8) NOT NULL CHECK (code ~ '^[A-Z]{2}-\d{4}$'),
  login text NOT NULL CHECK (login = lower(login)) CHECK (char_length(login) BETWEEN 3 AND 12),
  mail text CHECK (mail LIKE '%_@_%.__%'),
  colour text NOT NULL CHECK (colour SIMILAR TO '#[0-9a-f]{6}'),
  born date NOT NULL CHECK (born <= CURRENT_DATE),
  hired date NOT NULL,
  left_on date,
  hours numeric(4, 1) NOT NULL CHECK (hours > 0 AND hours <= 40),
  grade smallint NOT NULL CHECK (grade IN (1, 2, 3, 5, 8)),
  state varchar(10) NOT NULL CHECK (state = ANY (ARRAY['active', 'away', 'gone']::text[])),
  notes jsonb CHECK (jsonb_typeof(notes) = 'object'),
  CHECK (hired > born),
  CHECK (left_on >= hired),
  CHECK ((state = 'gone') = (left_on IS NOT NULL)) NO INHERIT
);
INSERT INTO worker (code, login, mail, colour, born, hired, left_on, hours, grade, state, notes)
SELECT chr(65 + n % 7) || 'K-' || lpad((n * 37 % 10000)::text, 4, '0'), 'user' || n,
       CASE WHEN n % 5 > 0 THEN 'm' || n || '@example.org' END, '#' || lpad(to_hex(n * 4096 + n), 6, '0'),
       date '1970-01-01' + n * 40, date '2010-01-01' + n * 11,
       CASE WHEN n % 4 = 0 THEN date '2016-01-01' + n * 5 END, (n % 80 + 1) / 2.0,
       (ARRAY[1, 2, 3, 5, 8])[n % 5 + 1],
       CASE WHEN n % 4 = 0 THEN 'gone' WHEN n % 4 = 1 THEN 'away' ELSE 'active' END, '{"a": 1}'
FROM generate_series(1, 160) AS n;
CREATE TABLE line (
  worker_id integer NOT NULL REFERENCES worker,
  line_no integer NOT NULL CHECK (is_even(line_no)),
  quantity integer NOT NULL CHECK (quantity > 0),
  price numeric(8, 2) NOT NULL CHECK (price >= 0.5),
  total numeric(12, 2) NOT NULL,
  discount integer NOT NULL DEFAULT 0,
  surcharge integer NOT NULL DEFAULT 0,
  placed_at timestamptz NOT NULL,
  paid_at timestamptz,
  card text,
  voucher text,
  kind "char" NOT NULL,
  month date NOT NULL CHECK (date_trunc('month', month) = month),
  PRIMARY KEY (worker_id, line_no),
  CHECK (total = quantity * price),
  CHECK (discount + surcharge <= 100 AND discount >= 0 AND surcharge >= 0),
  CHECK (paid_at > placed_at + interval '1 minute'),
  CHECK (num_nonnulls(card, voucher) = 1),
  CHECK (card IS NULL OR card ~ '^[0-9]{4}$'),
  CHECK (CASE WHEN kind = 'w' THEN EXTRACT(dow FROM placed_at) IN (0, 6) ELSE paid_at IS NOT NULL END)
);
INSERT INTO line
SELECT n % 160 + 1, n / 160 * 2, n % 9 + 1, n % 50 + 0.5, (n % 9 + 1) * (n % 50 + 0.5), n % 60, n % 40,
       t, CASE WHEN EXTRACT(dow FROM t) NOT IN (0, 6) OR n % 2 = 0 THEN t + interval '1 hour' * (n % 30 + 1) END,
       CASE WHEN n % 3 > 0 THEN lpad((n * 7 % 10000)::text, 4, '0') END, CASE WHEN n % 3 = 0 THEN 'v' || n END,
       CASE WHEN EXTRACT(dow FROM t) IN (0, 6) THEN 'w' ELSE 'd' END,
       date_trunc('month', t)
FROM (SELECT n, timestamptz '2023-01-01 10:00+00' + n * interval '31 hours' AS t
      FROM generate_series(1, 400) AS n) AS made;
CREATE TABLE friend (
  one_id integer NOT NULL REFERENCES worker,
  other_id integer NOT NULL REFERENCES worker,
  team_id integer REFERENCES worker,
  guest_id integer REFERENCES worker,
  PRIMARY KEY (one_id, other_id),
  CHECK (one_id < other_id),
  CONSTRAINT one_of_two CHECK ((team_id IS NULL) <> (guest_id IS NULL))
);
INSERT INTO friend
SELECT n, n + m, CASE WHEN n % 2 = 0 THEN n END, CASE WHEN n % 2 = 1 THEN m END
FROM generate_series(1, 100) AS n, generate_series(1, 3) AS m;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.quantity > 1000 THEN RAISE EXCEPTION 'too many'; END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER limits AFTER INSERT OR UPDATE ON line
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE FUNCTION fits(kind text, size integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  RETURN (kind = 'big') = (size > 50);
END $$;
CREATE TABLE box (
  box_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  size integer NOT NULL,
  label text,
  tags text[],
  stored boolean,
  CHECK (fits(kind, size)),
  CHECK (label ~ '^(?=.*[0-9])[a-z0-9]+$'),
  CHECK (stored IS NULL OR cardinality(tags) > 0)
);
INSERT INTO box (kind, size, label, tags, stored)
SELECT CASE WHEN n % 100 > 50 THEN 'big' ELSE 'small' END, n % 100, 'box' || n % 90,
       CASE WHEN n % 3 > 0 THEN ARRAY['a', 'b'] END, CASE WHEN n % 3 > 0 THEN n % 2 = 0 END
FROM generate_series(1, 250) AS n;
