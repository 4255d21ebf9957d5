"""Whatever statement of a MariaDB load fails: the target is the old one, or all of the new one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Command, NewDatabase, _mysql_connect
from tests.faults import CANARY, Action, Fault, between

pytestmark = pytest.mark.slow  # make test-slow

SHOP = (
    "CREATE TABLE branch (id int AUTO_INCREMENT PRIMARY KEY, label varchar(20) NOT NULL UNIQUE,"
    " head int)",
    "CREATE TABLE clerk (id int PRIMARY KEY, branch_id int NOT NULL, mood enum('good', 'bad'),"
    " KEY clerk_mood (mood), CONSTRAINT clerk_branch FOREIGN KEY (branch_id) REFERENCES branch"
    " (id))",
    "ALTER TABLE branch ADD CONSTRAINT branch_head FOREIGN KEY (head) REFERENCES clerk (id)",
    "CREATE TABLE sale (id bigint PRIMARY KEY, clerk_id int NOT NULL, amount decimal(8,2) CHECK"
    " (amount > 0), CONSTRAINT sale_clerk FOREIGN KEY (clerk_id) REFERENCES clerk (id))",
    "CREATE VIEW sales AS SELECT clerk_id, sum(amount) AS amount FROM sale GROUP BY 1",
    "CREATE TRIGGER clerk_stamp BEFORE INSERT ON clerk FOR EACH ROW SET NEW.mood ="
    " coalesce(NEW.mood, 'good')",
    "INSERT INTO branch (label) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
    " WHERE i < 30) SELECT concat('branch ', i) FROM n",
    "INSERT INTO clerk SELECT id, 1 + id % 30, if(id % 3, 'good', 'bad') FROM branch",
    "UPDATE branch SET head = 1 + (id * 7) % 30",
    "INSERT INTO sale SELECT b.id * 100 + c.id, c.id, 0.5 + b.id FROM branch b, clerk c WHERE"
    " b.id <= 3",
)
PRESENT = (
    "CREATE TABLE precious (id int PRIMARY KEY, note text)",
    "INSERT INTO precious VALUES (1, 'keep me')",
    "CREATE VIEW dear AS SELECT note FROM precious",
    "CREATE TRIGGER guard BEFORE INSERT ON precious FOR EACH ROW SET NEW.note = 'x'",
)
KINDS = (
    "SELECT GET_LOCK", "CREATE DATABASE", "CREATE TABLE", "LOAD DATA LOCAL", "LOAD DATA, rows",
    "CREATE TEMPORARY TABLE", "UPDATE JOIN", "ALTER TABLE ADD UNIQUE KEY", "ALTER TABLE ADD KEY",
    "ALTER TABLE ADD CONSTRAINT FOREIGN KEY", "ANALYZE", "ALTER DATABASE COLLATE",
    "CREATE ALGORITHM UNDEFINED SQL SECURITY DEFINER VIEW", "CREATE TRIGGER", "INSERT INTO",
    "SHOW CREATE TRIGGER", "DROP TRIGGER",
    "RENAME TABLE", "DROP DATABASE",
)  # fmt: skip
ABOUT_OBJECTS = re.compile(r"(CREATE (TABLE|TEMP|INDEX)|ALTER|LOAD|UPDATE|ANALYZE|INSERT|RENAME)\b")
OBJECTS = re.compile(r"branch|clerk|sale|ticket|_dbsynth|dbsynth_test_")

State = tuple[Any, ...]


def _ask(url: str, *statements: str) -> Sequence[tuple[Any, ...]]:
    connection = _mysql_connect(url)
    connection.select_db(urlsplit(url).path[1:])
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())
    finally:
        connection.close()


def _load(url: str, statements: Sequence[str]) -> str:
    _ask(url, *statements)
    return url


def _state(url: str) -> State:
    """Tables, views, triggers and all rows but those that name the run."""
    found = sorted(_ask(url, "SHOW FULL TABLES"))
    rows = [sorted(_ask(url, f"SELECT * FROM `{t}`"), key=repr) for t, _ in found if t[0] != "_"]
    triggers = _ask(url, "SELECT trigger_name FROM information_schema.triggers WHERE"
                         " trigger_schema = database()")  # fmt: skip
    return found, rows, triggers


def _shadows(url: str) -> list[str]:
    name = urlsplit(url).path[1:]
    return [d for (d,) in _ask(url, "SHOW DATABASES") if d.startswith(f"{name}_")]


@pytest.fixture
def model(command: Command, new_mysql_url: NewDatabase) -> Path:
    """A model of the shop, so that a load need not begin with reading it."""
    path = Path("shop.dbsynth").resolve()
    source = _load(new_mysql_url(), SHOP)
    code, told = command("fit", source, "-o", path, "--engine", "marginal", "--seed", "3", "-q")
    assert 0 == code, told
    return path


def _generate(command: Command, model: Path, url: str) -> tuple[int, str]:
    return command("generate", model, url, "--replace", "-q", "-v")


def _recorded(command: Command, model: Path, target: str) -> list[str]:
    with between(target) as proxy:
        code, told = _generate(command, model, proxy.url)
    assert 0 == code, told
    return proxy.seen


@pytest.mark.parametrize("action", ["fail", "cut", "lost answer"])
def test_whatever_statement_fails_no_mixture_is_left(
    command: Command, model: Path, new_mysql_url: NewDatabase, action: Action
) -> None:
    done = _load(new_mysql_url(), PRESENT)
    seen = _recorded(command, model, done)
    assert [] == [kind for kind in KINDS if not any(s.startswith(kind) for s in seen)]
    target, new = _load(new_mysql_url(), PRESENT), _state(done)
    old, wrong = _state(target), []
    for kind in dict.fromkeys(seen):
        fault = Fault(kind, seen.count(kind) if action == "cut" else 1, action)
        with between(target, fault) as proxy:
            code, told = _generate(command, model, proxy.url)
        expected = new if code == 0 else old
        found = [*_problems(fault, code, told), *([] if proxy.has_struck else ["no fault"])]
        if expected != _state(target):
            found.append("the target is not what the exit code says")
        wrong += [f"{fault}: {problem}: {told}" for problem in found]
        if code == 0:  # it was done again: begin anew
            target = _load(new_mysql_url(), PRESENT)
    assert [] == wrong
    assert 0 == _generate(command, model, target)[0]
    assert [] == _shadows(target)


def _problems(fault: Fault, code: int, told: str) -> Iterator[str]:
    error = next((line for line in told.splitlines() if line.startswith("error: ")), "")
    if code not in (0, 1, 5):
        yield f"left with {code}"
    if code and not (error and "hint: " in told):
        yield "no error with a hint"
    if code and ABOUT_OBJECTS.match(fault.kind) and not OBJECTS.search(error):
        yield "names no object"
    if "unexpected" in error or CANARY in told:
        yield "says what it should not"


def test_a_swap_that_nobody_can_tell_of_is_said_to_be_unknown(
    command: Command, model: Path, new_mysql_url: NewDatabase
) -> None:
    target = _load(new_mysql_url(), PRESENT)
    old = _state(target)
    (rename,) = {s for s in _recorded(command, model, _load(new_mysql_url(), PRESENT))
                 if s.startswith("RENAME TABLE")}  # fmt: skip
    with between(target, Fault(rename, 1, "gone")) as proxy:
        code, told = _generate(command, model, proxy.url)
    assert (1, True) == (code, "whether the target holds the new rows is not known" in told), told
    assert old[:2] == _state(target)[:2]
    assert 0 == _generate(command, model, target)[0]
    assert [] == _shadows(target)
