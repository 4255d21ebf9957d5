"""Codes, domains and layouts for personal data that the source does not use, found at fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth.formats import FormatModel, fit_format, fit_template
from dbsynth.people.personal import PersonalColumn
from dbsynth.people.personas import HOUSES, is_number_first
from dbsynth.permute import Words, key_of
from dbsynth.release import Release
from dbsynth.shapes import DIGITS, LOWER, UPPER
from dbsynth.unused import Space, free_space

_HALF = 0.5
_DOMAINS = (
    "example.com", "example.org", "example.net", "mail.example.com", "mail.example.org",
    "post.example.net", "inbox.example.org", "dbsynth.example", "a.test", "b.test", "c.test",
)  # fmt: skip
_HEX = DIGITS + "abcdef"
_CARD_PREFIXES = ("400000", "411111", "555555", "999999")
_TEMPLATES: dict[str, tuple[str, ...]] = {
    "phone": ("23456789", DIGITS, DIGITS, *"-555-01", DIGITS, DIGITS),
    "postal_code": (DIGITS,) * 5,
    "national_id": ("9", DIGITS, DIGITS, "-", DIGITS, DIGITS, "-", *(DIGITS,) * 4),
    "passport": (UPPER, *(DIGITS,) * 8),
    "driver_license": (UPPER, *(DIGITS,) * 8),
    "license_plate": (UPPER, UPPER, UPPER, "-", *(DIGITS,) * 4),
    "bank_account": (DIGITS,) * 10,
    "password_hash": (*"$2b$12$", *(DIGITS + LOWER + UPPER,) * 53),
    "token": (DIGITS + LOWER,) * 32,
    "mac_address": (*"02", *(":", _HEX, _HEX) * 5),
    "ipv6": (*"2001:db8", *(":", _HEX, _HEX, _HEX, _HEX) * 6),
}


def name_spaces(
    columns: Sequence[PersonalColumn],
    values: Mapping[str, pa.Array],
    pools: Mapping[str, tuple[tuple[str, ...], ...]],
    seed: int,
) -> tuple[Space, ...]:
    """Find pairs of first and last names that no row of the source has, per locale and gender."""
    pairs = _source_names(columns, values)
    spaces = []
    for i, last in enumerate(pools["last"]):
        for pool in ("female", "male"):
            first = pools[pool][i]
            ranks = [_ranks(a, b, first, last) for a, b in pairs]
            found = np.unique(np.concatenate([np.zeros(0, np.uint64), *ranks]))
            rows = max([len(a) for a, _ in pairs], default=0)
            size = len(first) * len(last)
            spaces.append(free_space(found, size, rows, key_of("names", seed, i, pool)))
    return tuple(spaces)


def _source_names(
    columns: Sequence[PersonalColumn], values: Mapping[str, pa.Array]
) -> list[tuple[pa.Array, pa.Array]]:
    """The first and last names of the source's rows, from full names and from two columns."""
    pairs = []
    by_meaning = {c.semantic: values[c.name] for c in reversed(columns) if c.name in values}
    if "first_name" in by_meaning and "last_name" in by_meaning:
        pairs.append((filled(by_meaning["first_name"]), filled(by_meaning["last_name"])))
    for column in columns:
        if column.semantic == "full_name" and column.name in values:
            texts = pc.utf8_trim_whitespace(filled(values[column.name]))
            for shape in (r"^(?P<a>\S+) (?P<b>.+)$", r"^(?P<b>[^,]+), (?P<a>.+)$"):
                parts = pc.extract_regex(texts, shape)
                pairs.append((pc.struct_field(parts, "a"), pc.struct_field(parts, "b")))
    return pairs


def _ranks(a: pa.Array, b: pa.Array, left: Sequence[str], right: Sequence[str]) -> Words:
    """Number the pairs that two pools hold, case ignored; others are left out."""
    i = pc.index_in(pc.utf8_lower(a), pa.array([v.lower() for v in left], pa.string()))
    j = pc.index_in(pc.utf8_lower(b), pa.array([v.lower() for v in right], pa.string()))
    rank = pc.add(pc.multiply(i.cast(pa.int64()), len(right)), j.cast(pa.int64()))
    return np.asarray(rank.drop_null()).astype(np.uint64)


