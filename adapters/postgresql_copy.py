"""Load Arrow batches into a PostgreSQL table by COPY: binary where that is exact, else CSV."""

from __future__ import annotations

import itertools
from binascii import unhexlify
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pgpq
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.adapters.ddl import DialectRules, quote_columns
from dbsynth.adapters.postgresql_connection import Connection
from dbsynth.adapters.postgresql_values import laid_out, to_csv, without_zeros
from dbsynth.arrow import arrow_type
from dbsynth.extremes import has_infinities
from dbsynth.schema import Column

_BINARY_KINDS = frozenset(
    {"integer", "float", "boolean", "string", "enum", "uuid", "bytes", "date", "time",
     "timestamp", "timestamptz"}
)  # fmt: skip
_MOST_BINARY_DIGITS = 38
_UUID = pa.binary(16)
_NO_UUID = "00000000-0000-0000-0000-000000000000"
_DASHES = [8, 13, 18, 23]
_PIECE = 16_384  # rows that are encoded at once


def copy_rows(
    connection: Connection,
    target: str,
    columns: Sequence[Column],
    batches: Iterable[pa.RecordBatch],
    rules: DialectRules,
    *,
    is_frozen: bool = False,
) -> int:
    """
    Load batches whose columns are `columns`, in order, into the table quoted as `target`.

    Args:
        connection: in a transaction, without open cursors.
        target: the table.
        columns: of the table.
        batches: their rows.
        rules: of the dialect.
        is_frozen: rows are stored as visible to all at once, which spares whoever reads them
            finding that out, and the next vacuum; the transaction must have created the table.

    Returns:
        the number of rows sent.
    """
    is_exact = all(_is_binary(c) for c in columns)
    names = quote_columns([c.name for c in columns], rules)
    typed = (_typed(piece, columns) for batch in batches for piece in _pieces(batch))
    rows = 0
    for is_binary, some in itertools.groupby(typed, lambda b: is_exact and _is_calendar(b)):
        counted = _Counted(some)
        form = ("BINARY" if is_binary else "CSV") + (", FREEZE" if is_frozen else "")
        statement = f"COPY {target} ({names}) FROM STDIN WITH (FORMAT {form})"
        pieces = _as_binary(counted, columns) if is_binary else map(to_csv, counted)
        with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for piece in pieces:
                copy.write(piece)
        rows += counted.rows
    return rows


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch so that what is sent of it at once stays small."""
    for start in range(0, batch.num_rows, _PIECE):
        yield batch.slice(start, _PIECE)


@dataclass
class _Counted:
    """Batches, and how many rows they had."""

    batches: Iterator[pa.RecordBatch]
    rows: int = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self.batches:
            self.rows += batch.num_rows
            yield batch


def _is_calendar(batch: pa.RecordBatch) -> bool:
    """Whether a batch has no infinite date, of which the encoder knows nothing."""
    return not any(has_infinities(column) for column in batch.columns)


def _is_binary(column: Column) -> bool:
    """Whether the server's binary form of this type is what the encoder writes."""
    sql = column.type
    if sql.kind == "decimal":
        digits = sql.precision or _MOST_BINARY_DIGITS + 1
        return sql.family != "money" and digits <= _MOST_BINARY_DIGITS
    return sql.kind in _BINARY_KINDS or sql.native == "json"


def _typed(batch: pa.RecordBatch, columns: Sequence[Column]) -> pa.RecordBatch:
    """Select the columns, in exactly the widths that the table has."""
    arrays = []
    for column in columns:
        array = pc.cast(batch.column(column.name), arrow_type(column.type))
        is_free = column.type.kind == "decimal" and column.type.precision is None
        arrays.append(without_zeros(array) if is_free else array)
    return pa.record_batch(arrays, names=[c.name for c in columns])


def _as_binary(batches: Iterable[pa.RecordBatch], columns: Sequence[Column]) -> Iterator[bytes]:
    kinds = [_UUID if c.type.kind == "uuid" else arrow_type(c.type) for c in columns]
    schema = pa.schema([pa.field(str(i), kind) for i, kind in enumerate(kinds)])
    encoder = pgpq.ArrowToPostgresBinaryEncoder(schema)
    yield encoder.write_header()
    for batch in batches:
        arrays = [
            _uuids(a) if kind == _UUID else a for a, kind in zip(batch.columns, kinds, strict=True)
        ]
        yield encoder.write_batch(pa.record_batch(arrays, schema=schema))
    yield encoder.finish()


def _uuids(texts: pa.Array) -> pa.Array:
    """
    Turn the characters of each UUID into its 16 bytes.

    Raises:
        ArrowInvalid: without dashes they are not 32 hexadecimal digits.
    """
    flat = pc.fill_null(texts, _NO_UUID) if texts.null_count else texts
    digits = _digits(flat)
    if digits is None:  # spelled some other way
        bare = pc.replace_substring(flat, "-", "")
        offsets, raw = laid_out(bare.cast(pa.binary()))
        if (np.diff(offsets) != 32).any():
            raise pa.ArrowInvalid("a UUID is not 32 hexadecimal digits long")
        digits = raw.tobytes()
    try:
        packed = pa.py_buffer(unhexlify(digits))
    except ValueError as exc:
        raise pa.ArrowInvalid("a UUID has other characters than hexadecimal digits") from exc
    found = pa.Array.from_buffers(_UUID, len(texts), [None, packed])
    return pc.if_else(pc.is_valid(texts), found, pa.scalar(None, _UUID))


def _digits(texts: pa.Array) -> bytes | None:
    """The digits of UUIDs, one after another; None unless all are spelled as the server does."""
    offsets, raw = laid_out(texts.cast(pa.binary()))
    if (np.diff(offsets) != len(_NO_UUID)).any():
        return None
    is_usual = (raw.reshape(-1, len(_NO_UUID))[:, _DASHES] == ord("-")).all()
    digits = raw.tobytes().replace(b"-", b"")
    return digits if is_usual and len(digits) == 32 * len(texts) else None
