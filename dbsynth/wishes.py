"""Shares that the user wishes for: words to frozen wishes, before any schema is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbsynth.errors import UsageError

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LABEL = re.compile(rf"(.+?):\s*({_NUMBER})\s*(?:,\s*|$)")  # a label may hold colons and commas
_SHARE = re.compile(rf"^(.*\S)\s*:\s*({_NUMBER})\s*$", re.DOTALL)
_REMEDY = (
    "Write for example --set-share users.gender=F:0.5,M:0.4, "
    "--where \"orders.status = 'fraud'\" or --where 'orders.amount > 1000: 0.2'."
)
_ROUNDING = 1e-9  # shares written in decimals may sum to a little more than 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One thing that the user said: shares of a column's labels, or the share of a condition."""

    words: str  # as the user wrote it; for messages
    column: str = ""  # table.column, where labels are given
    labels: tuple[tuple[str, float], ...] = ()
    condition: str = ""  # SQL, where there are no labels
    share: float = 1.0  # of the condition


def read_options(set_share: Sequence[str], where: Sequence[str]) -> tuple[Wish, ...]:
    """
    Read the words behind `--set-share` and `--where`.

    Raises:
        UsageError: a word has not the form that is needed, or a share is none; names all of them.
    """
    wrong: list[str] = []
    wishes = [_labels(word, wrong) for word in set_share]
    wishes += [_condition(word) for word in where]
    return _checked([w for w in wishes if w is not None], wrong)


def read_mapping(given: Mapping[str, Any]) -> tuple[Wish, ...]:
    """
    Read shares as Python and YAML write them.

    Args:
        given: "table.column" to shares by label, or a condition to its share.

    Raises:
        UsageError: something else is among them, or a share is none; names all of them.
    """
    wrong: list[str] = []
    wishes = []
    for key, value in given.items():
        if _is_number(value):
            wishes.append(Wish(words=f"{key}: {value}", condition=str(key), share=float(value)))
        elif isinstance(value, Mapping) and value and all(map(_is_number, value.values())):
            labels = tuple((_text(label), float(share)) for label, share in value.items())
            told = ",".join(f"{label}:{share:g}" for label, share in labels)
            wishes.append(Wish(words=f"{key}={told}", column=str(key), labels=labels))
        else:
            wrong.append(f"{key}: give labels with a share each, or a condition's share")
    return _checked(wishes, wrong)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(label: Any) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _labels(word: str, wrong: list[str]) -> Wish | None:
    """Read table.column=label:share,label:share."""
    column, _, said = word.partition("=")
    found = _LABEL.findall(said)
    whole = "".join(m.group(0) for m in _LABEL.finditer(said))
    if "." not in column or not found or whole != said:
        wrong.append(f"--set-share {word}: write TABLE.COLUMN=LABEL:SHARE")
        return None
    labels = tuple((label.strip(), float(share)) for label, share in found)
    return Wish(words=word, column=column.strip(), labels=labels)


def _condition(word: str) -> Wish:
    """Read a condition, and its share behind a colon if there is one."""
    said = _SHARE.match(word)
    if said is None:
        return Wish(words=word, condition=word)
    return Wish(words=word, condition=said[1], share=float(said[2]))


def _checked(wishes: Iterable[Wish], wrong: list[str]) -> tuple[Wish, ...]:
    """Refuse what is no share, what is said twice and what sums to more than everything."""
    found = tuple(wishes)
    columns: dict[str, list[tuple[str, float]]] = {}
    for wish in found:
        shares = [s for _, s in wish.labels] if wish.labels else [wish.share]
        if not all(0 <= s <= 1 for s in shares):
            wrong.append(f"{wish.words}: a share lies between 0 and 1")
        elif wish.labels:
            columns.setdefault(wish.column, []).extend(wish.labels)
    for column, labels in columns.items():
        names = [name for name, _ in labels]
        wrong += [
            f"{column}: {n} is given twice"
            for n in sorted({n for n in names if names.count(n) > 1})
        ]
        if sum(share for _, share in labels) > 1 + _ROUNDING:
            wrong.append(f"{column}: the shares of its labels sum to more than 1")
    if wrong:
        raise UsageError("the wished shares cannot be read", _REMEDY, wrong)
    return found
