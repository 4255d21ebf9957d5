"""Print an evaluation for people: the means first, then tables, keys, and what is weak."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbsynth.evaluation.scores import Detection, Evaluation, PairScore, TableScore
from dbsynth.report import cells, make_grid, print_line

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 120  # of `to_text`, which knows no terminal
_WEAK = 10  # lines of a list of what is weak
_FINE = 0.95  # what is better is not weak
_MEANS = (
    ("overall", "mean of shapes, pair_kept, cardinality, cross_table, c2st, c2st_agg"),
    ("shapes", "columns by themselves: 1 - KS or TVD"),
    ("null_match", "shares of NULL"),
    ("pair_kept", "dependences between columns of a row"),
    ("cardinality", "children per parent: 1 - KS"),
    ("cross_table", "mean of the next three"),
    ("hop_kept", "dependences along 1 to 3 keys"),
    ("siblings_kept", "what children of one parent have in common"),
    ("order", "gaps and autocorrelation in time"),
    ("order_rules", "dates that come before others"),
    ("c2st", "rows that a detector cannot tell from real ones"),
    ("c2st_fine", "the same, seeing weekdays, hours and digits too"),
    ("c2st_agg", "parents, with sums over their children"),
    ("utility", "learned from the copy, tested on real rows"),
)
_PRIVATE = (
    ("exact_copies", "rows that the source has, in all learned columns"),
    ("exact_copies_of_half", "rows that one half of the source has"),
    ("exact_copies_baseline", "the same of other real rows"),
    ("nearer", "how often nearer to source rows than other real rows are"),
    ("leaked", "different texts that the source has"),
    ("leaked_of_half", "different texts that one half of the source has"),
    ("leaked_baseline", "the same of other real rows"),
)


def to_text(found: Evaluation) -> str:
    """Print into a text, without colours."""
    from rich.console import Console

    held = io.StringIO()
    render(found, Console(file=held, width=_WIDTH, no_color=True))
    return held.getvalue()


def render(found: Evaluation, console: Console) -> None:
    """Print everything that was measured, what is weak first in every list."""
    beside = f", held out {found.holdout}" if found.holdout else ""
    print_line(console, f"{found.target} against {found.source}{beside}")
    print_line(
        console,
        f"dbsynth {found.version}, seed {found.seed}, about {found.sample:,} rows of each table",
    )
    _means(found, console)
    _tables(found, console)
    _tells(found, console)
    _keys(found, console)
    _paths(found, console)
    _columns(found, console)
    _pairs(found, console)
    _utility(found, console)
    _privacy(found, console)
    _beside(found, console)


def _means(found: Evaluation, console: Console) -> None:
    summary = found.summary()
    print_line(console, "\nFidelity and utility (1 is like the source, reference tables left out)")
    grid = make_grid(["", "", ""], numbers=(1,))
    for name, what in _MEANS:
        if summary[name] is not None:
            grid.add_row(*cells([name, _number(summary[name]), what]))
    console.print(grid)
    print_line(console, "\nPrivacy (lower is better, the baselines are what is to be expected)")
    grid = make_grid(["", "", ""], numbers=(1,))
    for name, what in _PRIVATE:
        if summary[name] is not None:
            grid.add_row(*cells([name, _share(summary[name]), what]))
    console.print(grid)


def _tables(found: Evaluation, console: Console) -> None:
    print_line(console, "\nTables")
    heads = [
        "table",
        "source",
        "target",
        "shapes",
        "pairs",
        "c2st",
        "fine",
        "agg",
        "copies",
        "nearer",
    ]
    grid = make_grid(heads, numbers=tuple(range(1, 10)))
    for table in found.scored:
        private = table.privacy
        grid.add_row(*cells([
            str(table.name), f"{table.source_rows:,}", f"{table.target_rows:,}",
            _number(table.shapes), _number(table.pair_kept), _score(table.detection),
            _score(table.detection_fine), _score(table.detection_agg),
            _share(private.copies if private else None),
            _share(private.nearer if private else None),
        ]))  # fmt: skip
    console.print(grid)
    copied = [str(t.name) for t in found.tables if t.is_copied]
    if copied:
        print_line(console, f"Reference tables, copied and not scored: {', '.join(copied)}")


def _tells(found: Evaluation, console: Console) -> None:
    rows = [r for t in found.scored for r in _table_tells(t)]
    if not rows:
        return
    print_line(console, "\nWhat gives a table away (loss of AUC without it, distance by itself)")
    grid = make_grid(["table", "detector", "AUC", "feature", "loss", "distance"], numbers=(2, 4, 5))
    for row in rows:
        grid.add_row(*cells(row))
    console.print(grid)


def _table_tells(table: TableScore) -> Iterator[list[str]]:
    kinds = (
        ("c2st", table.detection),
        ("fine", table.detection_fine),
        ("agg", table.detection_agg),
    )
    for kind, found in kinds:
        for number, tell in enumerate(found.tells[:4] if found else ()):
            head = (
                ["", "", ""]
                if number
                else [str(table.name), kind, _number(found.auc if found else None)]
            )
            yield [*head, tell.feature, _number(tell.loss), _number(tell.distance)]


def _keys(found: Evaluation, console: Console) -> None:
    if not found.keys:
        return
    print_line(console, "\nKeys")
    heads = ["key", "cardinality", "childless", "source", "target", "siblings", "order"]
    grid = make_grid(heads, numbers=tuple(range(1, 7)))
    for key in sorted(found.keys, key=lambda k: (not k.is_scored, k.cardinality)):
        grid.add_row(*cells([
            key.name if key.is_scored else f"{key.name} *", _number(key.cardinality),
            _number(key.childless), f"{key.children[0]:.2f}", f"{key.children[1]:.2f}",
            _number(key.siblings_kept), _number(key.order),
        ]))  # fmt: skip
    console.print(grid)
    if not all(k.is_scored for k in found.keys):
        print_line(console, "* not in the means: between reference tables, or hardly any parents")


def _paths(found: Evaluation, console: Console) -> None:
    weak = [p for p in found.paths if p.kept is not None]
    if not weak:
        return
    print_line(console, "\nDependences along keys, the weakest first")
    grid = make_grid(
        ["chain", "hops", "kept", "weakest pair", "kept", "strength"], numbers=(1, 2, 4, 5)
    )
    for path in sorted(weak, key=lambda p: p.kept or 0.0)[:_WEAK]:
        chain = " > ".join(str(n) for n in path.tables)
        worst = path.pairs[0]
        grid.add_row(*cells([
            chain, str(path.hops), _number(path.kept), f"{worst.left} ~ {worst.right}",
            _number(worst.kept), _number(worst.strength),
        ]))  # fmt: skip
    console.print(grid)


def _columns(found: Evaluation, console: Console) -> None:
    listed = [
        (min(c.nulls, 1.0 if c.shape is None else c.shape), f"{t.name}.{c.name}", c)
        for t in found.scored
        for c in t.columns
    ]
    weak = sorted((x for x in listed if x[0] < _FINE), key=lambda x: x[0])[:_WEAK]
    if not weak:
        return
    print_line(console, "\nWeakest columns (of texts, their lengths)")
    grid = make_grid(["column", "compared as", "shape", "NULLs"], numbers=(2, 3))
    for _, name, column in weak:
        grid.add_row(*cells([name, column.kind, _number(column.shape), _number(column.nulls)]))
    console.print(grid)


def _pairs(found: Evaluation, console: Console) -> None:
    listed = [(f"{t.name}: ", p, "pair") for t in found.scored for p in t.pairs]
    listed += [(f"{t.name}: ", p, "rule") for t in found.scored for p in t.rules]
    listed += [("", p, "rule") for k in found.keys for p in k.rules]
    for key in (k for k in found.keys if k.is_scored):
        listed += [(f"{key.key.child}: ", p, "siblings") for p in key.siblings]
        listed += [(f"{key.key.child}: ", p, "next") for p in key.lags]
    weak = [x for x in listed if x[1].kept < _FINE]
    weak.sort(key=lambda x: (x[1].kept - 1) * x[1].strength)
    if not weak:
        return
    print_line(console, "\nWeakest dependences inside tables, and of siblings")
    grid = make_grid(["", "between", "kept", "strength"], numbers=(2, 3))
    for prefix, pair, kind in weak[:_WEAK]:
        name = _between(pair, kind)
        grid.add_row(*cells([kind, f"{prefix}{name}", _number(pair.kept), _number(pair.strength)]))
    console.print(grid)


def _between(pair: PairScore, kind: str) -> str:
    word = {"pair": "~", "rule": "<=", "siblings": "within", "next": "after each other within"}[
        kind
    ]
    return f"{pair.left} {word} {pair.right}"


def _utility(found: Evaluation, console: Console) -> None:
    rows = [(t, u) for t in found.scored for u in t.utility]
    if not rows:
        return
    print_line(console, "\nPredicted on real rows, learned from real rows and from the copy")
    grid = make_grid(["column", "measure", "real", "copy", "score"], numbers=(2, 3, 4))
    for table, use in rows:
        name = f"{table.name}.{use.column}"
        score = "nothing to learn" if use.score is None else _number(use.score)
        grid.add_row(*cells([name, use.measure, _number(use.real), _number(use.made), score]))
    console.print(grid)


def _privacy(found: Evaluation, console: Console) -> None:
    rows = [
        (f"{t.name}.{leak.column}", leak)
        for t in found.scored
        if t.privacy
        for leak in t.privacy.leaks
        if leak.leaked
    ]
    if rows:
        print_line(console, "\nTexts of mostly distinct columns that the source has, too")
        grid = make_grid(["column", "texts", "share", "of half", "baseline"], numbers=(1, 2, 3, 4))
        for name, leak in rows:
            shares = (leak.share, leak.share_of_half, leak.baseline)
            grid.add_row(*cells([name, f"{leak.leaked:,}", *map(_share, shares)]))
        console.print(grid)


def _beside(found: Evaluation, console: Console) -> None:
    """Print what is missing, what to know, and what others measure."""
    if found.sdmetrics is not None:
        print_line(console, f"\nsdmetrics {found.sdmetrics['version']}, on the same rows")
        grid = make_grid(["report", "property", "score"], numbers=(2,))
        for report in ("quality", "diagnostic"):
            for name, score in found.sdmetrics[report].items():
                grid.add_row(*cells([report, name, _number(score)]))
        console.print(grid)
    for title, lines in (("Not in the target", found.missing), ("Notes", found.notes)):
        if lines:
            print_line(console, f"\n{title}:")
            for line in lines:
                print_line(console, f"  {line}")
    spent = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in found.seconds.items())
    print_line(console, f"\nTime: {spent}")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _score(found: Detection | None) -> str:
    return _number(found.score) if found else ""
