-- Rows that exclude one another: bookings of a room, shifts of a person, prices of an item.
-- Only: postgresql
-- Covers: pg-exclusion
CREATE EXTENSION btree_gist;
CREATE TABLE room (room_id integer PRIMARY KEY, name text NOT NULL UNIQUE);
INSERT INTO room SELECT n, 'Room ' || n FROM generate_series(1, 40) AS n;
CREATE TABLE booking (
  booking_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  room_id integer NOT NULL REFERENCES room,
  from_at timestamptz NOT NULL,
  to_at timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('kept', 'cancelled')),
  CHECK (to_at > from_at),
  CONSTRAINT one_at_a_time EXCLUDE USING gist (room_id WITH =, tstzrange(from_at, to_at) WITH &&)
    WHERE (state <> 'cancelled')
);
INSERT INTO booking (room_id, from_at, to_at, state)
SELECT n % 40 + 1, t, t + interval '1 hour' * (n % 5 + 1), CASE WHEN n % 9 = 0 THEN 'cancelled' ELSE 'kept' END
FROM (SELECT n, timestamptz '2024-01-01 08:00+00' + n / 40 * interval '6 hours' AS t
      FROM generate_series(1, 600) AS n) AS made;
CREATE TABLE price (
  room_id integer NOT NULL REFERENCES room,
  valid_from date NOT NULL,
  valid_to date,
  amount numeric(8, 2) NOT NULL,
  EXCLUDE USING gist (room_id WITH =, daterange(valid_from, valid_to, '[]') WITH &&)
);
INSERT INTO price
SELECT r, date '2020-01-01' + n * 100, CASE WHEN n < 4 THEN date '2020-01-01' + n * 100 + 99 END, r + n
FROM generate_series(1, 40) AS r, generate_series(0, 4) AS n;
CREATE TABLE shift (
  shift_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  person text NOT NULL,
  during tsrange,
  EXCLUDE USING gist (person WITH =, during WITH &&),
  EXCLUDE USING btree (shift_id WITH =)
);
INSERT INTO shift (person, during)
SELECT 'p' || n % 7, tsrange(timestamp '2024-01-01' + n * interval '9 hours', timestamp '2024-01-01' + n * interval '9 hours' + interval '8 hours')
FROM generate_series(1, 120) AS n;
