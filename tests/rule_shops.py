"""
Databases whose rules are known, for measuring what is found and what copies keep: of any size.

Each shop lists its true rules, kind by kind, as (kind, table, rule); and columns of which nothing
may be said: decoys hold in 97 % of the rows, by chance in a handful of rows, or trivially
(constants, columns without a value, one row a group).  What else holds in a database thirty times
as large, of another seed, holds by the way the shop is made, and is no mistake.
"""

from __future__ import annotations

import sqlite3
from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

Rows = dict[str, Sequence[Any]]
START = date(2021, 1, 1)


@dataclass(frozen=True)
class Shop:
    """One database with its rules."""

    ddl: str
    tables: dict[str, Rows]
    rules: tuple[tuple[str, str, str], ...]  # (kind, table, rule)
    decoys: tuple[tuple[str, frozenset[str]], ...] = ()  # (table, columns): no rule has all these

    def build(self, path: Path) -> str:
        """Write it to an SQLite file; returns its URL."""
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as connection:
            connection.executescript(self.ddl)
            for name, rows in self.tables.items():
                slots = ", ".join("?" * len(rows))
                columns = ", ".join(f'"{c}"' for c in rows)
                sql = f'INSERT INTO "{name}" ({columns}) VALUES ({slots})'
                connection.executemany(sql, zip(*map(_plain, rows.values()), strict=True))
        connection.close()
        return f"sqlite:///{path}"


@dataclass
class Dice:
    """Random columns."""

    seed: int
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def whole(self, low: int, high: int, size: int) -> list[int]:
        return self.rng.integers(low, high, size).tolist()

    def money(self, mean: float, size: int) -> list[float]:
        return np.round(self.rng.lognormal(np.log(mean), 0.6, size), 2).tolist()

    def days(self, size: int, spread: int = 900) -> list[date]:
        return [START + timedelta(days=d) for d in self.whole(0, spread, size)]

    def moments(self, size: int, spread: int = 900) -> list[datetime]:
        seconds = self.rng.uniform(0, spread * 86400, size)
        return [datetime(2021, 1, 1) + timedelta(seconds=int(s)) for s in seconds]  # noqa: DTZ001

    def later(self, moments: Sequence[Any], days: float) -> list[Any]:
        waits = self.rng.exponential(days * 86400, len(moments))
        return [
            None if m is None else m + timedelta(seconds=int(w))
            for m, w in zip(moments, waits, strict=True)
        ]

    def pick(
        self, labels: Sequence[Any], size: int, shares: Sequence[float] | None = None
    ) -> list[Any]:
        return [labels[i] for i in self.rng.choice(len(labels), size, p=shares)]

    def often(self, share: float, size: int) -> list[bool]:
        return (self.rng.random(size) < share).tolist()

    def groups(self, mean: float, size: int) -> list[int]:
        """Owner numbers 1 … size, each as often as its number of children, possibly 0."""
        return np.repeat(np.arange(1, size + 1), self.rng.poisson(mean, size)).tolist()


def _plain(values: Sequence[Any]) -> list[Any]:
    return [
        v.isoformat(" ") if isinstance(v, datetime) else v.isoformat() if isinstance(v, date) else v
        for v in values
    ]


