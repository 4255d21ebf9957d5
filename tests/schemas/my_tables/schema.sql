-- Engines, partitions, options, special indexes, generated and invisible columns, comments.
-- Only MySQL 8 indexes expressions: there is no line for it here.
-- Covers: my-partitions, my-prefix, my-generated
-- Loses: table all_logs
-- Rows: region 60, Mixed Case 80, log_day 120, log_plain 60, counted_within 0, odd 70
-- Only: mysql
CREATE TABLE region (
  id smallint unsigned PRIMARY KEY,
  label varchar(40) NOT NULL,
  note text,
  wide varchar(600) CHARACTER SET latin1,
  narrow varchar(30) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin,
  short_code varbinary(12),
  lowered varchar(40) GENERATED ALWAYS AS (lower(label)) STORED COMMENT 'a
line',
  doubled integer AS (id * 2) VIRTUAL,
  hidden_on date INVISIBLE DEFAULT (current_date - interval 1 day),
  amount decimal(8, 2) NOT NULL DEFAULT 1.50 CHECK (amount >= 0),
  raw binary(3) NOT NULL DEFAULT X'00ff41',
  KEY by_start (note(20), label(5) DESC),
  KEY by_doubled (doubled) COMMENT 'kept',
  KEY by_wide (wide(500)) IGNORED,
  UNIQUE KEY by_code (short_code),
  FULLTEXT KEY by_words (note, label),
  CONSTRAINT label_is_plain CHECK (label <> 'x, (y)' AND amount < 100000)
) ROW_FORMAT = DYNAMIC COMMENT = 'options, and a ''quote''' KEY_BLOCK_SIZE = 0 STATS_PERSISTENT = 1;
CREATE TABLE "Mixed Case" (
  "Id" integer PRIMARY KEY AUTO_INCREMENT,
  "Region Id" smallint unsigned,
  "back`tick" integer,
  state enum('new', 'it''s', 'a,b', '(') NOT NULL DEFAULT 'new',
  CONSTRAINT "Key One" FOREIGN KEY ("Region Id") REFERENCES region (id) ON DELETE SET NULL ON UPDATE CASCADE
) DEFAULT CHARSET = utf8mb3 COLLATE = utf8mb3_unicode_ci;
CREATE TABLE log_day (
  id integer NOT NULL AUTO_INCREMENT,
  day date NOT NULL,
  level varchar(10),
  PRIMARY KEY (id, day)
) PARTITION BY RANGE (to_days(day)) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (
  PARTITION p_old VALUES LESS THAN (to_days('2020-01-01')) COMMENT = 'old',
  PARTITION p_rest VALUES LESS THAN MAXVALUE
);
CREATE TABLE log_plain (id integer PRIMARY KEY, level varchar(10), KEY (level)) ENGINE = MyISAM
  PACK_KEYS = 1 CHECKSUM = 1;
CREATE TABLE all_logs (id integer NOT NULL, level varchar(10), KEY (id), KEY (level)) ENGINE = MRG_MyISAM UNION = (log_plain);
CREATE TABLE counted_within (
  category integer NOT NULL, number integer NOT NULL AUTO_INCREMENT, label varchar(20),
  PRIMARY KEY (category, number)
) ENGINE = Aria TRANSACTIONAL = 0;
INSERT INTO counted_within (category, label) SELECT seq % 7, concat('entry ', seq % 5) FROM seq_1_to_90;
CREATE TABLE odd (
  n integer NOT NULL AUTO_INCREMENT, a integer NOT NULL, b varchar(20), KEY (a), UNIQUE KEY (n)
);
