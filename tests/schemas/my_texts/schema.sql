-- Unique texts that are equal but for case, accents or trailing spaces; JSON, addresses, shapes.
-- Covers: my-collations, my-json, my-spatial
-- Only: mysql
CREATE TABLE member (
  nick varchar(12) PRIMARY KEY,
  code char(6) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL UNIQUE,
  exact varchar(20) COLLATE utf8mb4_bin NOT NULL UNIQUE,
  email varchar(60) NOT NULL,
  bio mediumtext,
  emoji varchar(20) CHARACTER SET utf8mb4,
  doc json,
  settings json NOT NULL DEFAULT '{}' CHECK (json_length(settings) < 9),
  token uuid NOT NULL DEFAULT uuid(),
  address4 inet4,
  address6 inet6 NOT NULL
);
INSERT INTO member
SELECT concat(elt(1 + seq % 3, 'Ä', 'o', 'S'), char(97 + seq % 26), seq), concat('Q', lpad(seq, 4, '0')),
  concat('x', seq), concat('someone', seq, '@example.org'), 'some words', '🙂', json_object('n', seq % 4), '{"a": 1}', uuid(),
  concat('10.0.0.', seq), concat('fe80::', hex(seq))
FROM seq_1_to_90;
CREATE TABLE post (
  id integer PRIMARY KEY,
  member_nick varchar(12) NOT NULL,
  word varchar(8) NOT NULL,
  place point REF_SYSTEM_ID = 4326 NOT NULL,
  area polygon,
  UNIQUE KEY (member_nick, word),
  SPATIAL KEY (place),
  CONSTRAINT post_member FOREIGN KEY (member_nick) REFERENCES member (nick)
);
INSERT INTO post
SELECT seq, if(seq % 3, upper(m.nick), lower(m.nick)), elt(1 + seq div 90, 'Tee', 'öl', 'Rum'),
  st_geomfromtext(concat('POINT(', seq % 9, ' ', seq % 5, ')'), 4326),
  if(seq % 4, NULL, st_geomfromtext('POLYGON((0 0,0 1,1 1,0 0))'))
FROM seq_1_to_200 s JOIN (SELECT nick, row_number() OVER (ORDER BY nick) AS n FROM member) m ON m.n = 1 + (seq - 1) % 90;
CREATE TABLE coupon (
  code varchar(5) PRIMARY KEY,
  other char(4) NOT NULL,
  body text NOT NULL,
  kind varchar(10) NOT NULL,
  UNIQUE KEY by_other (other),
  UNIQUE KEY by_start (body(6))
);
INSERT INTO coupon
SELECT concat(char(65 + seq div 26 % 5 + 32 * (seq % 2)), char(65 + seq % 26 + 32 * (seq div 2 % 2)), elt(1 + seq % 3, 'x', 'Y', 'z')),
  concat(elt(1 + seq % 2, 'é', 'E'), lpad(seq, 3, '0')), concat(lpad(seq, 3, 'x'), 'abc and more words ', seq),
  elt(1 + seq % 3, 'a', 'A', 'á')
FROM seq_1_to_120;
