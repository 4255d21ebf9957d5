"""What the tokens of a layout's heads stand for on a scale, for engines that use their order."""

from __future__ import annotations

import numpy as np

from dbsynth.codecs import NumberCodec
from dbsynth.encode import DatetimeColumn, Head, ModelledColumn, NumberColumn
from dbsynth.features import Floats
from dbsynth.rows import Layout, Slot
from dbsynth.turns import TYPICAL


def token_places(layout: Layout) -> list[Floats | None]:
    """
    Find where each token of each head stands.

    Returns:
        per head (tokens,) values in the unit of its codec, the middle of a bin for a bin, NaN for
        NULL; None for a head of labels, which have no order.
    """
    found: list[Floats | None] = []
    for slot in layout.slots:
        for head in slot.heads:
            column = layout.columns[slot.column]
            codec = _codec(column, slot, head)
            places = _middles(codec) if codec is not None else None
            if places is not None and head.phase == "later" and isinstance(column, DatetimeColumn):
                places = np.concatenate([places, [float(TYPICAL[t]) for t in column.turns]])
            if places is not None and len(places) < head.tokens:  # the time of the sibling before
                places = np.append(places, np.nanmedian(places))
            found.append(places)
    return found


def _middles(codec: NumberCodec) -> Floats:
    return codec.decode(np.arange(codec.tokens), np.full(codec.tokens, 0.5))


def _codec(column: ModelledColumn, slot: Slot, head: Head) -> NumberCodec | None:
    """The codec behind one head, if it is one of numbers."""
    if not isinstance(column, NumberColumn | DatetimeColumn):
        return None
    if head.phase == "later":
        return column.gap if isinstance(column, DatetimeColumn) else column.step
    if isinstance(column, NumberColumn):
        return column.codec
    if slot.part == "time":
        return column.time
    return column.delta or column.day
