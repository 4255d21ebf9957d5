"""
Databases of any size for measuring, made by the server itself: two tables, or fifty of a business.

    python -m tests.scale_databases two   postgresql://…/name 1_000_000
    python -m tests.scale_databases fifty postgresql://…/name 1_000_000
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import psycopg

_TWO = """
SELECT setseed(0.42);
CREATE TABLE customer (
  id bigint NOT NULL, ext_id uuid NOT NULL, email text NOT NULL, name text NOT NULL,
  country char(2) NOT NULL, segment text, balance numeric(12,2) NOT NULL, birth date,
  created timestamptz NOT NULL, active boolean NOT NULL);
CREATE TABLE orders (
  id bigint NOT NULL, customer_id bigint NOT NULL, status text NOT NULL,
  amount numeric(10,2) NOT NULL, qty int NOT NULL, weight double precision,
  ordered_at timestamptz NOT NULL, note text, ship_date date, flags smallint NOT NULL);
INSERT INTO customer SELECT i, gen_random_uuid(), 'user' || i || '@example.org',
  'Name ' || md5(i::text), (ARRAY['DE','FR','US','GB','JP'])[1 + floor(random() * 5)::int],
  CASE WHEN random() < .1 THEN NULL
    ELSE (ARRAY['smb','ent','edu'])[1 + floor(random() * 3)::int] END,
  round((random() * 10000)::numeric, 2), date '1950-01-01' + floor(random() * 20000)::int,
  timestamptz '2020-01-01' + random() * interval '5 years', random() < .8
  FROM generate_series(1, {parents}) i;
INSERT INTO orders SELECT i, 1 + floor(power(random(), 1.5) * {parents})::int,
  (ARRAY['new','paid','shipped','returned','cancelled'])[1 + floor(random() * 5)::int],
  round((random() * 500)::numeric, 2), 1 + floor(random() * 10)::int,
  CASE WHEN random() < .1 THEN NULL ELSE random() * 50 END,
  timestamptz '2020-01-01' + random() * interval '5 years',
  CASE WHEN random() < .5 THEN NULL ELSE 'note ' || substr(md5(i::text), 1, 20) END,
  CASE WHEN random() < .2 THEN NULL ELSE date '2020-01-01' + floor(random() * 1800)::int END,
  floor(random() * 8)::int
  FROM generate_series(1, {children}) i;
ALTER TABLE customer ADD PRIMARY KEY (id), ADD UNIQUE (ext_id), ADD UNIQUE (email);
ALTER TABLE orders ADD PRIMARY KEY (id), ADD FOREIGN KEY (customer_id) REFERENCES customer (id);
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (ordered_at);
"""

AREAS = 10  # of the business; each has five tables
# Rows of each of an area's tables, of 100,000; a tiny list of kinds comes on top.
_SHARES = {"account": 10_000, "contract": 20_000, "invoice": 30_000, "line": 40_000}


def two_tables(url: str, rows: int) -> None:
    """Make customers and four times as many orders, ten mixed columns each."""
    parents = rows // 5
    _run(url, _TWO.format(parents=parents, children=rows - parents))


def fifty_tables(url: str, rows: int) -> None:
    """Make ten areas of a business, each a chain of four tables and a list; areas refer on."""
    _run(url, "SELECT setseed(0.7);\n" + "\n".join(_area(n, rows) for n in range(AREAS)))


def _area(number: int, rows: int) -> str:
    size = {name: max(20, share * rows // 1_000_000) for name, share in _SHARES.items()}
    return "\n".join(_area_tables(f"a{number}", number, size))


def _area_tables(a: str, number: int, size: dict[str, int]) -> Iterator[str]:
    accounts, contracts, invoices, lines = size.values()
    yield f"""
