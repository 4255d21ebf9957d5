-- Names that are keywords, mixed case, with spaces, quotes and letters beyond ASCII.
-- Rows: order 60, Select Me 150, größe 40
CREATE TABLE "order" (
  "group" integer PRIMARY KEY,
  "50% off" varchar(10),
  "MixedCase" integer NOT NULL,
  "q""uote" integer
);
CREATE TABLE "Select Me" (
  "Id" integer PRIMARY KEY,
  "from" integer NOT NULL REFERENCES "order" ("group"),
  "naïve ñ 語" varchar(20),
  "a.b" integer NOT NULL
);
CREATE TABLE "größe" (
  "table" integer PRIMARY KEY,
  "where" integer REFERENCES "Select Me" ("Id"),
  "order" date
);
