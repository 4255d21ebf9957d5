"""What the values of a column look like: shares of a sample that have a known shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from dbsynth import checksums, lexicon
from dbsynth.shapes import Shapes

SAMPLE_ROWS = 20_000
_FEWEST_NAMES = 3  # given names in a column of full names
_OFTEN = 7  # rows that have a value: so many may be of as many entities, and it be released

_HEX = "[0-9a-fA-F]"
_OCTET = r"(25[0-5]|2[0-4]\d|1?\d?\d)"
_SHAPES = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s.]{2,}$",
    "uuid": rf"^\{{?{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\}}?$",
    "url": r"^[a-zA-Z][a-zA-Z0-9+.-]*://\S+$|^www\.\S+\.\S+$",
    "ip": rf"^{_OCTET}(\.{_OCTET}){{3}}(/\d{{1,2}})?$",
    "ipv6": rf"^({_HEX}{{0,4}}:){{2,7}}{_HEX}{{0,4}}(/\d{{1,3}})?$",
    "mac_address": rf"^{_HEX}{{2}}([:-]{_HEX}{{2}}){{5}}$",
    "password_hash": r"^\$(2[abxy]?|argon2(i|d|id)|1|5|6|s0|pbkdf2[^$]*|apr1|P|H)\$\S+$"
    r"|^(pbkdf2_sha\d+|bcrypt_sha\d+|argon2|scrypt)\S*\$\S+$",
    "jwt": r"^[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*$",
    "hex": rf"^({_HEX}{{32}}|{_HEX}{{40}}|{_HEX}{{56}}|{_HEX}{{64}}|{_HEX}{{128}})$",
    "phone": r"^(\+|00)?[\d(][\d\s().\-/]{5,20}\d(\s?(x|ext\.?)\s?\d{1,6})?$",
    "international_phone": r"^\+\d{1,3}[\d\s().\-/]{6,18}\d$",
    "number": r"^[+-]?(\d+([.,]\d+)?|[.,]\d+)$",
    "decimal": r"^[+-]?\d*[.,]\d+$",
    "date": r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$",
    "full_name": r"^[\p{Lu}][\p{L}'’.-]*([ ,]+(van|von|de|der|da|di|del|la|le|den|ten|al|bin|"
    r"[\p{Lu}][\p{L}'’.-]*)){1,4}$",
    "company": r"(?i)[\s,](inc|llc|llp|ltd|limited|plc|corp|corporation|company|co|gmbh|ag|kg|kgaa|"
    r"ohg|ug|e\.?v|sa|s\.?a\.?s|sarl|s\.?a\.?r\.?l|bv|b\.v|nv|n\.v|srl|s\.?r\.?l|spa|s\.p\.a|oy|ab|"
    r"aps|group|holding|holdings|& sons|and sons|et fils|ltda|sl|s\.l|pty)\.?$",
    "spaced": r"\S\s+\S",
    "document": r"(?s)^\s*(\{.*\}|\[.*\])\s*$",
    "object": r"(?s)^\s*\{.*\}\s*$",
}


@dataclass(frozen=True)
class Profile:
    """A sample of one column's values, its nulls left out."""

    values: pa.Array

    @classmethod
    def of(cls, values: pa.Array | pa.ChunkedArray) -> Profile:
        """Profile at most 20,000 of the values, evenly spaced."""
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        present = values.drop_null()
        step = -(-len(present) // SAMPLE_ROWS)
        if step > 1:
            present = present.take(pa.array(range(0, len(present), step)))
        return cls(present)

    @property
    def rows(self) -> int:
        """How many values there are."""
        return len(self.values)

    @cached_property
    def distinct(self) -> int:
        """How many different values there are."""
        return int(pc.count_distinct(self.values).as_py())

    @property
    def distinct_share(self) -> float:
        """How many of 100 values differ, over 100; 0 without values."""
        return self.distinct / self.rows if self.rows else 0.0

    @cached_property
    def text(self) -> pa.Array:
        """The values as trimmed strings; integers as their digits."""
        return pc.utf8_trim_whitespace(self.values.cast(pa.string()))

    def share(self, shape: str) -> float:
        """The share of values that have a shape, 0..1; also "iban" and "luhn" (check digits)."""
        if self.rows == 0:
            return 0.0
        if shape == "iban":
            return checksums.iban_share(self.text)
        if shape == "luhn":
            return checksums.luhn_share(self.text)
        matches = pc.match_substring_regex(self.text, _SHAPES[shape])
        return float(pc.mean(matches.cast(pa.float64())).as_py())

    @cached_property
    def given_name_share(self) -> float:
        """
        The share of different values that look like full names and begin with a given name.

        0 where these are not at least three given names: months, and other words, are names, too.
        """
        if self.rows == 0 or self.share("full_name") == 0:
            return 0.0
        values = pc.unique(self.text)
        first = pc.utf8_lower(pc.replace_substring_regex(values, r"\s.*$", ""))
        there = pc.and_(
            pc.match_substring_regex(values, _SHAPES["full_name"]),
            pc.is_in(first, value_set=pa.array(sorted(lexicon.GIVEN_NAMES))),
        )
        if len(pc.unique(first.filter(there))) < _FEWEST_NAMES:
            return 0.0
        return float(pc.mean(there.cast(pa.float64())).as_py())

    @cached_property
    def mean_length(self) -> float:
        """Characters of a value on average."""
        return float(pc.mean(pc.utf8_length(self.text)).as_py()) if self.rows else 0.0

    @cached_property
    def mean_digits(self) -> float:
        """Digits of a value on average."""
        if self.rows == 0:
            return 0.0
        return float(pc.mean(pc.count_substring_regex(self.text, r"\d")).as_py())

    def length_share(self, most: int = 2) -> float:
        """The share of values that have one of the most frequent lengths, up to 64."""
        if self.rows == 0:
            return 0.0
        lengths = pc.utf8_length(self.text)
        counts = lengths.filter(pc.less_equal(lengths, 64)).value_counts().field("counts")
        return float(sum(sorted(counts.to_pylist(), reverse=True)[:most])) / self.rows

    def is_repetitive(self, labels: int = 2_000) -> bool:
        """Whether few values come again and again: at most half distinct, at most `labels`."""
        return self.rows > 0 and self.distinct_share <= 0.5 and self.distinct <= labels

    @cached_property
    def frequent_share(self) -> float:
        """The share of values that come at least seven times."""
        if self.rows == 0:
            return 0.0
        counts = self.values.drop_null().value_counts().field("counts").to_pylist()
        return float(sum(count for count in counts if count >= _OFTEN)) / self.rows

    @cached_property
    def pattern_share(self) -> float:
        """The share of values that have one of the eight most frequent character patterns."""
        if self.rows == 0:
            return 0.0
        signatures = Shapes.of(self.text, 64).signatures(0)
        counts = signatures.drop_null().value_counts().field("counts").to_pylist()
        return float(sum(sorted(counts, reverse=True)[:8])) / self.rows
