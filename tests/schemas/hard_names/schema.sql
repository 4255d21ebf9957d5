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
  c001 integer, c002 integer, c003 varchar(8), c004 integer, c005 integer, c006 varchar(8),
  c007 integer, c008 integer, c009 varchar(8), c010 integer, c011 integer, c012 varchar(8),
  c013 integer, c014 integer, c015 varchar(8), c016 integer, c017 integer, c018 varchar(8),
  c019 integer, c020 integer, c021 varchar(8), c022 integer, c023 integer, c024 varchar(8),
  c025 integer, c026 integer, c027 integer, c028 integer, c029 integer, c030 integer,
  c031 integer, c032 integer, c033 integer, c034 integer, c035 integer, c036 integer,
  c037 integer, c038 integer, c039 integer, c040 integer, c041 integer, c042 integer,
  c043 integer, c044 integer, c045 integer, c046 integer, c047 integer, c048 integer,
  c049 integer, c050 integer, c051 integer, c052 integer, c053 integer, c054 integer,
  c055 integer, c056 integer, c057 integer, c058 integer, c059 integer, c060 integer,
  c061 integer, c062 integer, c063 integer, c064 integer, c065 integer, c066 integer,
  c067 integer, c068 integer, c069 integer, c070 integer, c071 integer, c072 integer,
  c073 integer, c074 integer, c075 integer, c076 integer, c077 integer, c078 integer,
  c079 integer, c080 integer, c081 integer, c082 integer, c083 integer, c084 integer,
  c085 integer, c086 integer, c087 integer, c088 integer, c089 integer, c090 integer,
  c091 integer, c092 integer, c093 integer, c094 integer, c095 integer, c096 integer,
  c097 integer, c098 integer, c099 integer, c100 integer, c101 integer, c102 integer,
  c103 integer, c104 integer, c105 integer, c106 integer, c107 integer, c108 integer,
  c109 integer, c110 integer, c111 integer, c112 integer, c113 integer, c114 integer,
  c115 integer, c116 integer, c117 integer, c118 integer, c119 integer, c120 integer,
  c121 integer, c122 integer, c123 integer, c124 integer, c125 integer, c126 integer,
  c127 integer, c128 integer, c129 integer, c130 integer, c131 integer, c132 integer,
  c133 integer, c134 integer, c135 integer, c136 integer, c137 integer, c138 integer,
  c139 integer, c140 integer, c141 integer, c142 integer, c143 integer, c144 integer,
  c145 integer, c146 integer, c147 integer, c148 integer, c149 integer, c150 integer,
  c151 integer, c152 integer, c153 integer, c154 integer, c155 integer, c156 integer,
  c157 integer, c158 integer, c159 integer, c160 integer, c161 integer, c162 integer,
  c163 integer, c164 integer, c165 integer, c166 integer, c167 integer, c168 integer,
  c169 integer, c170 integer, c171 integer, c172 integer, c173 integer, c174 integer,
  c175 integer, c176 integer, c177 integer, c178 integer, c179 integer, c180 integer,
  c181 integer, c182 integer, c183 integer, c184 integer, c185 integer, c186 integer,
  c187 integer, c188 integer, c189 integer, c190 integer, c191 integer, c192 integer,
  c193 integer, c194 integer, c195 integer, c196 integer, c197 integer, c198 integer,
  c199 integer, c200 integer, c201 integer, c202 integer, c203 integer, c204 integer,
  c205 integer, c206 integer, c207 integer, c208 integer, c209 integer, c210 integer,
  c211 integer, c212 integer, c213 integer, c214 integer, c215 integer, c216 integer,
  c217 integer, c218 integer, c219 integer, c220 integer, c221 integer, c222 integer,
  c223 integer, c224 integer, c225 integer, c226 integer, c227 integer, c228 integer,
  c229 integer, c230 integer, c231 integer, c232 integer, c233 integer, c234 integer,
  c235 integer, c236 integer, c237 integer, c238 integer, c239 integer, c240 integer,
  c241 integer, c242 integer, c243 integer, c244 integer, c245 integer, c246 integer,
  c247 integer, c248 integer, c249 integer, c250 integer, c251 integer, c252 integer,
  c253 integer, c254 integer, c255 integer, c256 integer, c257 integer, c258 integer,
  c259 integer, c260 integer
);