def street_spaces(
    columns: Sequence[PersonalColumn],
    values: Mapping[str, pa.Array],
    pools: Mapping[str, tuple[tuple[str, ...], ...]],
    locales: Sequence[str],
    seed: int,
) -> tuple[Space, ...]:
    """Find pairs of street and house number that the source lacks, per locale."""
    houses = [str(n) for n in range(1, HOUSES + 1)]
    spaces = []
    for i, streets in enumerate(pools.get("street", ())):
        shape = (
            r"^(?P<b>\d+) (?P<a>[^,]+)"
            if is_number_first(locales[i])
            else (r"^(?P<a>[^,]+) (?P<b>\d+)")
        )
        found, rows = [np.zeros(0, np.uint64)], 0
        for column in columns:
            if column.semantic in ("street_address", "address") and column.name in values:
                parts = pc.extract_regex(filled(values[column.name]), shape)
                street, house = pc.struct_field(parts, "a"), pc.struct_field(parts, "b")
                found.append(_ranks(street, house, streets, houses))
                rows = max(rows, len(parts))
        ranks = np.unique(np.concatenate(found))
        size = len(streets) * HOUSES
        spaces.append(free_space(ranks, size, rows, key_of("streets", seed, i)))
    return tuple(spaces)


def free_domains(column: PersonalColumn, source: pa.Array) -> tuple[str, ...]:
    """Choose up to three reserved domains that do not occur in the source's column."""
    room = (column.max_length or 255) - 10
    lower = pc.utf8_lower(source)
    free = [
        d for d in _DOMAINS if len(d) <= room and not pc.any(pc.match_substring(lower, d)).as_py()
    ]
    return tuple(free[:3]) if free else ("x.test",)


def codes_of(
    column: PersonalColumn,
    source: pa.Array,
    values: Mapping[str, pa.Array],
    entities: NDArray[np.int64],
    release: Release,
    example_iban: Callable[[], tuple[str, str]],
    taken: pa.Array | None = None,
) -> tuple[FormatModel, str]:
    """
    Learn the format of codes, and how they are finished: check digits, number groups.

    `taken` are strings that must not be made, if there are more than the values.
    """
    statistic, limit = f"personal.{column.name}", column.max_length
    if column.semantic == "card_number" and (limit is None or limit >= 16):
        return _cards(column, source, release)
    if column.semantic == "iban" and (limit is None or limit >= 22):
        return _ibans(column, source if taken is None else taken, release, example_iban())
    if column.semantic == "ip" and (limit is None or limit >= 15):
        return _addresses(column, source, release)
    if column.semantic == "ipv6" and (limit is None or limit >= len(_TEMPLATES["ipv6"])):
        # A pattern of the source's could hold letters that are no digits of an address.
        groups = _TEMPLATES["ipv6"]
        return fit_template(statistic, groups, source, release, max_length=limit), ""
    array = values.get(column.name)
    texts = pa.array([], pa.string()) if array is None else filled(array)
    owners = entities[: len(texts)]
    model = fit_format(statistic, texts, owners, release, max_length=limit, taken=taken)
    template = _TEMPLATES.get(column.semantic)
    is_blurred = column.semantic in ("phone", "postal_code") and model.is_blurred
    if template is None or (model.covered > 0 and not is_blurred):
        return model, ""
    if column.kind == "integer":
        template = tuple(a for a in template if set(a) <= set(DIGITS))
        template = ("123456789", *template[1:])
    if limit is not None and len(template) > limit:
        if column.kind != "integer":
            return model, ""
        template = template[:limit]
    return fit_template(statistic, template, source, release, max_length=limit), ""


def _cards(column: PersonalColumn, source: pa.Array, release: Release) -> tuple[FormatModel, str]:
    """Card numbers of a test range that the source does not use, but for the check digit."""
    bare = pc.replace_substring_regex(source, r"\D", "")
    free = [p for p in _CARD_PREFIXES if not pc.any(pc.starts_with(bare, p)).as_py()]
    prefix = (free or list(_CARD_PREFIXES))[0]
    bodies = pc.utf8_slice_codeunits(bare, 0, 15)
    template = (*prefix, *(DIGITS,) * 9)
    model = fit_template(f"personal.{column.name}", template, bodies, release, max_length=15)
    layout = "card"
    if column.kind == "string" and (column.max_length or 19) >= 19 and len(source):
        for mark in "- ":
            share = pc.mean(pc.match_substring(source, mark).cast(pa.float64())).as_py()
            layout = f"{mark} card" if share > _HALF else layout
    return model, layout


