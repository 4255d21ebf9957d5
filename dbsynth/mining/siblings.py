"""Rules between the rows of one parent: numbering, order, balances, states, intervals, marks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from dbsynth.mining.arithmetic import is_close
from dbsynth.mining.chance import of_marks
from dbsynth.mining.frames import (
    CARRIED,
    EXPECTED,
    MIN_ROWS,
    RARE,
    Bools,
    Floats,
    Frame,
    Frames,
    Ints,
    View,
    literal,
)
from dbsynth.rules.book import Rule
from dbsynth.rules.words import child_word, quote
from dbsynth.schema import ForeignKey
from dbsynth.values import DAY

_STATES = 15
_SEED = 7  # of the shuffles that show what chance does


@dataclass(frozen=True)
class _Line:
    """Siblings in an order: rows sorted by parent and by a column."""

    partition: str
    by: View
    rows: Ints  # (m,) row numbers, sorted
    starts: Bools  # (m,) the first of its parent

    @property
    def window(self) -> str:
        return f"OVER (PARTITION BY {self.partition} ORDER BY {self.by.word})"

    def lag(self, word: str) -> str:
        return f"lag({word}) {self.window}"


def find_siblings(frame: Frame) -> Iterator[Rule]:
    """Find rules between siblings along each key."""
    found: set[str] = set()
    for key in frame.table.foreign_keys:
        pointers = frame.sample.parents.get((frame.name, key.name))
        if pointers is None or key.when is not None or key.is_self:
            continue
        if (np.bincount(pointers[pointers >= 0]) > 1).sum() < CARRIED:
            continue
        complete = key.parent in frame.sample.rows and _is_complete(frame, key)
        for rule in _along(frame, key, pointers, is_complete=complete):
            said = rule.text.split(" OVER ")[0]
            if said not in found or rule.kind == "intervals":
                found.add(said)
                yield rule
    yield from _within_key(frame, found)


def _within_key(frame: Frame, found: set[str]) -> Iterator[Rule]:
    """Numbers of rows that agree in the rest of the primary key: a player's teams of one year."""
    whole = _key(frame)
    for view in frame.views:
        rest = tuple(c for c in whole if c != view.column.name)
        is_number = view.family == "number" and view.unit[0] == "whole"
        if len(rest) == len(whole) or not is_number or _is_foreign(frame, view):
            continue
        if f"{view.word} = row_number()" in found or not _is_split(frame, rest):
            continue
        line = _line(", ".join(quote(c) for c in rest), _groups(frame, rest), view)
        if line is not None and _is_numbering(line, view.floats):
            yield _numbered(frame, line)


def _is_split(frame: Frame, rest: tuple[str, ...]) -> bool:
    """Whether columns divide the siblings of some parent, all of whom were read."""
    owners = [
        k for k in frame.table.foreign_keys
        if set(k.columns) < set(rest) and k.when is None and not k.is_self
    ]  # fmt: skip
    return any(k.parent in frame.sample.rows and _is_complete(frame, k) for k in owners)


def _groups(frame: Frame, columns: tuple[str, ...]) -> Ints:
    """(n,) the same number for rows that agree in some columns."""
    groups = np.zeros(len(frame), np.int64)
    for column in columns:
        codes = pc.dictionary_encode(frame.rows.column(column).combine_chunks()).indices
        own = np.asarray(pc.fill_null(codes, -1)).astype(np.int64) + 1
        groups = np.unique(groups * (own.max(initial=0) + 1) + own, return_inverse=True)[1]
    return groups.reshape(-1)


def _numbered(frame: Frame, line: _Line) -> Rule:
    start = int(line.by.floats[line.rows[0]])
    offset = "" if start == 1 else f" - {1 - start}"
    return frame.rule("numbering", f"{line.by.word} = row_number() {line.window}{offset}")


def _is_complete(frame: Frame, key: ForeignKey) -> bool:
    return frame.is_complete(frame, key)


