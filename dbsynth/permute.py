"""Stateless randomness: keyed hashes and keyed permutations of row numbers, vectorised."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_ROUNDS = 6
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def key_of(*parts: object) -> int:
    """Derive a 63-bit key from the text of its parts; the same on every machine."""
    text = "\x1f".join(str(p) for p in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def mix(numbers: Words, key: int) -> Words:
    """
    Hash each number with a key; for one key this is a bijection of the 64-bit numbers.

    Source: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    """
    state = (numbers ^ np.uint64(key)) + _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return np.asarray(state ^ (state >> np.uint64(31)))


def permute(numbers: Words, size: int, key: int) -> Words:
    """
    Send each number below `size` to another one, one to one.

    A Feistel network over the next even number of bits; what falls outside is sent on until it
    falls inside (cycle walking), fewer than four times on average.

    Args:
        numbers: (n,) all below `size`.
        size: 1 .. 2**62.
        key: which permutation.

    """
    half = max(1, -(-(size - 1).bit_length() // 2))
    moved = _feistel(numbers, half, key)
    outside = np.flatnonzero(moved >= np.uint64(size))
    while len(outside):
        moved[outside] = _feistel(moved[outside], half, key)
        outside = outside[moved[outside] >= np.uint64(size)]
    return moved


def _feistel(numbers: Words, half: int, key: int) -> Words:
    bits, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = numbers >> bits, numbers & mask
    for step in range(_ROUNDS):
        left, right = right, left ^ (mix(right, key + step) & mask)
    return np.asarray((left << bits) | right)


def serial(rows: Words, key: int) -> Words:
    """
    Give each row number a scrambled number with as many decimal digits, one to one.

    Short for small tables, and the same for a row whatever the size of its table.

    Args:
        rows: (n,) row numbers below 10**18.
        key: which permutation.

    """
    out = np.empty(len(rows), np.uint64)
    low, high = 0, 1000
    todo = np.ones(len(rows), bool)
    while todo.any():
        tier = todo & (rows < np.uint64(high))
        if tier.any():
            moved = permute(rows[tier] - np.uint64(low), high - low, key + high)
            out[tier] = moved + np.uint64(low)
            todo &= ~tier
        low, high = high, high * 10
    return out
