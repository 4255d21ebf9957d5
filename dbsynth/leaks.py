"""Look for values of the source that came through into the target, and count them; show none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from dbsynth import queries
from dbsynth.adapters.base import LARGE
from dbsynth.ask import Committed, Queryable, about, as_text, one_row, own_rows
from dbsynth.findings import Finding, Findings
from dbsynth.kindred import BY
from dbsynth.parts.leaves import all_leaves, has_leaves, telling_leaves
from dbsynth.picking import pick
from dbsynth.sample import LARGE_SAMPLE_ROWS
from dbsynth.schema import Schema, SqlType, Table, TableName

if TYPE_CHECKING:
    import pyarrow as pa

    from dbsynth.adapters.base import Adoption, Source
    from dbsynth.plan import Plan
    from dbsynth.treatments import Treatment

# Which source values may turn up by chance: none, short ones, any (names, places); or values are
# made of parts, of which short ones may; or labels, of which frequent ones are released.
Expected = Literal["none", "short", "any", "parts", "labels"]

# Personal data of which one value points to one person.  Names and places recur by chance.
IDENTIFYING = frozenset({
    "email", "user_name", "phone", "national_id", "passport", "driver_license", "license_plate",
    "iban", "bank_account", "card_number", "ip", "ipv6", "mac_address", "url", "password_hash",
    "token",
})  # fmt: skip
# Learned as measures or as released labels, if written as text: equal days and figures recur.
_MEASURED = frozenset({"number", "datetime"})
_RELEASED = 7  # rows with a label, by which it may have been released
SHORT = 8  # characters; longer values do not meet by chance
_COMPARED = ("string", "uuid", "json", "other")
_CHUNK = 500_000  # source values that are looked up at once
_PARTED = 50_000  # values that are taken apart, of either side


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPair:
    """A column of the source, and the one that stands for it in the target."""

    source: TableName
    source_column: str
    target: TableName
    target_column: str
    expected: Expected = "short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """How many different values of one column are in source and target both; 0: none."""

    expected: Expected
    source_values: int  # different ones
    target_values: int
    leaked: int
    leaked_long: int  # of them, those of more than `SHORT` characters

    @property
    def share(self) -> float:
        """The part of the target's different values that the source has, too."""
        return self.leaked / self.target_values if self.target_values else 0.0


def expectation(treatment: str) -> Expected:
    """Tell which source values a column may repeat, from `describe(treatment)`."""
    kind, _, semantic = treatment.partition(" ")
    if kind == "personal":
        return "none" if semantic in IDENTIFYING else "any"
    if kind == "category":
        return "labels"
    if kind == "structure":
        return "any" if semantic.startswith(BY) else "parts"
    return "any" if kind in _MEASURED or treatment == "key serial" else "short"


def describe(treatment: Treatment) -> str:
    """Write a treatment in a few words, as reports and manifests keep it."""
    return f"{treatment.kind} {treatment.semantic}".rstrip()


def planned_pairs(plan: Plan, adoption: Adoption) -> Iterator[ColumnPair]:
    """Pair the columns to compare after a run: none of copied tables, no foreign keys."""
    for name, table_plan in plan.tables.items():
        if table_plan.mode in ("copy", "empty"):
            continue
        source = plan.schema.table(name)
        target = adoption.schema.table(adoption.names[name])
        for column, adopted in zip(source.columns, target.columns, strict=True):
            treatment = table_plan.columns.get(column.name)
            if column.is_written and treatment and treatment.kind != "foreign key":
                yield ColumnPair(
                    source=name,
                    source_column=column.name,
                    target=target.name,
                    target_column=adopted.name,
                    expected=expectation(describe(treatment)),
                )


def textual_columns(table: Table) -> list[str]:
    """Name the columns of a table whose values are compared."""
    return [c.name for c in table.written_columns if c.type.kind in _COMPARED]