def _ibans(
    column: PersonalColumn, source: pa.Array, release: Release, example: tuple[str, str]
) -> tuple[FormatModel, str]:
    """Account numbers of one country, which get their check digits when made."""
    country, account = example
    if (column.max_length or 34) < len(account) + 4:
        country, account = "DE", "0" * 18
    template = tuple(DIGITS if c.isdigit() else UPPER for c in account)
    bare = pc.utf8_slice_codeunits(pc.replace_substring_regex(source, r"\W", ""), 4)
    statistic = f"personal.{column.name}"
    limit = len(template)
    return fit_template(statistic, template, bare, release, max_length=limit), f"iban {country}"


def _addresses(
    column: PersonalColumn, source: pa.Array, release: Release
) -> tuple[FormatModel, str]:
    """Network addresses of a private or reserved block that the source does not use."""
    taken = pc.any(pc.starts_with(source, "10.")).as_py()
    template = (*("f0" if taken else "0a"), *(_HEX,) * 6)
    empty = pa.array([], pa.string())
    return fit_template(f"personal.{column.name}", template, empty, release, max_length=8), "ip"


def layout_of(column: PersonalColumn, source: pa.Array, locale: str) -> str:
    """Say how a value is laid out, as `personas` understands it; "" for the usual way."""
    if column.semantic == "user_name":
        return _free_layout(source)
    if len(source) == 0:
        short = column.max_length is not None and column.max_length <= 3
    else:
        short = float(pc.mean(pc.utf8_length(source)).as_py()) <= 3
    if column.semantic == "state":
        return "short" if short and locale == "en_US" else ""
    if column.semantic == "country_code":
        is_three = len(source) > 0 and pc.mean(pc.utf8_length(source)).as_py() > 2.5
        return "country_code3" if is_three else "country_code"
    commas = pc.match_substring(source, ",").cast(pa.float64())
    has_commas = len(source) > 0 and pc.mean(commas).as_py() > _HALF
    if column.semantic == "full_name":
        return "last first" if has_commas else ""
    if column.semantic == "address":
        return "" if has_commas else "street"
    return ""


def _free_layout(source: pa.Array) -> str:
    """
    Choose how user names are made so that no source value is made the same way.

    "": initial and last name; else the mark between the names, then the one before the number.
    """
    shapes = {
        "": r"^[a-z]+\d+$",
        ".": r"^[a-z]+\.[a-z]+\d+$",
        "_": r"^[a-z]+_[a-z]+\d+$",
        "-": r"^[a-z]+-[a-z]+\d+$",
        "._": r"^[a-z]+\.[a-z]+_\d+$",
        "-.": r"^[a-z]+-[a-z]+\.\d+$",
    }
    lower = pc.utf8_lower(source)
    for layout, shape in shapes.items():
        if not pc.any(pc.match_substring_regex(lower, shape)).as_py():
            return layout
    return "-._"


def birth_curve(
    column: PersonalColumn,
    values: Mapping[str, pa.Array],
    entities: NDArray[np.int64],
    release: Release,
) -> tuple[float, ...]:
    """The released quantiles of birth dates in days; 18 to 90 years old if there are none."""
    source = values.get(column.name)
    if source is not None and pa.types.is_date(source.type):
        present = np.asarray(pc.is_valid(source))
        days = np.asarray(source.drop_null().cast(pa.date32()).cast(pa.int32()), np.float64)
        owners = entities[present]
        if len(days) and release.is_enough(owners):
            statistic, shares = f"personal.{column.name}", np.linspace(0, 1, 101)
            return tuple(release.quantiles(statistic, days, owners, shares).tolist())
    return (-14610.0, 11688.0)  # 1930-01-01 to 2002-01-01


def filled(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return an array as one array of strings, nulls kept."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.cast(pa.string())


def text_of(array: pa.Array | pa.ChunkedArray | None) -> pa.Array:
    """The strings of an array without nulls; none if there is no array."""
    return pa.array([], pa.string()) if array is None else filled(array).drop_null()


def is_distinct(source: pa.Array) -> bool:
    return len(source) > 0 and pc.count_distinct(source).as_py() > _HALF * len(source)