def _along(frame: Frame, key: ForeignKey, pointers: Ints, *, is_complete: bool) -> Iterator[Rule]:
    partition = ", ".join(quote(c) for c in key.columns)
    numbered = []
    for view in frame.views:
        is_whole = view.family == "number" and view.unit[0] == "whole"
        if is_complete and is_whole and not _is_foreign(frame, view):
            line = _line(partition, pointers, view)
            if line is not None and _is_numbering(line, view.floats):
                numbered.append(line)
                yield _numbered(frame, line)
    lines = numbered[:1] or _lines(frame, partition, pointers)
    for line in lines:
        yield from _monotone(frame, line)
        if is_complete:
            yield from _balances(frame, line)
            yield from _floors(frame, line)
        yield from _transitions(frame, line)
        if is_complete:
            yield from _ends(frame, line)
    yield from _intervals(frame, partition, pointers)


def _is_foreign(frame: Frame, view: View) -> bool:
    return any(view.column.name in k.columns for k in frame.table.foreign_keys)


def _lines(frame: Frame, partition: str, pointers: Ints) -> list[_Line]:
    """Orders of siblings that nothing numbers: by the rest of the key, then by a moment."""
    wanted = [
        v
        for v in frame.views
        if (v.family == "moment" or (v.family == "number" and v.column.name in _key(frame)))
        and not _is_foreign(frame, v)
        and v.valid.all()
    ]
    found = [_line(partition, pointers, v) for v in wanted]
    return [line for line in found if line is not None][:3]


def _key(frame: Frame) -> tuple[str, ...]:
    return frame.table.primary_key


def _line(partition: str, pointers: Ints, view: View) -> _Line | None:
    """Sort siblings; None where several of them stand at one place."""
    rows = np.flatnonzero((pointers >= 0) & view.valid)
    rows = rows[np.lexsort((view.floats[rows], pointers[rows]))]
    if len(rows) < MIN_ROWS:
        return None
    parents, values = pointers[rows], view.floats[rows]
    starts = np.concatenate([[True], parents[1:] != parents[:-1]])
    ties = (~starts[1:]) & (values[1:] == values[:-1])
    return None if ties.any() else _Line(partition, view, rows, starts)


def _is_numbering(line: _Line, values: Floats) -> bool:
    """Whether siblings are numbered from 0 or 1 on without a gap."""
    ordered = values[line.rows]
    steps = np.diff(ordered)
    follow = ~line.starts[1:]
    first = ordered[line.starts]
    return bool(
        follow.sum() >= EXPECTED and (steps[follow] == 1).all() and (first == first[0]).all()
        and first[0] in (0, 1)
    )  # fmt: skip


def _monotone(frame: Frame, line: _Line) -> Iterator[Rule]:
    """Columns that do not fall, or do not rise, from one sibling to the next."""
    for view in frame.views:
        if view is line.by or view.is_key or view.family not in ("moment", "number"):
            continue
        if view.family == "number" and line.by.family == "moment":
            continue
        values = view.floats[line.rows]
        if view.family == "moment" and _is_same_day(values, line.by.floats[line.rows]):
            continue  # it follows from what ties the two in one row
        steps = np.diff(values)[~line.starts[1:]]
        steps = steps[~np.isnan(steps)]
        if len(steps) < 2 * EXPECTED:
            continue
        for sign, word in ((1, ">="), (-1, "<=")):
            is_clear = (sign * steps > 0).sum() >= 2 * EXPECTED
            if is_clear and (sign * steps >= 0).all():
                yield frame.rule("order of siblings", f"{view.word} {word} {line.lag(view.word)}")


def _is_same_day(values: Floats, by: Floats) -> bool:
    """Whether (n,) moments are always as many days after others."""
    days = np.floor(values / DAY) - np.floor(by / DAY)
    known = days[np.isfinite(days)]
    return bool(len(known) and np.ptp(known) == 0)


def _balances(frame: Frame, line: _Line) -> Iterator[Rule]:
    """Columns that add up another one from sibling to sibling."""
    numbers = [v for v in frame.numbers if v is not line.by]
    for total in numbers:
        for part in numbers:
            if part is total or not (part.valid & total.valid)[line.rows].all():
                continue
            a, b = total.floats[line.rows], part.floats[line.rows]
            running = np.cumsum(b)
            before = np.where(line.starts, running - b, 0)
            base = np.maximum.accumulate(np.where(line.starts, np.arange(len(a)), 0))
            follow = ~line.starts
            step_ok = is_close(np.diff(a, prepend=np.nan), b, 0.0)[follow]
            if follow.sum() < MIN_ROWS or not step_ok.all():
                yield from _mostly(frame, line, (total, part), ~step_ok)
                continue
            if is_close(a, running - before[base], 0.0).all():
                text = f"{total.word} = sum({part.word}) {line.window}"
            else:
                text = f"{total.word} - {line.lag(total.word)} = {part.word}"
            yield frame.rule("running", text)


