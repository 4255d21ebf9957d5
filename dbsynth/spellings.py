"""How dates and numbers that stand in texts are written: learned from a column, and used again."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbsynth.features import Floats
from dbsynth.values import from_floats

_MOMENT = (
    r"^\d{4}-\d{2}-\d{2}(?P<sep>[ T])(?P<clock>\d{2}:\d{2}(?::\d{2})?)(?P<part>\.\d+)?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?$"
)


def spelling_of(texts: pa.Array) -> str:
    """
    Say how most dates among texts are written.

    Returns:
        "date", or separator, characters of the time of day, digits of the fraction and zone:
        "T 8 3 Z".  It is a form, not a value.
    """
    parts = pc.extract_regex(texts.drop_null(), _MOMENT).drop_null()
    if len(parts) * 2 < len(texts):
        return "date"
    found = []
    for name in ("sep", "clock", "part", "zone"):
        column = pc.struct_field(parts, name)
        shown = column if name in ("sep", "zone") else pc.utf8_length(column).cast(pa.string())
        counts = shown.value_counts().to_pylist()
        found.append(max(counts, key=lambda c: (c["counts"], str(c["values"])))["values"])
    return "\x1f".join(found)


def spell(values: Floats, spelling: str, decimals: int) -> pa.Array:
    """Write (n,) seconds as such dates, or numbers where there is no spelling; NaN is null."""
    if not spelling:
        text = from_floats(np.round(values, decimals), pa.float64()).cast(pa.string())
        return pc.replace_substring_regex(text, r"\.0$", "") if decimals == 0 else text
    if spelling == "date":
        return from_floats(values, pa.date32()).cast(pa.string())
    separator, clock, fraction, zone = spelling.split("\x1f")
    text = from_floats(values, pa.timestamp("us")).cast(pa.string())  # 2024-01-01 12:00:00.000000
    digits = int(fraction)
    time = pc.utf8_slice_codeunits(text, 11, 11 + int(clock))
    part = pc.utf8_slice_codeunits(text, 19, 19 + digits)
    day = pc.utf8_slice_codeunits(text, 0, 10)
    return pc.binary_join_element_wise(
        day, pa.scalar(separator), time, part, pa.scalar(zone), pa.scalar("")
    )
