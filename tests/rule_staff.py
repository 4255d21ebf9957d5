"""
A database of pay grades, heads of departments, tariffs and scans, with its rules and decoys.

Its parents are few, so that a rule about them must be judged by what chance would do, not by the
number of rows; what follows does so from two columns, also across a key; and parents repeat the
last of their children.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.rule_shops import SHOPS, Dice, Rows, Shop, words

_PLACES = ["dock", "belt", "hall", "gate", "van", "yard", "desk", "home"]
_DDL = """
    CREATE TABLE grades (id INTEGER PRIMARY KEY, title TEXT, min_salary INTEGER, max_salary INTEGER,
        top_score INTEGER);
    CREATE TABLE departments (id INTEGER PRIMARY KEY, name TEXT, floor INTEGER,
        head_id INTEGER REFERENCES employees(id), guest_id INTEGER REFERENCES employees(id));
    CREATE TABLE employees (id INTEGER PRIMARY KEY, grade_id INTEGER NOT NULL REFERENCES grades(id),
        department_id INTEGER NOT NULL REFERENCES departments(id), salary INTEGER, score INTEGER,
        hired_on DATE);
    CREATE TABLE depots (id INTEGER PRIMARY KEY, zone TEXT, docks INTEGER);
    CREATE TABLE shipments (id INTEGER PRIMARY KEY, depot_id INTEGER NOT NULL REFERENCES depots(id),
        class TEXT, speed TEXT, fee INTEGER, surcharge INTEGER, code TEXT, lane TEXT,
        last_place TEXT, last_weight NUMERIC(8,2), near_place TEXT, any_place TEXT);
    CREATE TABLE scans (shipment_id INTEGER NOT NULL REFERENCES shipments(id), seq INTEGER NOT NULL,
        place TEXT, weight NUMERIC(8,2), PRIMARY KEY (shipment_id, seq));
"""
_RULES = (
    ("order", "grades", "min_salary <= max_salary"),
    ("order to parent", "employees", "grades.min_salary <= salary"),
    ("order to parent", "employees", "salary <= grades.max_salary"),
    ("agreement", "departments", "id = head_id.departments.id"),
    ("dependency on two", "shipments", "class, speed -> fee"),
    ("dependency on two", "shipments", "depots.zone, class -> surcharge"),
    ("numbering", "scans", "seq = row_number() OVER (PARTITION BY shipment_id ORDER BY seq)"),
    ("last", "shipments", "last_place = arg_max(scans.place, scans.seq)"),
    ("last", "shipments", "last_weight = arg_max(scans.weight, scans.seq)"),
)
_DECOYS = (
    ("grades", frozenset({"top_score"})),
    ("employees", frozenset({"score"})),
    ("departments", frozenset({"guest_id.departments.id"})),
    ("departments", frozenset({"floor"})),
    ("shipments", frozenset({"code"})),
    ("shipments", frozenset({"lane"})),
    ("shipments", frozenset({"near_place"})),
    ("shipments", frozenset({"any_place"})),
)


def staff(seed: int, size: int) -> Shop:
    """Employees within the range of their grade; heads of their own department; tariffs; scans."""
    d = Dice(seed)
    tables = _people(d, size) | _transport(d, size)
    return Shop(_DDL, tables, _RULES, _DECOYS)


def _people(d: Dice, n: int) -> dict[str, Rows]:
    count, homes = 22, max(24, n // 30)
    low = d.whole(20, 120, count)
    grades: Rows = {
        "id": list(range(1, count + 1)),
        "title": words(d.rng, count),
        "min_salary": low,
        "max_salary": [a + b for a, b in zip(low, d.whole(8, 60, count), strict=True)],
        "top_score": d.whole(60, 99, count),
    }
    grade, home = d.whole(0, count, n), [*range(1, homes + 1), *d.whole(1, homes + 1, n - homes)]
    employees: Rows = {
        "id": list(range(1, n + 1)),
        "grade_id": [g + 1 for g in grade],
        "department_id": home,
        "salary": [int(d.rng.integers(low[g], grades["max_salary"][g] + 1)) for g in grade],
        "score": [
            int(d.rng.integers(0, grades["top_score"][g] + 1)) if ok else 100
            for g, ok in zip(grade, d.often(0.97, n), strict=True)
        ],
        "hired_on": d.days(n),
    }
    own = [[i + 1 for i, h in enumerate(home) if h == k + 1] for k in range(homes)]
    heads = [int(d.rng.choice(own[k])) if k % 2 else None for k in range(homes)]
    guests = [
        int(d.rng.choice(own[k])) if ok else int(d.rng.integers(1, n + 1))
        for k, ok in enumerate(d.often(0.5, homes))
    ]
    departments: Rows = {
        "id": list(range(1, homes + 1)),
        "name": words(d.rng, homes),
        "floor": d.whole(1, 9, homes),
        "head_id": heads,
        "guest_id": guests,
    }
    return {"grades": grades, "departments": departments, "employees": employees}


def _transport(d: Dice, n: int) -> dict[str, Rows]:
    count, m = max(30, n // 20), n * 2
    zone, depot = d.whole(0, 6, count), d.whole(0, count, m)
    kind, speed = d.whole(0, 5, m), d.whole(0, 4, m)
    depots: Rows = {
        "id": list(range(1, count + 1)),
        "zone": [f"z{z}" for z in zone],
        "docks": d.whole(1, 30, count),
    }
    owner = d.groups(3, m)
    place, weight, seq = d.pick(_PLACES, len(owner)), d.money(4, len(owner)), []
    seen: dict[int, list[int]] = {}
    for i, o in enumerate(owner):
        seen.setdefault(o, []).append(i)
        seq.append(len(seen[o]))
    last = [seen[i][-1] if i in seen else None for i in range(1, m + 1)]
    some = [int(d.rng.choice(seen[i])) if i in seen else None for i in range(1, m + 1)]
    ends = [None if i is None else place[i] for i in last]
    shipments: Rows = {
        "id": list(range(1, m + 1)),
        "depot_id": [i + 1 for i in depot],
        "class": [f"class {k}" for k in kind],
        "speed": [f"speed {s}" for s in speed],
        "fee": [30 + 10 * ((k * 2 + s * 3) % 7) for k, s in zip(kind, speed, strict=True)],
        "surcharge": [5 * ((zone[i] * 3 + k * 2) % 8) for i, k in zip(depot, kind, strict=True)],
        "code": [
            f"K{(k + 2 * s) % 5 if ok else other}"
            for k, s, ok, other in zip(kind, speed, d.often(0.97, m), d.whole(0, 5, m), strict=True)
        ],
        "lane": d.pick(["a", "b", "c", "d"], m),
        "last_place": ends,
        "last_weight": [None if i is None else weight[i] for i in last],
        "near_place": [
            e if ok and e is not None else other
            for e, ok, other in zip(ends, d.often(0.97, m), d.pick(_PLACES, m), strict=True)
        ],
        "any_place": [d.pick(_PLACES, 1)[0] if i is None else place[i] for i in some],
    }
    scans: Rows = {"shipment_id": owner, "seq": seq, "place": place, "weight": weight}
    return {"depots": depots, "shipments": shipments, "scans": scans}


DATABASES: dict[str, Callable[[int, int], Shop]] = {**SHOPS, "staff": staff}
