"""Which classes of characters strings are made of, as matrices of code points, one per length."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.permute import Words
from dbsynth.release import Release

DIGITS, UPPER, LOWER = string.digits, string.ascii_uppercase, string.ascii_lowercase
ALNUM = DIGITS + UPPER + LOWER
_CLASSES = {
    "9": DIGITS,
    "A": UPPER,
    "a": LOWER,
    "X": DIGITS + UPPER,
    "x": DIGITS + LOWER,
    "H": DIGITS + "ABCDEF",
    "h": DIGITS + "abcdef",
    "Z": ALNUM,
    "?": ALNUM,
}
_NEARLY_ALL = 0.99
_ROWS_PER_PATTERN = 5_000

Matrix = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Shapes:
    """Strings by length; `groups` has (row numbers, code points) for each length."""

    rows: int
    groups: dict[int, tuple[NDArray[np.int64], Matrix]]

    # How coarse the classes of `signatures` are: letters and digits apart; together; together
    # whatever the case; nothing but the length.
    LEVELS = 4

    @classmethod
    def of(cls, strings: pa.Array, max_length: int) -> Shapes:
        """Take strings without nulls apart; empty ones and those above `max_length` are ignored."""
        lengths = np.asarray(pc.utf8_length(strings), np.int64)
        groups = {}
        for length in np.unique(lengths).tolist():
            if 0 < length <= max_length:
                rows = np.flatnonzero(lengths == length)
                groups[length] = (rows, _code_points(strings.take(pa.array(rows)), length))
        return cls(len(strings), groups)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths that occur."""
        return tuple(self.groups)

    def signatures(self, level: int) -> pa.Array:
        """Write each string as the classes of its characters; null for those left out; (rows,)."""
        out = np.full(self.rows, None, object)
        is_hex = level == 1 and all(_is_hex(m) for _, m in self.groups.values())
        for length, (rows, matrix) in self.groups.items():
            classes = _classes(matrix, level, is_hex)
            found, inverse = np.unique(classes.view(f"<U{length}")[:, 0], return_inverse=True)
            out[rows] = found.astype(object)[inverse]
        return pa.array(out, pa.string())

    def all_match(self, template: str) -> bool:
        """Whether every string has this hex template (h: hexadecimal digit, else literal)."""
        if set(self.groups) != {len(template)} or len(self.groups[len(template)][0]) != self.rows:
            return False
        _, matrix = self.groups[len(template)]
        hexes = _points(string.hexdigits)
        return all(
            bool(np.isin(matrix[:, i], hexes if c == "h" else _points(c)).all())
            for i, c in enumerate(template)
        )

    def ranks(self, alphabets: Sequence[str], tail: int, ignore_case: bool) -> Words:
        """Number the distinct strings that the alphabets can write, by positions from `tail` on."""
        if len(alphabets) not in self.groups:
            return np.zeros(0, np.uint64)
        matrix = self.groups[len(alphabets)][1]
        if ignore_case:
            matrix = np.where((matrix >= 65) & (matrix <= 90), matrix + 32, matrix)
        fits = np.ones(len(matrix), bool)
        rank = np.zeros(len(matrix), np.uint64)
        for i, alphabet in enumerate(alphabets):
            points = _points(alphabet)
            order = np.argsort(points)
            place = np.minimum(np.searchsorted(points[order], matrix[:, i]), len(points) - 1)
            fits &= points[order][place] == matrix[:, i]
            if i >= tail:
                rank = rank * np.uint64(len(points)) + order[place].astype(np.uint64)
        return np.unique(rank[fits])

    def distinct_signatures(self) -> set[str]:
        """The signatures of the finest level that occur."""
        return set(self.signatures(0).unique().to_pylist()) - {None}


def alphabets_of(
    statistic: str,
    label: str,
    level: int,
    shapes: Shapes,
    entities: NDArray[np.int64],
    release: Release,
) -> tuple[str, ...]:
    """
    Find which characters each position of a released signature may hold.

    The characters that enough entities have there, if these are (nearly) all there are; otherwise
    the whole class.

    Args:
        statistic: the pattern's name; decides the thresholds.
        label: the signature.
        level: that it was released at.
        shapes: of the source's strings.
        entities: (rows,) which entity each string belongs to.
        release: the protection in force.

    """
    rows, matrix = shapes.groups[len(label)]
    signatures = shapes.signatures(level).take(pa.array(rows))
    mine = np.flatnonzero(np.asarray(pc.equal(signatures, label)))[:_ROWS_PER_PATTERN]
    owners = entities[rows[mine]]
    alphabets = []
    for i, symbol in enumerate(label):
        points, codes, counts = np.unique(matrix[mine, i], return_inverse=True, return_counts=True)
        support = release.support(codes.astype(np.int64), owners, len(points))
        kept = support >= release.threshold(f"{statistic}.{i}")
        if counts[kept].sum() >= _NEARLY_ALL * len(mine):
            alphabets.append("".join(chr(p) for p in points[kept].tolist()))
        else:
            alphabets.append(_CLASSES.get(symbol, symbol))
    return tuple(alphabets)


def wide_alphabet(alphabet: str) -> str:
    """Extend an alphabet to the whole of the classes that it takes characters from."""
    wide = "".join(c for c in (DIGITS, UPPER, LOWER) if set(c) & set(alphabet))
    return wide + "".join(c for c in alphabet if c not in wide)


def signature_of(alphabets: Sequence[str]) -> str:
    """The finest signature of the strings that single-class alphabets write."""
    signs = []
    for alphabet in alphabets:
        first = alphabet[0]
        kinds = {"9": DIGITS, "A": UPPER, "a": LOWER}
        signs.append(next((s for s, c in kinds.items() if first in c), first))
    return "".join(signs)


def _points(characters: str) -> Matrix:
    return np.array([ord(c) for c in characters], np.uint32)


def _code_points(strings: pa.Array, length: int) -> Matrix:
    """The code points of strings of one length; (n, length)."""
    data = np.array(strings.to_pylist(), dtype=f"<U{length}")
    return data.view(np.uint32).reshape(len(strings), length)


def _is_hex(matrix: Matrix) -> bool:
    beyond = _points(UPPER[6:] + LOWER[6:])
    return not bool(np.isin(matrix, beyond).any())


def _classes(matrix: Matrix, level: int, is_hex: bool) -> Matrix:
    """Replace each character by its class's sign; (n, length) -> (n, length)."""
    if level == 3:
        return np.full(matrix.shape, ord("?"), np.uint32)
    points, inverse = np.unique(matrix, return_inverse=True)
    characters = [chr(p) for p in points.tolist()]
    is_digit = np.array([c.isdigit() for c in characters])[inverse].reshape(matrix.shape)
    is_upper = np.array([c.isalpha() and c.isupper() for c in characters])[inverse]
    is_upper = is_upper.reshape(matrix.shape)
    is_letter = np.array([c.isalpha() for c in characters])[inverse].reshape(matrix.shape)
    is_lower = is_letter & ~is_upper
    if level == 0:
        signs = np.where(is_digit, ord("9"), np.where(is_upper, ord("A"), ord("a")))
    elif level == 1:
        has_upper = is_upper.any(axis=1, keepdims=True)
        has_lower = is_lower.any(axis=1, keepdims=True)
        upper, lower = (ord("H"), ord("h")) if is_hex else (ord("X"), ord("x"))
        one_case = np.where(has_upper, upper, lower)
        signs = np.where(has_upper & has_lower, ord("Z"), one_case)
    else:
        signs = np.full(matrix.shape, ord("Z"))
    return np.where(is_digit | is_letter, signs, matrix).astype(np.uint32)
