"""The noun between classify and plan: what is done with a column, and the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dbsynth.schema import TableName

TreatmentKind = Literal[
    "key",  # allocated: integers in sequence, uuids, codes of the source's format
    "foreign key",  # taken from the parent row that is chosen
    "personal",  # made by Faker; `semantic` says what
    "category",  # learned labels
    "number",  # learned; also money and durations
    "datetime",  # learned; date, time and timestamps
    "format",  # strings of a learned pattern, e.g. AAA-99999
    "text",  # free text: made up, only its length is learned
    "structure",  # JSON, arrays, rows, ranges …: learned part by part, see `dbsynth.documents`
    "binary",  # random bytes of learned length
    "void",  # not understood: NULL where allowed, else the type's empty value
]
KINDS: tuple[TreatmentKind, ...] = (
    "key", "foreign key", "personal", "category", "number", "datetime", "format", "text",
    "structure", "binary", "void",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value stands that is repeated: the keys that lead there, its table and column."""

    via: tuple[str, ...]  # names of keys, one after the other; none: in the same row
    table: TableName
    column: str

    def __str__(self) -> str:
        """As plans say it: "customers.city via fk_orders_customers"; "ship_city" in one row."""
        if not self.via:
            return self.column
        return f"{self.table}.{self.column} via {' > '.join(self.via)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """
    What is done with one column.

    `semantic` refines the kind: for "personal" the semantic type (email, first_name …, see
    `lexicon.SEMANTICS`); for "category" the same, of its rare labels; for "key" one of integer,
    uuid, format, serial; for "structure" json where texts are JSON, and `by COLUMN` where that
    column's labels say of which kind each value is; for "void" the text that stands in each row;
    else "".
    """

    kind: TreatmentKind
    semantic: str = ""
    evidence: str = ""  # one phrase without any value of the source
    is_unique: bool = False  # alone unique over the table
    copies: Origin | None = None  # whose value it mostly is; else it is made as `kind` says


Treatments = Mapping[TableName, Mapping[str, Treatment]]
