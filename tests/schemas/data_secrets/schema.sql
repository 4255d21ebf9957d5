-- Password hashes, signed tokens, keys, base64, addresses of files: nothing of them may come through.
-- Not: mysql
-- Covers: data-secrets
CREATE TABLE login (
  id integer PRIMARY KEY,
  email varchar(80) NOT NULL UNIQUE,
  password_hash varchar(80) NOT NULL,
  api_key varchar(40) NOT NULL UNIQUE,
  reset_token text,
  session_jwt text,
  avatar_url text,
  recovery_codes text,
  last_ip varchar(40)
);
CREATE TABLE attachment (
  id integer PRIMARY KEY,
  login_id integer NOT NULL REFERENCES login (id),
  location text NOT NULL,
  content_base64 text NOT NULL,
  sha256 varchar(64) NOT NULL
);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)
INSERT INTO login
SELECT
  i, 'person' || (i * 37) || '@corp.example', '$2b$12$abcdefghijklmnopqrstuv' || (1000000 + i * 7919),
  'sk_live_' || (100000000 + i * 104729), 'rst-' || (5000000 + i * 15485863),
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI' || (1000 + i) || 'abcdef.c2lnbmF0dXJl' || (2000 + i * 31),
  'https://bucket.s3.example/avatars/' || (i * 6151) || '.png',
  (10000 + i * 17) || ' ' || (20000 + i * 19), '10.1.' || (i % 200) || '.' || (i * 3 % 250 + 1)
FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
INSERT INTO attachment
SELECT
  i, i % 80 + 1, 's3://private-bucket/2024/' || (i * 7907) || '/scan.pdf',
  'JVBERi0xLjQKJcfs' || (100000 + i * 613) || 'jytrZmVrZQ==',
  substr('0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', 1, 54) || (1000000000 + i)
FROM n;