def _floors(frame: Frame, line: _Line) -> Iterator[Rule]:
    """Numbers of which never more goes than has come: what is in stock, what is on an account."""
    groups = np.cumsum(line.starts)
    shuffled = np.random.default_rng(_SEED).permutation(len(line.rows))
    for view in frame.numbers:
        values = view.floats[line.rows]
        if view is line.by or not view.valid[line.rows].all():
            continue
        if min((values < 0).sum(), (values > 0).sum()) < MIN_ROWS:
            continue
        slack = 1e-6 * (1 + np.abs(values).max())
        if (_summed(values, line.starts) < -slack).any():
            continue
        below = _summed(values[shuffled], line.starts) < -slack
        if len(np.unique(groups[below])) >= EXPECTED:
            yield frame.rule("floor", f"sum({view.word}) {line.window} >= 0")


def _summed(values: Floats, starts: Bools) -> Floats:
    """What (m,) numbers come to from the first sibling on."""
    running = np.cumsum(values)
    base = np.maximum.accumulate(np.where(starts, np.arange(len(values)), 0))
    return np.asarray(running - (running - values)[base], np.float64)


def _mostly(frame: Frame, line: _Line, pair: tuple[View, View], odd: Bools) -> Iterator[Rule]:
    """A balance that some rows do not keep; these are counted."""
    total, part = pair
    if CARRIED <= odd.sum() <= RARE * len(odd):
        text = f"{total.word} - {line.lag(total.word)} = {part.word}"
        yield frame.rule("running", text, exceptions=int(odd.sum()))


def _ends(frame: Frame, line: _Line) -> Iterator[Rule]:
    """What marks the last of siblings, or the first: the version that is current, an open end."""
    sizes = np.diff(np.append(np.flatnonzero(line.starts), len(line.rows)))
    if np.log(sizes).sum() < EXPECTED or (sizes > 1).sum() < CARRIED:
        return  # chance might mark as many
    ends = {"lead": np.append(line.starts[1:], True), "lag": line.starts}
    for view in frame.views:
        if view is line.by or view.is_key or _is_foreign(frame, view):
            continue
        for marked, told in _marks_of(frame, view):
            for step, wanted in ends.items():
                if np.array_equal(marked[line.rows], wanted):
                    nobody = f"({step}({line.by.word}) {line.window} IS NULL)"
                    kind = "last of siblings" if step == "lead" else "first of siblings"
                    yield frame.rule(kind, f"{told} = {nobody}")


def _marks_of(frame: Frame, view: View) -> Iterator[tuple[Bools, str]]:
    """Which rows a column marks, by a label or by having none, and how a rule says it."""
    if not view.valid.all():
        yield ~view.valid, f"({view.word} IS NULL)"
    elif view.distinct == 2 and view.family == "label" and frame.is_released(view):
        for code, label in enumerate(view.labels):
            value = label.as_py()
            is_flag = isinstance(value, bool)
            if not is_flag or value:
                told = view.word if is_flag else f"({view.word} = {literal(value)})"
                yield view.codes == code, told


def _transitions(frame: Frame, line: _Line) -> Iterator[Rule]:
    """Labels of which only some follow on others."""
    for view in frame.views:
        if view.column.type.kind not in ("string", "enum") or view.is_key:
            continue
        if not 2 <= view.distinct <= _STATES or not frame.is_released(view):
            continue
        codes = view.codes[line.rows]
        if (codes < 0).any():
            continue
        k = view.distinct
        previous = np.where(line.starts, k, np.roll(codes, 1))
        seen = np.bincount(previous * k + codes, minlength=(k + 1) * k).reshape(k + 1, k)
        expected = seen.sum(1, keepdims=True) * seen[:k].sum(0) / max(seen[:k].sum(), 1)
        unseen = (seen == 0) & (expected > 0)
        if _is_machine(seen, expected, unseen):
            pairs = _pairs(view, seen)
            text = f"(coalesce({line.lag(view.word)}, ''), {view.word}) IN ({pairs})"
            yield frame.rule("transitions", text)


