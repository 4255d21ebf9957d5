"""A whole database as pandas data frames: the edge where rows leave Arrow, for small results."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa

from dbsynth.adapters import open_source
from dbsynth.arrow import arrow_schema
from dbsynth.urls import Location, resolve

if TYPE_CHECKING:
    import pandas as pd


def read_frames(place: str | Location) -> dict[str, pd.DataFrame]:
    """
    Read every table into memory.

    Args:
        place: a URL, a file or anything else that the command line takes.

    Returns:
        a frame for each table, by its name; by schema.name where a name occurs twice.
    """
    location = place if isinstance(place, Location) else resolve(place)
    with open_source(location) as source:
        whole = source.introspect()
        whole.require_readable()
        tables = whole.tables
        often = Counter(t.name.name for t in tables)
        frames = {}
        for table in tables:
            columns = [c.name for c in table.columns]
            batches = list(source.read(table, columns, order_by=table.primary_key))
            schema = batches[0].schema if batches else arrow_schema(table)
            name = table.name.name if often[table.name.name] == 1 else str(table.name)
            frames[name] = pa.Table.from_batches(batches, schema).to_pandas()
        return frames
