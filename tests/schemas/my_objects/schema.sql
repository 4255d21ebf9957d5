-- Views on views, functions, procedures, triggers and events, made under settings of their own.
-- Covers: my-objects, my-session, my-sequences
-- Loses: history of price
-- Loses: view broken
-- Rows: item 80, price 70, movement 150
-- Only: mysql
CREATE SEQUENCE ticket_no START WITH 100 INCREMENT BY 10 MAXVALUE 100000 CYCLE;
CREATE SEQUENCE downward START WITH -5 INCREMENT BY -5 MINVALUE -100000 MAXVALUE -1;
CREATE TABLE item (
  id integer PRIMARY KEY AUTO_INCREMENT,
  label varchar(40) NOT NULL DEFAULT concat('item ', 1 + 1) COMMENT 'it''s a \\ label',
  ticket integer DEFAULT (NEXT VALUE FOR ticket_no),
  amount decimal(8, 2) NOT NULL,
  changes integer NOT NULL DEFAULT 0
) COMMENT = 'things; with a semicolon, and ''quotes''' AUTO_INCREMENT = 5000;
CREATE TABLE price (id integer PRIMARY KEY, amount decimal(8, 2) NOT NULL) WITH SYSTEM VERSIONING;
CREATE TABLE movement (
  id integer PRIMARY KEY AUTO_INCREMENT,
  item_id integer NOT NULL REFERENCES item (id),
  moved_on date NOT NULL,
  note varchar(60)
);
CREATE TABLE gone (id integer);
CREATE FUNCTION tax (amount decimal(8, 2)) RETURNS decimal(8, 2) DETERMINISTIC RETURN amount * 0.19;
CREATE VIEW z_base AS SELECT id, label, tax(amount) AS tax FROM item WHERE amount > 1;
CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW a_top AS SELECT * FROM z_base WITH CASCADED CHECK OPTION;
CREATE VIEW broken AS SELECT id FROM gone;
DROP TABLE gone;
CREATE TRIGGER first_of_two BEFORE UPDATE ON item FOR EACH ROW SET NEW.changes = OLD.changes + 1;
CREATE TRIGGER second_of_two BEFORE UPDATE ON item FOR EACH ROW FOLLOWS first_of_two
  SET NEW.changes = NEW.changes * 2;
SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES';
CREATE PROCEDURE describe_item (IN wanted integer, OUT told varchar(80) CHARACTER SET utf8mb4)
  COMMENT 'joins; by pipes'
  SELECT "label" || '\ä' INTO told FROM item WHERE id = wanted;
SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT';
SET SESSION time_zone = '+02:00', character_set_client = latin1;
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' ON COMPLETION PRESERVE
  COMMENT 'nightly' DO DELETE FROM movement WHERE moved_on < '1990-01-01';
CREATE EVENT asleep ON SCHEDULE EVERY 1 WEEK STARTS '2031-01-01 00:00:00' DISABLE DO SET @a = 1;
SET SESSION time_zone = '+00:00', character_set_client = utf8mb4;
