-- Texts of every kind, bytes, uuids, addresses, and types that only extensions know.
-- Covers: pg-char, pg-citext, pg-bytea, pg-uuid, pg-xml, pg-tsvector, pg-network, pg-ltree
-- Covers: pg-hstore, pg-unknown
-- Only: postgresql
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE EXTENSION ltree;
CREATE EXTENSION isn;
CREATE EXTENSION cube;
CREATE TABLE member (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  ordered uuid NOT NULL UNIQUE,
  login citext NOT NULL UNIQUE,
  initials char(4) NOT NULL,
  short varchar(12),
  role name,
  grade "char" NOT NULL,
  letter text,
  photo bytea,
  host inet,
  net cidr NOT NULL,
  card macaddr,
  long_card macaddr8,
  settings hstore NOT NULL,
  place ltree,
  branch ltree NOT NULL UNIQUE,
  found xml,
  path_in jsonpath,
  words tsvector NOT NULL,
  asked tsquery,
  book isbn13 NOT NULL,
  spot cube,
  pattern lquery NOT NULL
);
CREATE FUNCTION v7(n integer) RETURNS uuid LANGUAGE sql AS $$
  SELECT (lpad(to_hex(1700000000000 + n * 60000), 12, '0') || '7' || substr(md5(n::text), 1, 3)
          || 'b' || substr(md5(n::text), 4, 15))::uuid
$$;
INSERT INTO member
SELECT md5(n::text)::uuid, v7(n), format('User%s', n), substr(upper(md5(n::text)), 1, 2 + n % 3),
       CASE WHEN n % 5 <> 0 THEN format('Straße %s', n) END,
       (ARRAY['owner', 'reader', 'writer'])[1 + n % 3], (ARRAY['a', 'b', 'c'])[1 + n % 3]::"char",
       repeat(format('Letter %s says little. ', n), n % 40), decode(md5(n::text), 'hex'),
       CASE n % 4 WHEN 0 THEN format('2001:db8::%s', to_hex(n))::inet
                  WHEN 1 THEN format('192.168.%s.%s/24', n % 7, n)::inet
                  ELSE format('172.16.%s.%s', n % 200, n)::inet END,
       format('10.%s.%s.0/24', n % 100, n)::cidr,
       format('08:00:2b:01:%s:%s', to_char(n % 99, 'fm00'), to_char(n / 99, 'fm00'))::macaddr,
       format('08:00:2b:01:02:03:%s:%s', to_char(n % 99, 'fm00'), to_char(n / 99, 'fm00'))::macaddr8,
       hstore(ARRAY['theme', 'tab', 'quoted "key"', 'mail'],
              ARRAY[(ARRAY['dark', 'light'])[1 + n % 2], CASE WHEN n % 3 > 0 THEN n::text END,
                    'a => b, \ "c"', format('person%s@corp.example', n)])
         - CASE WHEN n % 4 = 0 THEN 'tab' ELSE '' END,
       text2ltree(format('Top.%s.N%s', (ARRAY['Science', 'Sport'])[1 + n % 2], n)),
       text2ltree(format('Root.N%s', n)),
       format('<person no="%s"><name>Nobody %s</name></person>', n, n)::xml,
       format('$.field%s[*] ? (@ > %s)', n, n)::jsonpath,
       to_tsvector('english', format('Patient %s complains about item%s', n, n)),
       to_tsquery('english', format('patient%s & !pain', n)),
       format('978%s?', to_char(n, 'fm000000000'))::isbn13,
       cube(ARRAY[n::float8, n * 2]),
       format('*.N%s.*', n)::lquery
FROM generate_series(1, 150) n;