def _is_machine(seen: Ints, expected: Floats, unseen: Bools) -> bool:
    """Whether what was not seen cannot have been missed by chance, nor what was seen be rare."""
    if expected[unseen].sum() < EXPECTED or unseen.mean() < 0.2:
        return False
    return bool((seen[seen > 0] >= CARRIED).all() and (expected[unseen] >= 4).all())


def _pairs(view: View, seen: Ints) -> str:
    names = [literal(x.as_py()) for x in view.labels] + ["''"]
    return ", ".join(f"({names[a]}, {names[b]})" for a, b in np.argwhere(seen > 0))


def _intervals(frame: Frame, partition: str, pointers: Ints) -> Iterator[Rule]:
    """Pairs of columns that span times of one parent which do not overlap."""
    moments = [v for v in frame.views if v.family == "moment" and not v.is_key]
    for start in moments:
        for end in moments:
            if start is end or not (start.valid & end.valid).any():
                continue
            where = start.valid & end.valid & (pointers >= 0)
            a, b, group = start.floats[where], end.floats[where], pointers[where]
            if len(a) < MIN_ROWS or (b < a).any() or (b > a).sum() < len(a) / 2:
                continue
            if _overlaps(a, b, group):
                continue
            shuffled = np.random.default_rng(_SEED).permutation(group)
            if _overlaps(a, b, shuffled) >= EXPECTED:
                window = f"OVER (PARTITION BY {partition} ORDER BY {start.word})"
                yield frame.rule("intervals", f"{start.word} >= lag({end.word}) {window}")
                if _meets(a, b, group):
                    yield frame.rule("intervals", f"{start.word} = lag({end.word}) {window}")


def _overlaps(start: Floats, end: Floats, group: Ints) -> int:
    order = np.lexsort((start, group))
    same = group[order][1:] == group[order][:-1]
    return int((same & (start[order][1:] < end[order][:-1])).sum())


def _meets(start: Floats, end: Floats, group: Ints) -> bool:
    """Whether each span begins when the one before it ends, as versions of a row do."""
    order = np.lexsort((start, group))
    same = group[order][1:] == group[order][:-1]
    return bool(same.sum() >= MIN_ROWS and (start[order][1:] == end[order][:-1])[same].all())


def find_marked(frame: Frame, frames: Frames) -> Iterator[Rule]:
    """Find flags that at most one, or exactly one, child of each parent has."""
    for child in frames.values():
        for key in child.table.foreign_keys:
            pointers = child.sample.parents.get((child.name, key.name))
            if key.parent != frame.name or key.when is not None or pointers is None:
                continue
            if key.is_self or not frame.is_complete(child, key):
                continue
            for view in child.views:
                yield from _marks(frame, child, key, pointers, view)


def _marks(
    frame: Frame, child: Frame, key: ForeignKey, pointers: Ints, view: View
) -> Iterator[Rule]:
    if view.distinct != 2 or view.is_key or not child.is_released(view):
        return
    here = pointers >= 0
    rows = np.bincount(pointers[here], minlength=len(frame))
    for code in (0, 1):
        marked = view.codes == code
        counts = np.bincount(pointers[here & marked], minlength=len(frame))
        if counts.max() > 1:
            continue
        is_exact = bool((counts[rows > 0] == 1).all())
        # A mark that most rows have is one only where no parent lacks it.
        if marked.mean() > 0.5 and not is_exact:
            continue
        if of_marks(rows, int((here & marked).sum())) < EXPECTED:
            continue
        word = child_word(child.table, key)
        label = view.labels[code].as_py()
        column = f"{word}.{view.word}"
        condition = column if label is True else f"{column} = {literal(label)}"
        whole = word if "." not in word else f"{word}.*"
        missing = is_exact and (rows == 0).any()
        count = f"count({whole}) FILTER (WHERE {condition})"
        if missing:
            yield frame.rule("exactly one", f"{count} = 1 OR count({whole}) = 0")
        else:
            kind = "exactly one" if is_exact else "at most one"
            yield frame.rule(kind, f"{count} {'=' if is_exact else '<='} 1")
