-- Names that have to be quoted, that are long, that libraries take for their own; many columns.
-- Covers: id-reserved, id-odd, id-long, id-pandas, id-wide, id-dropped
-- Rows: order 70, Straße "Nr. 1" 160, wide 60, group 65
CREATE TABLE "order" (
  "select" integer PRIMARY KEY,
  "from" varchar(20) NOT NULL,
  "primary" date,
  gone integer,
  "table" integer
);
ALTER TABLE "order" DROP COLUMN gone;
CREATE TABLE "Straße ""Nr. 1""" (
  "ID No." integer PRIMARY KEY,
  "50% of it" numeric(8, 2),
  "it's.a dot" integer NOT NULL REFERENCES "order" ("select"),
  "Größe:%s" varchar(20),
  "index" integer,
  level_0 integer,
  "Unnamed: 0" varchar(10)
);
CREATE TABLE "group" (
  a_name_that_is_as_long_as_a_name_may_be_in_most_databases_first integer PRIMARY KEY,
  a_name_that_is_as_long_as_a_name_may_be_in_most_databases_other integer NOT NULL UNIQUE,
  "user" integer REFERENCES "order" ("select")
);
CREATE TABLE wide (
  id integer PRIMARY KEY,
  c001 integer, c002 integer, c003 varchar(8), c004 integer, c005 integer, c006 varchar(8), c007
  integer, c008 integer, c009 varchar(8), c010 integer, c011 integer, c012 varchar(8), c013
  integer, c014 integer, c015 varchar(8), c016 integer, c017 integer, c018 varchar(8), c019
  integer, c020 integer, c021 varchar(8), c022 integer, c023 integer, c024 varchar(8), c025
  integer, c026 integer, c027 varchar(8), c028 integer, c029 integer, c030 varchar(8), c031
  integer, c032 integer, c033 varchar(8), c034 integer, c035 integer, c036 varchar(8), c037
  integer, c038 integer, c039 varchar(8), c040 integer, c041 integer, c042 varchar(8), c043
  integer, c044 integer, c045 varchar(8), c046 integer, c047 integer, c048 varchar(8), c049
  integer, c050 integer, c051 varchar(8), c052 integer, c053 integer, c054 varchar(8), c055
  integer, c056 integer, c057 varchar(8), c058 integer, c059 integer, c060 varchar(8), c061
  integer, c062 integer, c063 varchar(8), c064 integer, c065 integer, c066 varchar(8), c067
  integer, c068 integer, c069 varchar(8), c070 integer, c071 integer, c072 varchar(8), c073
  integer, c074 integer, c075 varchar(8), c076 integer, c077 integer, c078 varchar(8), c079
  integer, c080 integer, c081 varchar(8), c082 integer, c083 integer, c084 varchar(8), c085
  integer, c086 integer, c087 varchar(8), c088 integer, c089 integer, c090 varchar(8), c091
  integer, c092 integer, c093 varchar(8), c094 integer, c095 integer, c096 varchar(8), c097
  integer, c098 integer, c099 varchar(8), c100 integer, c101 integer, c102 varchar(8), c103
  integer, c104 integer, c105 varchar(8), c106 integer, c107 integer, c108 varchar(8), c109
  integer, c110 integer, c111 varchar(8), c112 integer, c113 integer, c114 varchar(8), c115
  integer, c116 integer, c117 varchar(8), c118 integer, c119 integer, c120 varchar(8), c121
  integer, c122 integer, c123 varchar(8), c124 integer, c125 integer, c126 varchar(8), c127
  integer, c128 integer, c129 varchar(8), c130 integer, c131 integer, c132 varchar(8), c133
  integer, c134 integer, c135 varchar(8), c136 integer, c137 integer, c138 varchar(8), c139
  integer, c140 integer, c141 varchar(8), c142 integer, c143 integer, c144 varchar(8), c145
  integer, c146 integer, c147 varchar(8), c148 integer, c149 integer, c150 varchar(8), c151
  integer, c152 integer, c153 varchar(8), c154 integer, c155 integer, c156 varchar(8), c157
  integer, c158 integer, c159 varchar(8), c160 integer, c161 integer, c162 varchar(8), c163
  integer, c164 integer, c165 varchar(8), c166 integer, c167 integer, c168 varchar(8), c169
  integer, c170 integer, c171 varchar(8), c172 integer, c173 integer, c174 varchar(8), c175
  integer, c176 integer, c177 varchar(8), c178 integer, c179 integer, c180 varchar(8), c181
  integer, c182 integer, c183 varchar(8), c184 integer, c185 integer, c186 varchar(8), c187
  integer, c188 integer, c189 varchar(8), c190 integer, c191 integer, c192 varchar(8), c193
  integer, c194 integer, c195 varchar(8), c196 integer, c197 integer, c198 varchar(8), c199
  integer, c200 integer, c201 varchar(8), c202 integer, c203 integer, c204 varchar(8), c205
  integer, c206 integer, c207 varchar(8), c208 integer, c209 integer, c210 varchar(8), c211
  integer, c212 integer, c213 varchar(8), c214 integer, c215 integer, c216 varchar(8), c217
  integer, c218 integer, c219 varchar(8), c220 integer, c221 integer, c222 varchar(8), c223
  integer, c224 integer, c225 varchar(8), c226 integer, c227 integer, c228 varchar(8), c229
  integer, c230 integer, c231 varchar(8), c232 integer, c233 integer, c234 varchar(8), c235
  integer, c236 integer, c237 varchar(8), c238 integer, c239 integer, c240 varchar(8), c241
  integer, c242 integer, c243 varchar(8), c244 integer, c245 integer, c246 varchar(8), c247
  integer, c248 integer, c249 varchar(8), c250 integer, c251 integer, c252 varchar(8), c253
  integer, c254 integer, c255 varchar(8), c256 integer, c257 integer, c258 varchar(8), c259
  integer, c260 integer
);