def leaked_values(
    source: Source,
    target: Queryable,
    schema: Schema,
    pairs: Iterable[ColumnPair],
    seen: Mapping[TableName, pa.Table] | None = None,
) -> dict[tuple[TableName, str], Leak]:
    """
    Count, per column, the different source values that the target holds.

    Compared are text-like columns of which more than half of the source's values are different,
    and identifying ones in any case.  Surrounding blanks do not count, nor do empty texts.  Of
    documents, arrays and rows the texts inside are compared, path by path, in the first 50,000.
    Of tables with more than `LARGE` rows those are compared that were learned from, for no others
    can have come through; where these are not at hand, as many random ones.

    Args:
        source: the original, entered.
        target: the load in progress, or a committed database.
        schema: the source's.
        pairs: which columns stand for which; others than text-like ones are skipped.
        seen: the rows of large tables that were learned from.

    Returns:
        a leak for every compared column, by the target's table and column; most say 0.
    """
    textual = [p for p in pairs if _type(schema, p).kind in _COMPARED]
    parted = [p for p in textual if _is_parted(schema, p)]
    found = {}
    rest = [p for p in textual if p not in parted]
    for name, group in groupby(rest, key=lambda p: p.source):
        with about(name):
            original = _Original(source, schema, name, (seen or {}).get(name))
            for pair in original.mostly_distinct(list(group)):
                found[pair.target, pair.target_column] = _compare(original, target, pair)
    for pair in parted:
        with about(pair.source):
            original = _Original(source, schema, pair.source, (seen or {}).get(pair.source))
            found[pair.target, pair.target_column] = _compare_parts(original, target, pair)
    return found


def leak_findings(leaks: Mapping[tuple[TableName, str], Leak]) -> Findings:
    """Judge leaks: what may happen by chance is a warning, everything else an error."""
    found = []
    for (table, column), leak in leaks.items():
        if not leak.leaked:
            continue
        surely = {"none": leak.leaked, "any": 0, "labels": 0}.get(leak.expected, leak.leaked_long)
        found.append(
            Finding(
                check="leaked values",
                table=table,
                columns=(column,),
                count=leak.leaked,
                severity="error" if surely else "warning",
                detail=f"different values are the source's, {leak.share:.2%} of the target's",
            )
        )
    return Findings.of(["leaked values"] * len(leaks), found)


class _Original:
    """One table of the source: all its rows, or some where they are too many."""

    def __init__(
        self, source: Source, schema: Schema, name: TableName, seen: pa.Table | None
    ) -> None:
        self.source, self.schema, self.table = source, schema, schema.table(name)
        self._rows = self._picked() if seen is None else seen

    def _picked(self) -> pa.Table | None:
        """Read some rows of a large table."""
        columns, rows = textual_columns(self.table), self.source.estimate(self.table.name) or 0
        if rows <= LARGE or not columns:
            return None
        return pick(
            self.source, self.table, columns, share=LARGE_SAMPLE_ROWS / rows, rows=rows, seed=0
        )

    def mostly_distinct(self, pairs: list[ColumnPair]) -> Iterator[ColumnPair]:
        """Keep the pairs whose source column is mostly distinct or identifying; one scan."""
        counts = self._counts(pairs)
        for i, pair in enumerate(pairs):
            is_identifying = pair.expected == "none" and counts[f"n{i}"]
            if counts[f"d{i}"] * 2 > counts[f"n{i}"] or is_identifying:
                yield pair

    def _counts(self, pairs: list[ColumnPair]) -> Mapping[str, int]:
        """How many values each pair's source column has, n, and how many different ones, d."""
        import pyarrow.compute as pc

        counts, measures = dict[str, int](), []
        for i, pair in enumerate(pairs):
            if self._rows is not None:
                values = self._rows.column(pair.source_column)
                counts |= {f"n{i}": len(values.drop_null())}
                counts |= {f"d{i}": pc.count_distinct(values).as_py()}
            column = queries.identifier(self.source.dialect, pair.source_column)
            text = as_text(self.source.dialect, column, self.type(pair).family)
            measures += [f"count({column}) AS n{i}", f"count(DISTINCT {text}) AS d{i}"]
        if self._rows is not None:
            return counts
        asked = Committed(self.source)
        slots = {
            "measures": ",\n       ".join(measures),
            "table": own_rows(asked, self.table.name),
        }
        return one_row(asked, queries.render(queries.get("verify", "distinct_counts"), slots))

    def type(self, pair: ColumnPair) -> SqlType:
        """The type of a pair's source column."""
        return self.table.column(pair.source_column).type

    def texts(self, pair: ColumnPair) -> Iterator[pa.ChunkedArray]:
        """Give a pair's source column in pieces of about `_CHUNK` values."""
        import pyarrow as pa

        if self._rows is not None:
            yield self._rows.column(pair.source_column).cast(pa.string())
            return
        held: list[pa.Array] = []
        for batch in self.source.read(self.table, [pair.source_column]):
            held.append(batch.column(0).cast(pa.string()))
            if sum(map(len, held)) >= _CHUNK:
                yield pa.chunked_array(held)
                held = []
        if held:
            yield pa.chunked_array(held)


