"""The scores of sdmetrics beside ours, where the `sdv` extra is installed; else nothing of it."""

from __future__ import annotations

import importlib.util
import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd

from dbsynth.evaluation.bench import Bench
from dbsynth.schema import ForeignKey, TableName

if TYPE_CHECKING:
    import pyarrow as pa

    from dbsynth.evaluation.reading import Side

_NUMERIC, _TIME = "numerical", "datetime"
_TYPES = {"number": _NUMERIC, "date": _TIME, "category": "categorical"}


def figures(bench: Bench) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """
    Ask sdmetrics for its quality and diagnostic report of the same rows.

    Returns:
        its version and the scores of both reports, None without sdmetrics; and notes.
    """
    if importlib.util.find_spec("sdmetrics") is None:
        return None, ()
    import sdmetrics
    from sdmetrics.reports import DiagnosticReport, QualityReport

    described = metadata(bench)
    real, made = frames(bench, bench.real), frames(bench, bench.made)
    found: dict[str, Any] = {"version": sdmetrics.__version__}
    notes = []
    for name, report in (("quality", QualityReport()), ("diagnostic", DiagnosticReport())):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about single columns that it cannot score
                report.generate(real, made, described, verbose=False)
        except Exception as exc:  # noqa: BLE001 - whatever it is, ours are not worse for it
            # Its messages may hold values: only the kind of error is told.
            notes.append(f"sdmetrics' {name} report failed with {type(exc).__name__}")
            found[name] = {}
            continue
        listed = report.get_properties()
        scores = zip(listed["Property"], listed["Score"], strict=True)
        found[name] = {"Overall": float(report.get_score())}
        found[name] |= {word: None if pd.isna(s) else float(s) for word, s in scores}
    if any(not side.whole(n) for side in (bench.real, bench.made) for n in bench.plan.tables):
        notes.append("sdmetrics sees a sample, in which some parents are missing")
    return found, tuple(notes)


def metadata(bench: Bench) -> dict[str, Any]:
    """Describe tables, columns and single-column keys as sdmetrics wants it."""
    keys = [k for k in bench.keys if _fits(bench, k)]
    return {
        "tables": {str(n): _table(bench, n) for n in bench.scored},
        "relationships": [
            {
                "parent_table_name": str(k.parent),
                "child_table_name": str(k.child),
                "parent_primary_key": k.parent_columns[0],
                "child_foreign_key": k.columns[0],
            }
            for k in keys
        ],
    }


def _fits(bench: Bench, key: ForeignKey) -> bool:
    """Whether sdmetrics can express a key: one column, to the primary key of a scored table."""
    parent = bench.plan.schema.table(key.parent)
    is_plain = len(key.columns) == 1 and key.when is None and not key.is_self
    ends = {key.child, key.parent}
    return is_plain and key.parent_columns == parent.primary_key and ends <= set(bench.scored)


def _table(bench: Bench, name: TableName) -> dict[str, Any]:
    columns = {c: {"sdtype": "id"} for c in _keys(bench, name)}
    for view in bench.views[name].learned:
        if view.name not in columns:
            columns[view.name] = {"sdtype": _TYPES[view.kind]}
    described: dict[str, Any] = {"columns": columns}
    key = bench.plan.schema.table(name).primary_key
    if len(key) == 1:
        described["primary_key"] = key[0]
    return described


def _keys(bench: Bench, name: TableName) -> list[str]:
    """The columns of the primary key and of the keys that sdmetrics can express."""
    table = bench.plan.schema.table(name)
    own = table.primary_key if len(table.primary_key) == 1 else ()
    found = [*own, *(k.columns[0] for k in table.foreign_keys if _fits(bench, k))]
    there = bench.made.rows[name].column_names
    return [c for c in dict.fromkeys(found) if c in there]


def frames(bench: Bench, side: Side) -> dict[str, pd.DataFrame]:
    """Hand a side's keys and learned columns over as frames."""
    which = 0 if side is bench.real else 1
    found = {}
    for name in bench.scored:
        rows: pa.Table = side.rows[name]
        columns: dict[str, Any] = {c: rows.column(c).to_pandas() for c in _keys(bench, name)}
        for view in bench.views[name].learned:
            if view.name in columns:
                continue
            values = (view.real, view.made)[which]
            if view.kind == "date":
                columns[view.name] = pd.to_datetime(values, unit="D", errors="coerce")
            elif view.kind == "category":
                columns[view.name] = _labels(values)
            else:
                columns[view.name] = values
        found[str(name)] = pd.DataFrame(columns)
    return found


def _labels(codes: Any) -> pd.Series[Any]:
    """Name labels by their numbers: sdmetrics only asks whether they are the same."""
    known = pd.Series(codes)
    return ("L" + known.astype("Int64").astype("string")).astype(object).where(known.notna(), None)