CREATE TABLE {a}_kind (id int PRIMARY KEY, code text NOT NULL UNIQUE, label text NOT NULL);
INSERT INTO {a}_kind SELECT i, 'K' || i, 'Kind ' || i FROM generate_series(1, 12) i;
CREATE TABLE {a}_account (id int PRIMARY KEY, kind_id int NOT NULL, email text NOT NULL,
  city text, rating smallint NOT NULL, credit numeric(10,2), opened date NOT NULL);
INSERT INTO {a}_account SELECT i, 1 + floor(power(random(), 2) * 12)::int,
  'p{number}_' || i || '@example.com',
  (ARRAY['Bonn','Lyon','Graz','Bern','Oslo'])[1 + floor(random() * 5)::int],
  1 + floor(random() * 5)::int, CASE WHEN random() < .2 THEN NULL
    ELSE round((random() * 5000)::numeric, 2) END,
  date '2018-01-01' + floor(random() * 1500)::int FROM generate_series(1, {accounts}) i;
CREATE TABLE {a}_contract (id int PRIMARY KEY, account_id int NOT NULL, state text NOT NULL,
  fee numeric(8,2) NOT NULL, signed date NOT NULL, ended date);
INSERT INTO {a}_contract SELECT i, a.id, (ARRAY['draft','live','over'])[1 + (a.rating + i) % 3],
  round((10 * a.rating + random() * 20)::numeric, 2), a.opened + floor(random() * 300)::int,
  CASE WHEN random() < .7 THEN NULL ELSE a.opened + 400 + floor(random() * 300)::int END
  FROM generate_series(1, {contracts}) i
  JOIN {a}_account a ON a.id = 1 + (i::bigint * 7919 % {accounts});"""
    other = f"a{max(0, number - 1)}_account"  # the area before: areas hang together
    yield f"""
CREATE TABLE {a}_invoice (id int PRIMARY KEY, contract_id int NOT NULL, payer_id int,
  issued timestamp NOT NULL, paid boolean NOT NULL, total numeric(10,2) NOT NULL);
INSERT INTO {a}_invoice SELECT i, c.id,
  CASE WHEN random() < .5 THEN NULL ELSE 1 + floor(random() * {accounts})::int END,
  c.signed + random() * interval '600 days', random() < .85,
  round((c.fee * (1 + floor(random() * 6)))::numeric, 2)
  FROM generate_series(1, {invoices}) i
  JOIN {a}_contract c ON c.id = 1 + (i::bigint * 104729 % {contracts});
CREATE TABLE {a}_line (id int PRIMARY KEY, invoice_id int NOT NULL, position int NOT NULL,
  item text NOT NULL, amount numeric(8,2) NOT NULL, units smallint NOT NULL, note text);
INSERT INTO {a}_line SELECT i, 1 + (i - 1) % {invoices}, 1 + (i - 1) / {invoices},
  'item ' || floor(power(random(), 2) * 60)::int, round((random() * 200)::numeric, 2),
  1 + floor(random() * 9)::int, CASE WHEN random() < .8 THEN NULL ELSE md5(i::text) END
  FROM generate_series(1, {lines}) i;
ALTER TABLE {a}_account ADD UNIQUE (email), ADD FOREIGN KEY (kind_id) REFERENCES {a}_kind;
ALTER TABLE {a}_contract ADD FOREIGN KEY (account_id) REFERENCES {a}_account;
ALTER TABLE {a}_invoice ADD FOREIGN KEY (contract_id) REFERENCES {a}_contract,
  ADD FOREIGN KEY (payer_id) REFERENCES {other};
ALTER TABLE {a}_line ADD FOREIGN KEY (invoice_id) REFERENCES {a}_invoice,
  ADD UNIQUE (invoice_id, position);
CREATE INDEX ON {a}_contract (account_id);
CREATE INDEX ON {a}_invoice (contract_id);"""


def _run(url: str, script: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute(script.encode())
        connection.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    makers = {"two": two_tables, "fifty": fifty_tables}
    makers[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
