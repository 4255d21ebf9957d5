-- Keys to what is not unique, to nothing, to other engines; orphans; cycles of keys.
-- Covers: my-keys, my-orphans
-- Loses: foreign key orphaned.orphaned_nowhere
-- Only: mysql
CREATE TABLE grade (id integer PRIMARY KEY, code integer NOT NULL, KEY (code)) ENGINE = InnoDB;
INSERT INTO grade SELECT seq, seq % 12 FROM seq_1_to_60;
CREATE TABLE graded (
  id integer PRIMARY KEY,
  grade_code integer,
  CONSTRAINT graded_code FOREIGN KEY (grade_code) REFERENCES grade (code)
);
INSERT INTO graded SELECT seq, nullif(seq % 12, 3) FROM seq_1_to_120;
CREATE TABLE loose (id integer PRIMARY KEY, grade_id integer REFERENCES grade (id)) ENGINE = MyISAM;
INSERT INTO loose SELECT seq, seq * 7 FROM seq_1_to_60;
CREATE TABLE ship (id integer PRIMARY KEY, captain_id integer NOT NULL, tonnage integer NOT NULL);
CREATE TABLE captain (
  id integer PRIMARY KEY, ship_id integer NOT NULL, mate_id integer,
  CONSTRAINT captain_ship FOREIGN KEY (ship_id) REFERENCES ship (id),
  CONSTRAINT captain_mate FOREIGN KEY (mate_id) REFERENCES captain (id) ON DELETE CASCADE
);
ALTER TABLE ship ADD CONSTRAINT ship_captain FOREIGN KEY (captain_id) REFERENCES captain (id);
SET SESSION foreign_key_checks = 0;
INSERT INTO ship SELECT seq, seq, seq * 100 FROM seq_1_to_60;
INSERT INTO captain SELECT seq, 61 - seq, nullif(seq div 2, 0) FROM seq_1_to_60;
CREATE TABLE orphaned (
  id integer PRIMARY KEY,
  grade_id integer NOT NULL,
  other_id integer,
  nowhere_id integer,
  CONSTRAINT orphaned_grade FOREIGN KEY (grade_id) REFERENCES grade (id),
  CONSTRAINT orphaned_other FOREIGN KEY (other_id) REFERENCES graded (id),
  CONSTRAINT orphaned_nowhere FOREIGN KEY (nowhere_id) REFERENCES nowhere (id)
);
INSERT INTO orphaned SELECT seq, if(seq % 5, 1 + seq % 50, 900 + seq), nullif(seq * 2, 60), seq FROM seq_1_to_90;
SET SESSION foreign_key_checks = 1;