def _compare(original: _Original, target: Queryable, pair: ColumnPair) -> Leak:
    """Look the source's values up among the target's, chunk by chunk."""
    import pyarrow as pa
    import pyarrow.compute as pc

    held = _normal(_held(original, target, pair))
    leaked, seen = [pa.array([], pa.string())], 0
    for chunk in original.texts(pair):
        values = _normal(chunk)
        seen += len(values)
        values = _trimmed(chunk) if pair.expected == "labels" else values
        leaked.append(values.filter(pc.is_in(values, value_set=held)))
    hits, counts = pc.value_counts(pa.concat_arrays(leaked)).flatten()
    if pair.expected == "labels":
        hits = hits.filter(pc.less(counts, _RELEASED))
    return Leak(
        expected=pair.expected,
        source_values=seen,
        target_values=len(held),
        leaked=len(hits),
        leaked_long=pc.sum(pc.greater(pc.utf8_length(hits), SHORT)).as_py() or 0,
    )


def _held(original: _Original, target: Queryable, pair: ColumnPair) -> pa.ChunkedArray:
    """Ask the target for a column's different values, as text."""
    column = queries.identifier(target.dialect, pair.target_column)
    # Other dialects' shapes are texts in the target.
    is_same = original.source.dialect == target.dialect
    family = original.type(pair).family if is_same else ""
    slots = {
        "text": as_text(target.dialect, column, family),
        "table": own_rows(target, pair.target),
        "column": column,
    }
    sql = queries.render(queries.get("verify", "distinct_values"), slots)
    return target.query(sql).column(0).cast("string")


def _is_parted(schema: Schema, pair: ColumnPair) -> bool:
    """Whether a column is compared by the texts inside its values."""
    return pair.expected == "parts" or (
        pair.expected == "short" and has_leaves(_type(schema, pair))
    )


def _compare_parts(original: _Original, target: Queryable, pair: ColumnPair) -> Leak:
    """Look up the texts inside the source's values, at each path that tells values apart."""
    sql = original.type(pair)
    if not has_leaves(sql):  # JSON in a text column, or nothing with texts inside
        kind: Literal["json", "other"] = "json" if sql.kind == "string" else "other"
        sql = SqlType(kind=kind, native=sql.native)
    texts: list[str] = []
    for chunk in original.texts(pair):
        texts += chunk.drop_null().to_pylist()[: _PARTED - len(texts)]
        if len(texts) >= _PARTED:
            break
    known = telling_leaves(texts, sql, IDENTIFYING)
    held = _held(original, target, pair).drop_null().slice(0, _PARTED)
    copied = all_leaves(held.to_pylist() if known else [], sql, known)
    hits = [leaf for path, told in known.items() for leaf in told & copied[path]]
    return Leak(
        expected="parts",
        source_values=sum(map(len, known.values())),
        target_values=sum(map(len, copied.values())),
        leaked=len(hits),
        leaked_long=sum(len(leaf) > SHORT for leaf in hits),
    )


def _normal(values: pa.ChunkedArray) -> pa.Array:
    """Keep the different texts, without surrounding blanks, empty ones and NULLs."""
    import pyarrow.compute as pc

    return pc.unique(_trimmed(values))


def _trimmed(values: pa.ChunkedArray) -> pa.Array:
    """Leave out surrounding blanks, empty texts and NULLs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(values.drop_null())
    trimmed = trimmed.filter(pc.not_equal(trimmed, pa.scalar("", trimmed.type)))
    return trimmed.combine_chunks() if isinstance(trimmed, pa.ChunkedArray) else trimmed


def _type(schema: Schema, pair: ColumnPair) -> SqlType:
    return schema.table(pair.source).column(pair.source_column).type
