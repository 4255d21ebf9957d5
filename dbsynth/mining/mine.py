"""Mine: every rule that the rows of a sample keep without exception, and not by chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dbsynth.adapters.scratch import Held
from dbsynth.errors import DbsynthError
from dbsynth.features import Floats
from dbsynth.mining.arithmetic import MOST, Operand, find_arithmetic, operands
from dbsynth.mining.balances import find_balances
from dbsynth.mining.bands import find_bands
from dbsynth.mining.dateparts import find_dateparts
from dbsynth.mining.dependencies import find_dependencies
from dbsynth.mining.evens import find_evens
from dbsynth.mining.frames import CARRIED, FEWEST, MIN_ROWS, RARE, Frame, Frames, frames_of
from dbsynth.mining.lasts import find_lasts
from dbsynth.mining.months import find_months
from dbsynth.mining.nulls import find_nulls, find_values
from dbsynth.mining.orders import find_copies, find_orders
from dbsynth.mining.pairs import find_pairs
from dbsynth.mining.ranges import find_ranges
from dbsynth.mining.siblings import find_marked, find_siblings
from dbsynth.mining.texts import find_text_keys, find_texts, find_value_sets
from dbsynth.mining.totals import find_totals
from dbsynth.mining.wholes import find_wholes
from dbsynth.mining.years import find_years
from dbsynth.plan import Plan
from dbsynth.progress import Event, Progress, silent
from dbsynth.release import Release
from dbsynth.rules.book import Rule, RuleError
from dbsynth.rules.language import count_breaks
from dbsynth.rules.words import names_of
from dbsynth.sample import Sample

RULE_ROWS = 20_000  # rows per table that are looked at, about
_DURATIONS = 60  # columns of whole numbers, at most, that may be days between two dates


def mine(plan: Plan, sample: Sample, progress: Progress = silent) -> tuple[Rule, ...]:
    """
    Find rules in a sample of whole entities.

    Args:
        plan: as it was made; its rules are not looked at.
        sample: of at most about `RULE_ROWS` rows a table.
        progress: told about tables.

    Constants in rules are released: labels, and distances that many rows have.

    Returns:
        rules of status `found`, table by table, each counted on the sample.
    """
    release = Release(plan.seed, plan.is_protected)
    frames = frames_of(plan, sample, release)
    found: list[Rule] = []
    for number, frame in enumerate(frames.values(), 1):
        progress(Event("rules", str(frame.name), number, len(frames)))
        if len(frame) >= MIN_ROWS and frame.planned.mode != "invent":
            found += _of_table(frame, frames)
            frame.held.clear()  # rows of parents, once for each child
        elif len(frame) >= FEWEST and frame.planned.mode == "copy":
            found += find_totals(frame, frames, [])
    found += find_value_sets(frames)
    return counted(found, plan, sample)


def counted(rules: list[Rule], plan: Plan, sample: Sample) -> tuple[Rule, ...]:
    """
    Count rules on the sample, as `verify` does on the target.

    Those without exception stay, and those with few, if they were found as such.
    """
    held = Held({str(name): rows for name, rows in sample.rows.items()})
    kept = []
    for rule in dict.fromkeys(rules):
        try:
            query = count_breaks(
                rule.text, plan.schema.table(rule.table), plan.schema, "duckdb",
                lambda name: held.spell(str(name)),
            )  # fmt: skip
            counts = held.row(query.sql)
        except (RuleError, DbsynthError):
            continue  # a name, or a type, that the language has no words for
        rows, broken = int(counts["n_rows"]), int(counts["broken"])
        is_kept = CARRIED <= broken <= RARE * rows if rule.exceptions else not broken
        if rows >= FEWEST and is_kept:
            kept.append(replace(rule, rows=rows, exceptions=broken))
    return tuple(kept)


def _of_table(frame: Frame, frames: Frames) -> Iterator[Rule]:
    yield from (frame.rule("equal", f"{a} = {b}") for a, b in frame.twins.items())
    copies = list(find_copies(frame, frames))
    yield from copies
    copied = {r.text.split(" = ")[0] for r in copies}
    months = list(find_months(frame))
    yield from months
    known = [names_of(r.text) for r in months]
    yield from (r for r in find_orders(frame, frames) if r.kind != "gap" or not _is_in(r, known))
    yield from find_ranges(frame, frames)
    parts = list(find_dateparts(frame, copied))
    yield from parts
    written = {_right(r) for r in parts}
    bands = list(find_bands(frame))
    yield from bands
    told_by = {_right(r): names_of(r.text) for r in bands}
    found = find_dependencies(frame, frames, copied)
    dependencies = [
        r
        for r in found
        if _right(r) not in written and not names_of(r.text) <= told_by.get(_right(r), frozenset())
    ]
    yield from dependencies
    yield from find_nulls(frame)
    yield from find_values(frame, {r.text for r in dependencies})
    wide = operands(frame.numbers)
    own = wide[:MOST]
    totals = list(find_totals(frame, frames, own))
    yield from totals
    yield from find_evens(frame, frames)
    yield from find_wholes(frame, frames, totals)
    formulas = list(find_arithmetic(frame, wide, wide))
    yield from formulas
    explained = copied | {w for r in formulas for w in r.text.split(" = ")[:1]}
    with_parents = list(_with_parents(frame, frames, own, explained))
    yield from with_parents
    durations = [*_durations(frame), *find_years(frame, frames)]
    yield from durations
    told = written | {
        _right(r) for r in (*copies, *months, *dependencies, *formulas, *with_parents)
    }
    yield from find_pairs(frame, frames, told | {w for r in durations for w in names_of(r.text)})
    yield from find_lasts(frame, frames, told | {_right(r) for r in totals})
    yield from find_siblings(frame)
    yield from find_balances(frame)
    yield from find_marked(frame, frames)
    yield from find_texts(frame, frames, copied)
    yield from find_text_keys(frame, frames)


def _right(rule: Rule) -> str:
    """What follows from the rest, as a rule writes it."""
    left, arrow, right = rule.text.partition(" -> ")
    return right if arrow else left.split(" = ")[0]


def _is_in(rule: Rule, told: list[frozenset[str]]) -> bool:
    """Whether months say more exactly what a rule says in days."""
    return any(names_of(rule.text) <= names for names in told)


def _durations(frame: Frame) -> Iterator[Rule]:
    """Find dates that lie as many days behind another one as a column says."""
    moments = [v for v in frame.views if v.family == "moment" and not v.is_key]
    whole = [v for v in frame.numbers if v.unit[0] == "whole"][:_DURATIONS]
    for one in moments:
        for other in moments:
            gaps = (other.floats - one.floats) / 86_400
            for view in whole if one is not other else ():
                where = one.valid & other.valid & view.valid
                same = where.sum() >= MIN_ROWS and (gaps == view.floats)[where].all()
                if same and view.distinct > 2:
                    text = f"days_between({one.word}, {other.word}) = {view.word}"
                    yield frame.rule("duration", text)


def _is_copy(values: Floats, above: Floats) -> bool:
    """Whether a column has what stands above, wherever both are there."""
    both = ~np.isnan(values) & ~np.isnan(above)
    return bool(both.any() and (values[both] == above[both]).all())


def _with_parents(
    frame: Frame, frames: Frames, own: list[Operand], explained: set[str]
) -> Iterator[Rule]:
    """Find columns that are calculated with a column of a parent, of those not explained."""
    told = set(explained)
    for parent in sorted(frame.ways, key=lambda p: len(p.keys)):
        is_near = len(parent.keys) == 1
        goals = [o for o in own if o.word not in (explained if is_near else told)]
        for above in frame.above(parent, frames) if goals else ():
            if not above.is_number:
                continue
            more = Operand(above.word, above.floats, frozenset([above.word]))
            if any(_is_copy(o.values, above.floats) for o in own):
                continue  # with it the row's own formulas are written
            most = 3 if is_near else 2
            for rule in find_arithmetic(frame, [*own, more], goals, most=most, must=len(own)):
                told.add(_right(rule))
                yield rule
