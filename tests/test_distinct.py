"""Tests of dbsynth.mending.distinct: what changes where rows repeat what must not repeat."""

from __future__ import annotations

from dbsynth.mending.distinct import TRIES, Rule, _turn
from dbsynth.mending.draft import Unit


def test_a_row_takes_other_parents_only_when_nothing_else_helps() -> None:
    number, journal = (
        Unit(name="number", columns=("number",)),
        Unit(name="journal", columns=("journal",)),
    )
    company = Unit(name="company", columns=("company_id",), is_key=True)
    rule = Rule(("company_id", "journal", "number"), "", "", (number, journal, company), False)
    turns = [_turn(rule, attempt) for attempt in range(TRIES)]
    assert company not in turns[:30]
    assert {number, journal} == set(turns[:30])
    assert company in turns
    alone = Rule(("company_id",), "", "", (company,), False)
    assert company == _turn(alone, 0) == _turn(alone, 2)
