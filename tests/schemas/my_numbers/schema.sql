-- Numbers at the ends of their types, bits, years, booleans, and what has been counted from 0.
-- Covers: my-unsigned, my-tinyint, my-bit, my-decimal, my-counting, my-set-enum
-- Only: mysql
SET SESSION sql_mode = 'ANSI_QUOTES,NO_AUTO_VALUE_ON_ZERO';
CREATE TABLE huge (
  id bigint unsigned PRIMARY KEY AUTO_INCREMENT,
  hash bigint unsigned NOT NULL,
  small tinyint unsigned NOT NULL,
  signed_small tinyint,
  flag tinyint(1) NOT NULL,
  truth boolean,
  one_bit bit(1) NOT NULL,
  mask bit(12) NOT NULL DEFAULT b'101',
  all_bits bit(64),
  medium mediumint unsigned,
  precise decimal(65, 30) NOT NULL,
  positive decimal(10, 2) unsigned,
  filled int(8) unsigned zerofill,
  real4 float NOT NULL,
  shown float(7, 3),
  real8 double,
  options set('red', 'green', 'dark blue') NOT NULL DEFAULT 'red',
  more_options set('a', 'b'),
  state enum('', 'open', 'shut') NOT NULL,
  wrong enum('x', 'y')
);
INSERT INTO huge
SELECT 18446744073709551000 + seq, 18446744073709551615 - seq * 1000003, seq % 256, cast(seq % 7 AS signed) - 3,
  seq % 2, nullif(seq % 3, 2), seq % 2, seq * 37 % 4096, 18446744073709551615 - seq,
  16777215 - seq % 5, seq / 7 + 12345678901234567890123456789012345, seq / 3, seq % 10,
  seq / 3, seq / 7, exp(seq % 40), 1 + seq % 7, nullif(seq % 4, 0), 1 + seq % 3, seq % 3
FROM seq_1_to_120;
CREATE TABLE from_zero (
  id integer PRIMARY KEY AUTO_INCREMENT,
  huge_id bigint unsigned,
  size smallint NOT NULL,
  CONSTRAINT from_zero_huge FOREIGN KEY (huge_id) REFERENCES huge (id)
);
INSERT INTO from_zero
SELECT seq, nullif(18446744073709551001 + seq % 20, 18446744073709551001), seq % 9 FROM seq_0_to_99;
