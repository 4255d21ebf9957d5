"""Check digits of card numbers (Luhn) and bank accounts (IBAN), tested and computed in columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_BARE = r"[^0-9A-Za-z]"
_SHORTEST_IBAN, _LONGEST_IBAN = 15, 34
_SHORTEST_CARD, _LONGEST_CARD = 12, 19


def luhn_share(values: pa.Array) -> float:
    """The share of strings that are 12 to 19 digits with a right Luhn check digit; (n,) -> 0..1."""
    bare = pc.replace_substring_regex(values, _BARE, "")
    is_card = pc.match_substring_regex(bare, rf"^\d{{{_SHORTEST_CARD},{_LONGEST_CARD}}}$")
    cards = bare.filter(is_card)
    if len(cards) == 0:
        return 0.0
    digits = _digits(pc.utf8_lpad(cards, _LONGEST_CARD, "0"), _LONGEST_CARD)
    return float((_luhn_sums(digits) % 10 == 0).sum()) / len(values)


def luhn_digits(bodies: pa.Array) -> pa.Array:
    """The check digit that each string of digits, all of one length, needs at its end."""
    if len(bodies) == 0:
        return pa.array([], pa.string())
    length = len(bodies[0].as_py())
    digits = np.concatenate([_digits(bodies, length), np.zeros((len(bodies), 1), np.int64)], axis=1)
    return pa.array(-_luhn_sums(digits) % 10).cast(pa.string())


def iban_share(values: pa.Array) -> float:
    """The share of strings that are IBANs with right check digits; (n,) -> 0..1."""
    bare = pc.utf8_upper(pc.replace_substring_regex(values, _BARE, ""))
    shape = rf"^[A-Z]{{2}}\d{{2}}[0-9A-Z]{{{_SHORTEST_IBAN - 4},{_LONGEST_IBAN - 4}}}$"
    ibans = bare.filter(pc.match_substring_regex(bare, shape))
    if len(ibans) == 0:
        return 0.0
    return float((_remainders(ibans) == 1).sum()) / len(values)


def iban_digits(countries: pa.Array, accounts: pa.Array) -> pa.Array:
    """The two check digits of accounts (BBAN) of countries (two letters); (n,), (n,) -> (n,)."""
    bare = pc.binary_join_element_wise(countries, "00", accounts, "")
    checks = pa.array(98 - _remainders(bare)).cast(pa.string())
    return pc.utf8_lpad(checks, 2, "0")


def _digits(strings: pa.Array, length: int) -> NDArray[np.int64]:
    """The digits of strings of one length; (n, length)."""
    text = "".join(strings.to_pylist()).encode("ascii")
    return (np.frombuffer(text, np.uint8).astype(np.int64) - 48).reshape(len(strings), length)


def _luhn_sums(digits: NDArray[np.int64]) -> NDArray[np.int64]:
    doubled = digits.copy()
    doubled[:, -2::-2] *= 2
    return np.asarray((doubled // 10 + doubled % 10).sum(axis=1))


def _remainders(ibans: pa.Array) -> NDArray[np.int64]:
    """The remainders modulo 97 of IBANs, the first four characters moved to the end."""
    turned = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(ibans, 4), pc.utf8_slice_codeunits(ibans, 0, 4), ""
    )
    # A space on the right stands for nothing: it leaves the remainder as it is.
    text = "".join(pc.utf8_rpad(turned, _LONGEST_IBAN, " ").to_pylist()).encode("ascii")
    points = np.frombuffer(text, np.uint8).astype(np.int64).reshape(len(ibans), _LONGEST_IBAN)
    remainder = np.zeros(len(ibans), np.int64)
    for i in range(_LONGEST_IBAN):
        point = points[:, i]
        is_letter, is_digit = point >= 65, (point >= 48) & (point < 58)
        by_letter, by_digit = remainder * 100 + point - 55, remainder * 10 + point - 48
        remainder = np.where(is_letter, by_letter, np.where(is_digit, by_digit, remainder)) % 97
    return remainder
