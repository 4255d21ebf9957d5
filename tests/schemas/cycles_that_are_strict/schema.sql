-- Only: postgresql
-- Cycles without a part that may be missing, of uuids and dates, one to one, with a part of the
-- primary key, and between tables that are copied.
-- Covers: pg-strict-cycle, pg-deferrable
CREATE TABLE lab (
  id uuid PRIMARY KEY,
  head_id uuid NOT NULL UNIQUE,
  name text NOT NULL
);
CREATE TABLE scientist (
  id uuid PRIMARY KEY,
  lab_id uuid NOT NULL UNIQUE REFERENCES lab (id) DEFERRABLE INITIALLY DEFERRED,
  full_name text NOT NULL
);
CREATE TABLE season (
  starts date PRIMARY KEY,
  best_number integer,
  best_starts date NOT NULL,
  UNIQUE (best_starts, best_number)
);
CREATE TABLE game (
  season_starts date NOT NULL REFERENCES season (starts),
  number integer NOT NULL,
  score numeric(5, 1),
  PRIMARY KEY (season_starts, number)
);
CREATE TABLE unit (
  code varchar(4) PRIMARY KEY,
  base_code varchar(4) NOT NULL
);
CREATE TABLE scale (
  code varchar(4) PRIMARY KEY,
  unit_code varchar(4) NOT NULL REFERENCES unit (code)
);
CREATE TABLE reading (
  id integer PRIMARY KEY,
  unit_code varchar(4) NOT NULL REFERENCES unit (code),
  scale_code varchar(4) REFERENCES scale (code),
  value double precision
);
INSERT INTO lab
SELECT md5('l' || i)::uuid, md5('s' || i)::uuid, 'lab ' || i FROM generate_series(1, 40) AS i;
INSERT INTO scientist
SELECT md5('s' || i)::uuid, md5('l' || (i % 40 + 1))::uuid, 'Ada ' || i FROM generate_series(1, 40) AS i;
INSERT INTO season
SELECT date '2000-01-01' + i, CASE WHEN i % 3 > 0 THEN i % 4 + 1 END, date '2000-01-01' + (i + 1) % 30
FROM generate_series(0, 29) AS i;
INSERT INTO game
SELECT date '2000-01-01' + i % 30, i / 30 + 1, i * 7 % 50 FROM generate_series(0, 149) AS i;
INSERT INTO unit SELECT 'U' || i, 'S' || (i % 5) FROM generate_series(0, 5) AS i;
INSERT INTO scale SELECT 'S' || i, 'U' || i FROM generate_series(0, 5) AS i;
INSERT INTO reading
SELECT i, 'U' || (i % 6), CASE WHEN i % 3 > 0 THEN 'S' || (i % 6) END, i * 1.5
FROM generate_series(1, 120) AS i;
ALTER TABLE lab ADD FOREIGN KEY (head_id) REFERENCES scientist (id);
ALTER TABLE season ADD FOREIGN KEY (best_starts, best_number) REFERENCES game (season_starts, number);
ALTER TABLE unit ADD FOREIGN KEY (base_code) REFERENCES scale (code);