def _later(day: date, months: int) -> date:
    """The same day some months later; the last one where the month is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def words(rng: np.random.Generator, size: int) -> list[str]:
    parts = ["ba", "ko", "li", "mu", "ra", "se", "ti", "vo", "na", "du", "fi", "go"]
    picks = rng.integers(0, len(parts), (size, 4))
    return ["".join(parts[i] for i in row).capitalize() for row in picks]


def sales(seed: int, size: int) -> Shop:
    """Customers, products, orders with lines: copies, arithmetic, totals, dates, nulls, texts."""
    d = Dice(seed)
    cities = [(f"Town{i}", f"State{i // 5}", f"Land{i // 15}") for i in range(45)]
    n, products = size, max(40, size // 5)
    where = d.pick(cities, n)
    first, last = words(d.rng, n), words(d.rng, n)
    joined = d.days(n)
    customers: Rows = {
        "id": list(range(1, n + 1)),
        "first_name": first,
        "last_name": last,
        "full_name": [f"{a} {b}" for a, b in zip(first, last, strict=True)],
        "email": [
            f"{a}.{b}{i % 7}@mail{i % 3}.example".lower()
            for i, (a, b) in enumerate(zip(first, last, strict=True))
        ],
        "city": [w[0] for w in where],
        "state": [w[1] for w in where],
        "country": [w[2] for w in where],
        "joined_on": joined,
        "tier": d.pick(["basic", "plus", "gold"], n),
        "currency": ["EUR"] * n,
        "fax": [None] * n,
        "points": d.whole(0, 900, n),
    }
    customers["discount_pct"] = [{"basic": 0, "plus": 5, "gold": 12}[t] for t in customers["tier"]]
    district = [
        int(w[0][4:]) % 9 if ok else k
        for w, ok, k in zip(where, d.often(0.97, n), d.whole(0, 9, n), strict=True)
    ]
    customers["district"] = district
    names = words(d.rng, products)
    cost = d.money(20, products)
    goods: Rows = {
        "id": list(range(1, products + 1)),
        "name": names,
        "slug": [w.lower() for w in names],
        "cost": cost,
        "price": [
            round(c * m, 2) for c, m in zip(cost, d.rng.uniform(1.05, 1.8, products), strict=True)
        ],
        "category": d.pick(["food", "toys", "books", "tools", "garden", "music"], products),
    }
    goods["vat"] = [{"food": 7, "books": 7}.get(c, 19) for c in goods["category"]]
    owner = d.groups(4, n)
    m = len(owner)
    placed = [
        datetime.combine(joined[o - 1], datetime.min.time()) + timedelta(seconds=int(s))
        for o, s in zip(owner, d.rng.exponential(90 * 86400, m), strict=True)
    ]
    status = d.pick(["new", "paid", "shipped", "cancelled"], m, [0.2, 0.2, 0.5, 0.1])
    paid = [
        p if s in ("paid", "shipped") else None
        for p, s in zip(d.later(placed, 2), status, strict=True)
    ]
    shipped = [p if s == "shipped" else None for p, s in zip(d.later(paid, 3), status, strict=True)]
    updated = [
        p + timedelta(hours=w if ok else -w)
        for p, w, ok in zip(placed, d.whole(1, 900, m), d.often(0.97, m), strict=True)
    ]
    line_owner = d.groups(3, m)
    lines = len(line_owner)
    good = d.whole(0, products, lines)
    qty, discount = d.whole(1, 9, lines), d.pick([0, 0, 0.05, 0.1, 0.2], lines)
    unit = [goods["price"][g] for g in good]
    amount = [round(q * u * (1 - x) + 1e-9, 2) for q, u, x in zip(qty, unit, discount, strict=True)]
    numbers, totals, counts, largest = [], [0.0] * m, [0] * m, [None] * m
    for o, a in zip(line_owner, amount, strict=True):
        counts[o - 1] += 1
        numbers.append(counts[o - 1])
        totals[o - 1] += a
        largest[o - 1] = max(a, largest[o - 1] or 0)
    orders: Rows = {
        "id": list(range(1, m + 1)),
        "customer_id": owner,
        "status": status,
        "placed_at": placed,
        "paid_at": paid,
        "shipped_at": shipped,
        "updated_at": updated,
        "booked_on": [p.date() for p in placed],
        "due_on": [p.date() + timedelta(days=30) for p in placed],
        "promised_on": [
            p.date() + timedelta(days=int(k))
            for p, k in zip(placed, d.whole(3, 10, m), strict=True)
        ],
        "n_lines": counts,
        "subtotal": [round(t, 2) for t in totals],
        "largest": largest,
        "freight": d.money(5, m),
    }
    orders["total"] = [
        round(a + b, 2) for a, b in zip(orders["subtotal"], orders["freight"], strict=True)
    ]
    orders["fee"] = d.money(2, m)
    orders["net"] = [
        round(t - f, 2) if ok else x
        for t, f, ok, x in zip(
            orders["total"], orders["fee"], d.often(0.97, m), d.money(90, m), strict=True
        )
    ]
    items: Rows = {
        "order_id": line_owner,
        "line_no": numbers,
        "product_id": [g + 1 for g in good],
        "quantity": qty,
        "unit_price": unit,
        "discount": discount,
        "amount": amount,
        "weight": d.money(3, lines),
    }
    few = d.rng.permutation(12).tolist()
    tiny: Rows = {
        "id": list(range(1, 13)),
        "low": sorted(few),
        "high": [20 + x for x in sorted(few)][::-1],
        "a": [1] * 12,
        "b": few,
        "c": [x + 1 for x in few],
        "kind": ["x", "y"] * 6,
        "group": ["p", "q"] * 6,
    }
    ddl = """
        CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, full_name TEXT, email TEXT,
            city TEXT, state TEXT, country TEXT, joined_on DATE NOT NULL, tier TEXT, currency TEXT, fax TEXT,
            points INTEGER, discount_pct INTEGER, district INTEGER);
        CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, slug TEXT, cost NUMERIC(10,2), price NUMERIC(10,2),
            category TEXT, vat INTEGER);
        CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), status TEXT,
            placed_at TIMESTAMP, paid_at TIMESTAMP, shipped_at TIMESTAMP, updated_at TIMESTAMP, booked_on DATE,
            due_on DATE, promised_on DATE, n_lines INTEGER, subtotal NUMERIC(12,2), largest NUMERIC(12,2),
            freight NUMERIC(10,2), total NUMERIC(12,2), fee NUMERIC(10,2), net NUMERIC(12,2));
        CREATE TABLE order_lines (order_id INTEGER NOT NULL REFERENCES orders(id), line_no INTEGER NOT NULL,
            product_id INTEGER NOT NULL REFERENCES products(id), quantity INTEGER, unit_price NUMERIC(10,2),
            discount NUMERIC(4,2), amount NUMERIC(12,2), weight NUMERIC(10,2), PRIMARY KEY (order_id, line_no));
        CREATE TABLE settings (id INTEGER PRIMARY KEY, low INTEGER, high INTEGER, a INTEGER, b INTEGER, c INTEGER,
            kind TEXT, "group" TEXT);
    """
    rules = (
        ("text", "customers", "full_name = first_name || ' ' || last_name"),
        ("text", "customers", "starts_with(email, lower(first_name || '.' || last_name))"),
        ("text", "products", "slug = lower(name)"),
        ("dependency", "customers", "city -> state"),
        ("dependency", "customers", "state -> country"),
        ("dependency", "customers", "tier -> discount_pct"),
        ("dependency", "products", "category -> vat"),
        ("order", "products", "cost <= price"),
        ("order", "orders", "paid_at >= placed_at"),
        ("order", "orders", "shipped_at >= paid_at"),
        ("order to parent", "orders", "placed_at >= customers.joined_on"),
        ("offset", "orders", "days_between(booked_on, due_on) = 30"),
        ("gap", "orders", "days_between(booked_on, promised_on) BETWEEN 3 AND 9"),
        ("nulls", "orders", "(paid_at IS NOT NULL) = (status IN ('paid', 'shipped'))"),
        ("nulls", "orders", "(shipped_at IS NOT NULL) = (status IN ('shipped'))"),
        ("total", "orders", "n_lines = count(order_lines)"),
        ("total", "orders", "subtotal = sum(order_lines.amount)"),
        ("total", "orders", "largest = max(order_lines.amount)"),
        ("arithmetic", "orders", "total = subtotal + freight"),
        ("arithmetic", "order_lines", "amount = round(quantity * unit_price * (1 - discount), 2)"),
        ("parent copy", "order_lines", "unit_price = products.price"),
        (
            "numbering",
            "order_lines",
            "line_no = row_number() OVER (PARTITION BY order_id ORDER BY line_no)",
        ),
    )
    decoys = (
        ("customers", frozenset({"city", "district"})),
        ("customers", frozenset({"currency"})),
        ("customers", frozenset({"fax"})),
        ("customers", frozenset({"points"})),
        ("orders", frozenset({"updated_at"})),
        ("orders", frozenset({"net"})),
        ("orders", frozenset({"fee"})),
        ("order_lines", frozenset({"weight"})),
        ("settings", frozenset()),
    )
    tables = {
        "customers": customers,
        "products": goods,
        "orders": orders,
        "order_lines": items,
        "settings": tiny,
    }
    return Shop(ddl, tables, rules, decoys)


def bank(seed: int, size: int) -> Shop:
    """Accounts with running balances, loans with instalments, stays with durations."""
    d = Dice(seed)
    n = size
    opened = d.days(n)
    owner = d.groups(12, n)
    m = len(owner)
    amount = [round(a, 2) for a in d.rng.normal(20, 90, m).tolist()]
    balance, when, posting, last, low = [], [], [], {}, {}
    running: dict[int, float] = {}
    count: dict[int, int] = {}
    for o, a, gap in zip(owner, amount, d.rng.exponential(8, m).tolist(), strict=True):
        running[o] = round(running.get(o, 0.0) + a, 2)
        count[o] = count.get(o, 0) + 1
        when.append((when[-1] if count[o] > 1 else opened[o - 1]) + timedelta(days=int(gap)))
        balance.append(running[o])
        posting.append(count[o])
        last[o] = when[-1]
        low[o] = min(low.get(o, a), a)
    accounts: Rows = {
        "id": list(range(1, n + 1)),
        "opened_on": opened,
        "kind": d.pick(["giro", "savings", "youth"], n),
        "last_posting_on": [last.get(i) for i in range(1, n + 1)],
        "mean_posting": [None] * n,
        "lowest_posting": [low.get(i) for i in range(1, n + 1)],
        "limit_amount": d.money(500, n),
        "is_closed": d.often(0.3, n),
    }
    sums: dict[int, list[float]] = {}
    for o, a in zip(owner, amount, strict=True):
        sums.setdefault(o, []).append(a)
    accounts["mean_posting"] = [
        round(sum(sums[i]) / len(sums[i]), 4) if i in sums else None for i in range(1, n + 1)
    ]
    accounts["closed_on"] = [
        o + timedelta(days=int(k)) if c else None
        for o, c, k in zip(opened, accounts["is_closed"], d.rng.exponential(300, n), strict=True)
    ]
    postings: Rows = {
        "account_id": owner,
        "posting_no": posting,
        "booked_on": when,
        "amount": amount,
        "balance": balance,
        "channel": d.pick(["web", "branch", "phone"], m),
    }
    k = size * 2
    borrower = d.whole(1, n + 1, k)
    months, rate = d.pick([12, 24, 36, 48, 60], k), d.pick([1.5, 2.0, 3.5, 4.0], k)
    payment = d.whole(50, 900, k)
    granted = d.days(k)
    loans: Rows = {
        "id": list(range(1, k + 1)),
        "account_id": borrower,
        "months": months,
        "rate": rate,
        "payment": payment,
        "amount": [p * q for p, q in zip(payment, months, strict=True)],
        "granted_on": granted,
        "interest": [
            round(p * q * r / 100 + 1e-9, 2) for p, q, r in zip(payment, months, rate, strict=True)
        ],
        "days": d.whole(1, 90, k),
        "min_rate": d.money(1, k),
    }
    loans["ends_on"] = [g + timedelta(days=x) for g, x in zip(granted, loans["days"], strict=True)]
    loans["checked_on"] = [_later(g, 3) for g in granted]
    loans["due_on"] = [_later(g, q) for g, q in zip(granted, months, strict=True)]
    loans["max_rate"] = [
        round(a + b, 2) for a, b in zip(loans["min_rate"], d.money(1, k), strict=True)
    ]
    loans["fee"] = [25 if q == 12 else f for q, f in zip(months, d.whole(30, 80, k), strict=True)]
    ddl = """
        CREATE TABLE accounts (id INTEGER PRIMARY KEY, opened_on DATE NOT NULL, kind TEXT, last_posting_on DATE,
            mean_posting NUMERIC(14,4), lowest_posting NUMERIC(12,2), limit_amount NUMERIC(12,2), is_closed BOOLEAN,
            closed_on DATE);
        CREATE TABLE postings (account_id INTEGER NOT NULL REFERENCES accounts(id), posting_no INTEGER NOT NULL,
            booked_on DATE NOT NULL, amount NUMERIC(12,2), balance NUMERIC(14,2), channel TEXT,
            PRIMARY KEY (account_id, posting_no));
        CREATE TABLE loans (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts(id), months INTEGER,
            rate NUMERIC(4,1), payment INTEGER, amount INTEGER, granted_on DATE, interest NUMERIC(12,2), days INTEGER,
            min_rate NUMERIC(8,2), ends_on DATE, checked_on DATE, due_on DATE, max_rate NUMERIC(8,2), fee INTEGER);
    """
    rules = (
        ("total", "accounts", "last_posting_on = max(postings.booked_on)"),
        ("total", "accounts", "mean_posting = round(avg(postings.amount), 4)"),
        ("total", "accounts", "lowest_posting = min(postings.amount)"),
        ("order", "accounts", "closed_on >= opened_on"),
        ("nulls", "accounts", "(closed_on IS NOT NULL) = is_closed"),
        ("order to parent", "postings", "booked_on >= accounts.opened_on"),
        (
            "order of siblings",
            "postings",
            "booked_on >= lag(booked_on) OVER (PARTITION BY account_id ORDER BY posting_no)",
        ),
        (
            "running",
            "postings",
            "balance = sum(amount) OVER (PARTITION BY account_id ORDER BY posting_no)",
        ),
        (
            "numbering",
            "postings",
            "posting_no = row_number() OVER (PARTITION BY account_id ORDER BY posting_no)",
        ),
        ("arithmetic", "loans", "amount = payment * months"),
        ("arithmetic", "loans", "interest = round(amount * rate / 100, 2)"),
        ("duration", "loans", "days_between(granted_on, ends_on) = days"),
        ("months", "loans", "checked_on = months_after(granted_on, 3)"),
        ("months", "loans", "due_on = months_after(granted_on, months)"),
        ("order", "loans", "min_rate <= max_rate"),
        ("values", "loans", "fee = 25 OR months NOT IN (12)"),
    )
    decoys = (
        ("accounts", frozenset({"limit_amount"})),
        ("postings", frozenset({"channel"})),
        ("loans", frozenset({"id"})),
    )
    return Shop(ddl, {"accounts": accounts, "postings": postings, "loans": loans}, rules, decoys)


def office(seed: int, size: int) -> Shop:
    """Tenants with users, teams, tickets, bookings, folders: agreement, states, intervals, trees."""
    d = Dice(seed)
    tenants = max(30, size // 8)
    ids = list(range(1, tenants + 1))
    rates = d.pick([0, 7, 19, 20, 21, 25], tenants)
    firms: Rows = {
        "id": ids,
        "name": words(d.rng, tenants),
        "vat_rate": rates,
        "currency": d.pick(["EUR", "USD", "GBP", "SEK"], tenants),
        "founded_on": d.days(tenants, 300),
    }
    n = size
    home = sorted([*ids, *d.whole(1, tenants + 1, n - tenants)])
    users: Rows = {
        "id": list(range(1, n + 1)),
        "tenant_id": home,
        "handle": [f"{w.lower()}{i}" for i, w in enumerate(words(d.rng, n))],
        "is_admin": [False] * n,
        "is_contact": [False] * n,
        "min_pay": d.whole(20, 60, n),
    }
    users["max_pay"] = [a + b for a, b in zip(users["min_pay"], d.whole(0, 40, n), strict=True)]
    seen: set[int] = set()
    by_tenant: dict[int, list[int]] = {}
    for i, t in enumerate(home):
        by_tenant.setdefault(t, []).append(i + 1)
        if t not in seen and d.rng.random() < 0.8:
            users["is_admin"][i] = True
        seen.add(t)
    for members in by_tenant.values():
        users["is_contact"][int(d.rng.choice(members)) - 1] = True
    ticket_count = n * 3
    agent = d.whole(1, n + 1, ticket_count)
    place = [home[a - 1] for a in agent]
    tickets: Rows = {
        "id": list(range(1, ticket_count + 1)),
        "tenant_id": place,
        "agent_id": agent,
        "tax_pct": [rates[t - 1] for t in place],
        "opened_at": d.moments(ticket_count),
        "currency": d.pick(["EUR", "USD", "GBP", "SEK"], ticket_count),
        "effort": d.whole(1, 50, ticket_count),
    }
    tickets["subject_ref"] = [f"user:{u}" for u in d.whole(1, n + 1, ticket_count)]
    steps = {
        "new": ["open", "spam"],
        "open": ["waiting", "solved"],
        "waiting": ["open", "solved"],
        "solved": ["closed", "open"],
    }
    events: Rows = {"ticket_id": [], "seq": [], "state": [], "happened_at": [], "note_length": []}
    for i, opened in zip(tickets["id"], tickets["opened_at"], strict=True):
        state, now, k = "new", opened, 1
        while True:
            for column, value in zip(
                events, (i, k, state, now, int(d.rng.integers(0, 400))), strict=True
            ):
                events[column].append(value)
            if state not in steps or d.rng.random() < 0.1:
                break
            state = str(d.rng.choice(steps[state]))
            now, k = now + timedelta(seconds=int(d.rng.exponential(9000))), k + 1
    rooms = max(25, size // 20)
    bookings: Rows = {
        "id": [],
        "room_id": [],
        "user_id": [],
        "starts_at": [],
        "ends_at": [],
        "people": [],
    }
    for room in range(1, rooms + 1):
        now = datetime(2022, 1, 1)  # noqa: DTZ001
        for _ in range(30):
            now += timedelta(minutes=int(d.rng.integers(0, 600)))
            end = now + timedelta(minutes=int(d.rng.integers(15, 240)))
            row = (
                len(bookings["id"]) + 1,
                room,
                int(d.rng.integers(1, n + 1)),
                now,
                end,
                int(d.rng.integers(1, 12)),
            )
            for column, value in zip(bookings, row, strict=True):
                bookings[column].append(value)
            now = end
    folders: Rows = {"id": [], "parent_id": [], "name": [], "path": [], "depth": []}
    texts = words(d.rng, size * 2)
    for i, word in enumerate(texts, 1):
        parent = None if i <= size // 10 + 1 else int(d.rng.integers(1, i))
        above = (
            ("", -1)
            if parent is None
            else (folders["path"][parent - 1], folders["depth"][parent - 1])
        )
        row = (i, parent, word.lower(), f"{above[0]}/{word.lower()}", above[1] + 1)
        for column, value in zip(folders, row, strict=True):
            folders[column].append(value)
    ddl = """
        CREATE TABLE tenants (id INTEGER PRIMARY KEY, name TEXT, vat_rate INTEGER, currency TEXT, founded_on DATE);
        CREATE TABLE users (id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL REFERENCES tenants(id), handle TEXT,
            is_admin BOOLEAN, is_contact BOOLEAN, min_pay INTEGER, max_pay INTEGER);
        CREATE TABLE tickets (id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL REFERENCES tenants(id),
            agent_id INTEGER NOT NULL REFERENCES users(id), tax_pct INTEGER, opened_at TIMESTAMP, subject_ref TEXT,
            currency TEXT, effort INTEGER);
        CREATE TABLE events (ticket_id INTEGER NOT NULL REFERENCES tickets(id), seq INTEGER NOT NULL, state TEXT,
            happened_at TIMESTAMP, note_length INTEGER, PRIMARY KEY (ticket_id, seq));
        CREATE TABLE rooms (id INTEGER PRIMARY KEY, seats INTEGER);
        CREATE TABLE bookings (id INTEGER PRIMARY KEY, room_id INTEGER NOT NULL REFERENCES rooms(id),
            user_id INTEGER NOT NULL REFERENCES users(id), starts_at TIMESTAMP, ends_at TIMESTAMP, people INTEGER);
        CREATE TABLE folders (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES folders(id), name TEXT, path TEXT,
            depth INTEGER);
    """
    rules = (
        ("parent copy", "tickets", "tax_pct = tenants.vat_rate"),
        ("agreement", "tickets", "tenant_id = users.tenant_id"),
        ("order", "users", "min_pay <= max_pay"),
        ("at most one", "tenants", "count(users) FILTER (WHERE users.is_admin) <= 1"),
        ("exactly one", "tenants", "count(users) FILTER (WHERE users.is_contact) = 1"),
        (
            "transitions",
            "events",
            "(coalesce(lag(state) OVER (PARTITION BY ticket_id ORDER BY seq), ''), state) IN (('', 'new'), ('new', 'open'), ('new', 'spam'), "
            "('open', 'waiting'), ('open', 'solved'), ('waiting', 'open'), ('waiting', 'solved'), "
            "('solved', 'closed'), ('solved', 'open'))",
        ),
        (
            "order of siblings",
            "events",
            "happened_at >= lag(happened_at) OVER (PARTITION BY ticket_id ORDER BY seq)",
        ),
        ("order to parent", "events", "happened_at >= tickets.opened_at"),
        ("numbering", "events", "seq = row_number() OVER (PARTITION BY ticket_id ORDER BY seq)"),
        (
            "intervals",
            "bookings",
            "starts_at >= lag(ends_at) OVER (PARTITION BY room_id ORDER BY starts_at)",
        ),
        ("order", "bookings", "starts_at <= ends_at"),
        ("text", "folders", "starts_with(path, parent_id.path)"),
        ("text key", "tickets", "subject_ref IN (SELECT 'user:' || id FROM users)"),
        ("value set", "tickets", "currency IN (SELECT currency FROM tenants)"),
    )
    decoys = (
        ("tickets", frozenset({"effort"})),
        ("events", frozenset({"note_length"})),
        ("bookings", frozenset({"people"})),
    )
    seats: Rows = {"id": list(range(1, rooms + 1)), "seats": d.whole(2, 30, rooms)}
    tables = {
        "tenants": firms,
        "users": users,
        "tickets": tickets,
        "events": events,
        "rooms": seats,
        "bookings": bookings,
        "folders": folders,
    }
    return Shop(ddl, tables, rules, decoys)


SHOPS: dict[str, Callable[[int, int], Shop]] = {"sales": sales, "bank": bank, "office": office}
