"""
Choose rows of a table that is too large to be read, at random and without a scan where that can be.

By numbers, where the key is one whole number and most numbers have a row: each number is drawn with
the same probability, as every row would be; in large tables four neighbours, which share pages, at
once.  Else by pages, where the database reads random ones: of four times as many rows as are wanted
each is kept by a hash of its key.  Else all keys are read, and no more than the keys, and each is
kept by its hash.  The same seed chooses the same rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth import queries
from dbsynth.adapters.base import LARGE
from dbsynth.arrow import arrow_schema, arrow_type
from dbsynth.ask import Committed, one_row, own_rows
from dbsynth.schema import Table

if TYPE_CHECKING:
    from dbsynth.adapters.base import Source

KEY_CHUNK = 10_000  # keys per read along an index
_SPREAD = 4  # rows of the pages that are read, for each row that is kept
_SPARSEST = 8  # numbers for each row, at most, where rows are chosen by numbers
_BLOCK = 1 << 20  # numbers that are drawn at once
_RUN = 4  # neighbours that are chosen together in large tables


def pick(
    source: Source,
    table: Table,
    columns: Sequence[str],
    *,
    share: float,
    rows: int,
    seed: int,
    order_by: Sequence[str] = (),
) -> pa.Table:
    """
    Read a random share of a table's rows.

    Args:
        source: entered.
        table: as it was introspected.
        columns: which columns, in this order; at least one.
        share: more than 0 and less than 1.
        rows: how many the table has, about.
        seed: of the choice.
        order_by: columns by which rows are sorted, piece by piece, where the table has a key.

    Returns:
        (n,) rows, n about `share * rows`.
    """
    if not table.primary_key:
        found = source.sample(table, columns, share=share, seed=seed % 2**31)
        wanted = round(share * rows)
        if found is None:
            found = source.read(table, columns, limit=wanted)
        return _collect(table, columns, _first(found, 2 * wanted))
    keys = _numbers(source, table, share, rows, seed)
    if keys is None:
        keys = _hashed(source, table, share, seed)
    return read_by_keys(source, table, columns, table.primary_key, keys, order_by)


def read_by_keys(
    source: Source,
    table: Table,
    columns: Sequence[str],
    by: Sequence[str],
    keys: pa.Table,
    order_by: Sequence[str] = (),
) -> pa.Table:
    """
    Read the rows with these keys: piece by piece along an index; in one scan where there is none.

    Args:
        source: entered.
        table: as it was introspected.
        columns: which columns, in this order.
        by: the columns that hold the keys.
        keys: (n,) no NULLs; a column for each of `by`, in order, whatever their names.
        order_by: columns by which the rows of each piece are sorted.
    """
    from dbsynth.adapters.base import KeyFilter

    named, parts = keys.rename_columns(list(by)), [arrow_schema(table).empty_table()]
    parts[0] = parts[0].select(list(columns))
    size = KEY_CHUNK if is_indexed(table, by) else max(1, len(keys))
    for start in range(0, len(keys), size):
        wanted = KeyFilter(tuple(by), named.slice(start, size))
        batches = source.read(table, columns, order_by=order_by, keys=wanted)
        parts.append(_collect(table, columns, batches))
    return pa.concat_tables(parts)


def is_indexed(table: Table, columns: Sequence[str]) -> bool:
    """Whether an index, or a key, begins with one of these columns."""
    leading = [u.columns[:1] for u in table.uniques if u.predicate is None]
    leading += [i.columns[:1] for i in table.indexes if i.predicate is None]
    return any(set(first) & set(columns) for first in (table.primary_key[:1], *leading))


def key_hashes(keys: pa.Table, seed: int, purpose: str) -> NDArray[np.uint64]:
    """
    A keyed hash of each row's key: the same for the same key and seed, whatever else is there.

    Args:
        keys: (n,) rows of key columns.
        seed: the run's.
        purpose: so that different choices are independent of each other.

    Returns:
        (n,) uniform 64-bit numbers.
    """
    from pandas.util import hash_array

    secret = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).hexdigest()
    texts = [pc.fill_null(c.cast(pa.string()), "\0") for c in keys.columns]
    joined = pc.binary_join_element_wise(*texts, "\x1f").to_numpy()
    # SipHash: without the secret nobody can tell which keys were chosen.
    return np.asarray(hash_array(joined, hash_key=secret, categorize=False), np.uint64)


def _numbers(source: Source, table: Table, share: float, rows: int, seed: int) -> pa.Table | None:
    """Draw keys from the range of a key of one whole number; None if that is not what it is."""
    (name, *others) = table.primary_key
    if others or table.column(name).type.kind != "integer":
        return None
    asked = Committed(source)
    place, quoted = own_rows(asked, table.name), queries.identifier(source.dialect, name)
    # Each bound by itself: then every database looks it up in the index.
    bounds = (f"(SELECT {f}({quoted}) FROM {place}) AS {f}_key" for f in ("min", "max"))
    row = one_row(asked, f"SELECT {', '.join(bounds)}")
    low, high = row["min_key"], row["max_key"]
    if not isinstance(low, int) or high - low >= _SPARSEST * max(1, rows):
        return None
    size, run = high - low + 1, _RUN if rows > LARGE else 1
    runs = np.concatenate([*_bernoulli(-(-size // run), share, seed), np.zeros(0, np.int64)])
    drawn = (runs[:, None] * run + np.arange(run)).ravel()
    kind = arrow_type(table.column(name).type)
    return pa.table({name: pa.array(drawn[drawn < size] + low, pa.int64()).cast(kind)})


def _bernoulli(size: int, share: float, seed: int) -> Iterator[NDArray[np.int64]]:
    """Draw each number below `size` with probability `share`, ascending."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    for start in range(0, size, _BLOCK):
        width = min(_BLOCK, size - start)
        yield start + np.flatnonzero(rng.random(width) < share)


def _hashed(source: Source, table: Table, share: float, seed: int) -> pa.Table:
    """Read the keys of random pages, or all, and keep each by its hash."""
    pages = min(1.0, _SPREAD * share)
    batches = source.sample(table, table.primary_key, share=pages, seed=seed % 2**31)
    if batches is None:
        pages, batches = 1.0, source.read(
            table, table.primary_key, order_by=table.primary_key
        )  # fmt: skip
    border = np.uint64(min(share / pages * 2**64, 2**64 - 1))
    kept = [_collect(table, table.primary_key, [])]
    for batch in batches:
        keys = pa.Table.from_batches([batch])
        kept.append(keys.filter(pa.array(key_hashes(keys, seed, "sample") < border)))
    return pa.concat_tables(kept)


def _first(batches: Iterable[pa.RecordBatch], most: int) -> Iterator[pa.RecordBatch]:
    """No more than so many rows, should a table be larger than was thought."""
    for batch in batches:
        yield batch.slice(0, most)
        most -= len(batch)
        if most <= 0:
            return


def _collect(table: Table, columns: Sequence[str], batches: Iterable[pa.RecordBatch]) -> pa.Table:
    schema = pa.schema([arrow_schema(table).field(c) for c in columns])
    return pa.Table.from_batches(list(batches), schema)
