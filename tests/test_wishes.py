"""Tests of dbsynth.wishes: words, Python and YAML say the same, and wrong shares are named."""

from __future__ import annotations

import pytest

from dbsynth.config import parse
from dbsynth.errors import PlanFileError, UsageError
from dbsynth.wishes import Wish, read_mapping, read_options


def test_labels_and_their_shares_are_read() -> None:
    [wish] = read_options(["users.gender=F:0.5,M:.4"], [])
    assert "users.gender" == wish.column
    assert (("F", 0.5), ("M", 0.4)) == wish.labels


def test_a_label_may_hold_commas_colons_and_blanks() -> None:
    [wish] = read_options(["shop.users.city=Paris, Texas: old:0.25, Rome:1e-2"], [])
    assert (("Paris, Texas: old", 0.25), ("Rome", 0.01)) == wish.labels


def test_a_condition_without_a_share_is_about_all_rows() -> None:
    [wish] = read_options([], ["orders.status = 'fraud'"])
    assert ("orders.status = 'fraud'", 1.0) == (wish.condition, wish.share)


def test_the_share_of_a_condition_stands_behind_the_last_colon() -> None:
    [wish] = read_options([], ["orders.placed_at > '2024-01-01 12:30': 0.2"])
    assert ("orders.placed_at > '2024-01-01 12:30'", 0.2) == (wish.condition, wish.share)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("gender=F:0.5", "write TABLE.COLUMN"),
        ("users.gender=F", "write TABLE.COLUMN"),
        ("users.gender=F:0.5,M", "write TABLE.COLUMN"),
        ("users.gender=F:1.5", "between 0 and 1"),
        ("users.gender=F:-0.5", "between 0 and 1"),
        ("users.gender=F:0.7,M:0.4", "more than 1"),
        ("users.gender=F:0.2,F:0.4", "given twice"),
    ],
)
def test_what_is_no_share_is_refused(words: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_options([words], [])
    [problem] = caught.value.problems
    assert told in problem


def test_labels_of_one_column_may_be_said_apart_but_not_sum_to_more_than_one() -> None:
    assert 2 == len(read_options(["u.g=F:0.5", "u.g=M:0.5"], []))
    with pytest.raises(UsageError):
        read_options(["u.g=F:0.5", "u.g=M:0.6"], [])
    with pytest.raises(UsageError):
        read_options([], ["u.a > 1: 1.01"])


def test_a_mapping_says_the_same_as_words() -> None:
    given = {"users.gender": {"F": 0.5}, "orders.paid": {True: 0.9}, "orders.total > 9": 0.2}
    gender, paid, total = read_mapping(given)
    assert read_options(["users.gender=F:0.5"], []) == (gender,)
    assert (("true", 0.9),) == paid.labels
    assert Wish(words="orders.total > 9: 0.2", condition="orders.total > 9", share=0.2) == total


def test_the_project_file_holds_shares() -> None:
    text = "shares:\n  users.gender: {F: 0.5}\n  \"orders.status = 'fraud'\": 0.2\n"
    labels, condition = parse(text).shares
    assert ("users.gender", 0.2) == (labels.column, condition.share)


@pytest.mark.parametrize("line", ["u.g: 1.5", "u.g: {F: a}", "u.g: {F: 0.8, M: 0.3}", "u.g: yes"])
def test_wrong_shares_in_the_project_file_are_named(line: str) -> None:
    with pytest.raises(PlanFileError) as caught:
        parse(f"shares:\n  {line}\n")
    assert "u.g" in caught.value.problems[0]
