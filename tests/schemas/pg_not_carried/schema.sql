-- What belongs to an extension, or leads to other systems.
-- Covers: pg-foreign-tables, pg-publications, pg-extension-tables
-- Loses: foreign table public.far
-- Loses: server elsewhere
-- Loses: user mapping USER MAPPING public SERVER elsewhere
-- Loses: publication outward
-- Loses: publication table public.outward plain
-- Loses: view public.reaches_far
-- Rows: plain 60, child 90
-- Only: postgresql
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.example.org', dbname 'prod');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'reader', password 'hidden-word');
CREATE FOREIGN TABLE far (id integer, note text) SERVER elsewhere;
CREATE TABLE plain (id integer PRIMARY KEY, label varchar(20));
CREATE TABLE child (id integer PRIMARY KEY, plain_id integer NOT NULL REFERENCES plain);
CREATE VIEW reaches_far AS SELECT f.note, p.label FROM far f JOIN plain p USING (id);
CREATE VIEW stays AS SELECT label FROM plain;
CREATE PUBLICATION outward FOR TABLE plain;
