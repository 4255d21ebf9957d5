"""Make personal data: one consistent persona for each row number, from pools in a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth import lexicon
from dbsynth.checksums import iban_digits, luhn_digits
from dbsynth.errors import FitError
from dbsynth.formats import draw_strings, unique_strings
from dbsynth.people.personal import PersonalColumn, PersonalModel, in_locale
from dbsynth.people.prose import in_case
from dbsynth.permute import Words, key_of, mix, permute, serial

__all__ = [
    "CODED", "HOUSES", "PersonalColumn", "PersonalModel", "is_number_first", "make_personal",
    "personas_of", "slug",
]  # fmt: skip

HOUSES = 999  # house numbers run from 1 to this
CODED = frozenset({
    "phone", "postal_code", "national_id", "passport", "driver_license", "license_plate",
    "bank_account", "card_number", "iban", "password_hash", "token", "mac_address", "ip", "ipv6",
})  # fmt: skip
"""Semantic types whose values are codes: they have a format of their own."""

_FEMALE = frozenset(
    lexicon.word_list(
        "f female w weiblich frau woman girl femme mujer femenino feminino feminin mme mrs ms"
    )
)
_MALE = frozenset(
    lexicon.word_list("m male h mannlich männlich mann man boy homme hombre masculino masculin mr")
)
_CONTACT = frozenset({"email", "user_name", "phone", "url"})
_NAMES = frozenset({"first_name", "last_name", "full_name"})
_LOCAL_PARTS = 1000


def make_personal(
    model: PersonalModel,
    *,
    seed: int,
    first_row: int,
    rows: int,
    known: Mapping[str, pa.Array] | None = None,
) -> dict[str, pa.Array]:
    """
    Make all personal columns of some rows; a row's values depend on its number and seed only.

    Args:
        model: from `pii.fit_personal`.
        seed: the run's.
        first_row: the first row's number in its table.
        rows: how many.
        known: (rows,) columns made before; those whose names say country, gender, city or state
            are agreed with.

    Returns:
        each column without nulls; (rows,).

    Raises:
        FitError: a unique column is too short for as many different values.

    """
    maker = _Maker(
        model, seed, np.arange(first_row, first_row + rows, dtype=np.uint64), known or {}
    )
    people = personas_of(model.columns)
    return {c.name: maker.column(c, people[c.name]) for c in model.columns}


def personas_of(columns: Sequence[PersonalColumn]) -> dict[str, int]:
    """Say which persona each column describes: a second column of a kind is a second person."""
    seen: dict[str, int] = {}
    for column in columns:
        seen[column.semantic] = seen.get(column.semantic, 0) + 1
    last = max([seen[s] for s in _NAMES & seen.keys()], default=1) - 1
    turn: dict[str, int] = {}
    personas = {}
    for column in columns:
        persona = turn.get(column.semantic, 0)
        turn[column.semantic] = persona + 1
        personas[column.name] = min(persona, last) if column.semantic in _CONTACT else persona
    return personas


@lru_cache(maxsize=100_000)
def slug(text: str) -> str:
    """Reduce a name to the lower-case letters a to z."""
    return "".join(c for w in lexicon.words_of(text.lower()) for c in w if "a" <= c <= "z")


@lru_cache(maxsize=64)
def _laid_out(pools: tuple[tuple[str, ...], ...], style: str) -> tuple[pa.Array, NDArray[np.int64]]:
    """All pools one after another, plain or as slugs, and where each of them begins."""
    entries = [v for pool in pools for v in pool]
    if style == "slug":
        entries = [slug(v) or "x" for v in entries]
    starts = np.cumsum([0, *(len(p) for p in pools)])[:-1]
    return pa.array(entries, pa.string()), starts


class _Maker:
    """The rows being made; parts that several columns share are made once."""

    def __init__(
        self, model: PersonalModel, seed: int, rows: Words, known: Mapping[str, pa.Array]
    ) -> None:
        self.model = model
        self.seed = seed
        self.rows = rows
        self.drivers = {lexicon.semantic_of(name): values for name, values in known.items()}
        self._names: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def column(self, column: PersonalColumn, persona: int) -> pa.Array:
        """Make one column."""
        if column.semantic == "birth_date":
            days = self._birth_days(column)
            return days if column.kind == "date" else pc.strftime(days, "%Y-%m-%d")
        made = self._coded(column) if column.name in self.model.formats else None
        if made is None:
            made = getattr(self, f"_{column.semantic}", self._pooled)(column, persona)
        if column.kind == "integer":
            return pc.replace_substring_regex(made, r"\D", "").cast(pa.int64())
        made = in_case(made, self.model.cases.get(column.name, ""))
        if column.max_length is not None:
            made = pc.utf8_slice_codeunits(made, 0, column.max_length)
        return made

    # --- what a row's persona is -------------------------------------------------------------

    def _key(self, *parts: object) -> int:
        return key_of(self.model.key, self.seed, *parts)

    def _hash(self, *parts: object) -> Words:
        return mix(self.rows, self._key(*parts))

    @cached_property
    def locale(self) -> NDArray[np.int64]:
        """The number of each row's locale."""
        out = np.zeros(len(self.rows), np.int64)
        source = self.drivers.get("country", self.drivers.get("country_code"))
        if source is None or not self.model.countries:
            return out
        names = list(self.model.countries)
        lower = pc.utf8_lower(pc.utf8_trim_whitespace(source.cast(pa.string())))
        found = pc.fill_null(pc.index_in(lower, pa.array(names, pa.string())), -1)
        table = np.array([*self.model.countries.values(), 0], np.int64)
        return np.asarray(table[np.asarray(found, np.int64)])

    @cached_property
    def is_male(self) -> NDArray[np.int64]:
        """1 for men, 0 for women; drawn where the row does not say."""
        drawn = (self._hash("gender") >> np.uint64(63)).astype(np.int64)
        source = self.drivers.get("gender")
        if source is None:
            return drawn
        lower = pc.utf8_lower(pc.utf8_trim_whitespace(source.cast(pa.string())))
        is_female = np.asarray(pc.fill_null(pc.is_in(lower, pa.array(sorted(_FEMALE))), False))
        is_male = np.asarray(pc.fill_null(pc.is_in(lower, pa.array(sorted(_MALE))), False))
        return np.where(is_male, 1, np.where(is_female, 0, drawn))

    def _take(self, pool: str, place: NDArray[np.int64]) -> pa.Array:
        """Look up entry numbers in a pool, each in its row's locale."""
        return self._styled(pool, place, "")

    def _pick(self, pool: str, *salt: object) -> pa.Array:
        sizes = np.array([len(p) for p in self.model.pools[pool]], np.uint64)[self.locale]
        return self._take(pool, (self._hash(*salt) % sizes).astype(np.int64))

    def _name_numbers(self, persona: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of each row's first name (within its gender's pool) and last name."""
        if persona not in self._names:
            first, last = np.zeros((2, len(self.rows)), np.int64)
            for i, space in enumerate(self.model.name_spaces):
                mine = np.flatnonzero(self.locale * 2 + self.is_male == i)
                rank = space.draw(self.rows[mine], self._key("name", persona)).astype(np.int64)
                first[mine], last[mine] = np.divmod(rank, len(self.model.pools["last"][i // 2]))
            self._names[persona] = first, last
        return self._names[persona]

    def first(self, persona: int, style: str = "") -> pa.Array:
        """Each row's first name."""
        number = self._name_numbers(persona)[0]
        taken = []
        for pool in ("male", "female"):
            sizes = np.array([len(p) for p in self.model.pools[pool]])[self.locale]
            taken.append(self._styled(pool, np.minimum(number, sizes - 1), style))
        return pc.if_else(pa.array(self.is_male.astype(bool)), *taken)

    def last(self, persona: int, style: str = "") -> pa.Array:
        """Each row's last name."""
        return self._styled("last", self._name_numbers(persona)[1], style)

    def _styled(self, pool: str, place: NDArray[np.int64], style: str) -> pa.Array:
        entries, starts = _laid_out(self.model.pools[pool], style)
        return entries.take(pa.array(starts[self.locale] + place))

    # --- columns -----------------------------------------------------------------------------

    def _first_name(self, column: PersonalColumn, persona: int) -> pa.Array:
        return self._made_unique(column, self.first(persona))

    def _last_name(self, column: PersonalColumn, persona: int) -> pa.Array:
        return self._made_unique(column, self.last(persona))

    def _full_name(self, column: PersonalColumn, persona: int) -> pa.Array:
        first, last = self.first(persona), self.last(persona)
        if self.model.layouts.get(column.name) == "last first":
            return self._made_unique(column, pc.binary_join_element_wise(last, first, ", "))
        return self._made_unique(column, pc.binary_join_element_wise(first, last, " "))

    def _salutation(self, column: PersonalColumn, persona: int) -> pa.Array:
        return self._made_unique(column, pc.if_else(pa.array(self.is_male == 1), "Mr.", "Ms."))

    def _user_name(self, column: PersonalColumn, persona: int) -> pa.Array:
        first, last = self.first(persona, "slug"), self.last(persona, "slug")
        layout = self.model.layouts.get(column.name, "")
        if layout == "":
            stem = pc.binary_join_element_wise(pc.utf8_slice_codeunits(first, 0, 1), last, "")
        else:
            stem = pc.binary_join_element_wise(first, last, layout[0])
        return self._numbered(column, stem, layout[1:], "", is_long=column.is_unique)

    def _email(self, column: PersonalColumn, persona: int) -> pa.Array:
        stem = pc.binary_join_element_wise(
            self.first(persona, "slug"), self.last(persona, "slug"), "."
        )
        domains = self.model.domains[column.name]
        which = (self._hash("domain", persona) % np.uint64(len(domains))).astype(np.int64)
        tails = pa.array([f"@{d}" for d in domains]).take(pa.array(which))
        return self._numbered(column, stem, "", tails, is_long=column.is_unique)

    def _url(self, column: PersonalColumn, persona: int) -> pa.Array:
        root = f"https://{self.model.domains[column.name][0]}/"
        if column.max_length is not None and column.max_length < len(root) + 12:
            root = ""
        return self._numbered(column, root, "p", "", is_long=True, keep_stem=True)

    def _domain(self, column: PersonalColumn, persona: int) -> pa.Array:
        tail = f".{self.model.domains[column.name][0]}"
        return self._numbered(column, self.last(persona, "slug"), "", tail, is_long=True)

    def _file_path(self, column: PersonalColumn, persona: int) -> pa.Array:
        stem = self._pick("path", "path", column.name)
        return self._numbered(column, stem, "_", ".dat", is_long=True)

    def _city(self, column: PersonalColumn, persona: int) -> pa.Array:
        return self._placed("city", column, persona)

    def _state(self, column: PersonalColumn, persona: int) -> pa.Array:
        short = self.model.layouts.get(column.name) == "short"
        return self._placed("state_code" if short else "state", column, persona)

    def _placed(self, pool: str, column: PersonalColumn, persona: int) -> pa.Array:
        if column.is_unique:
            return self._pooled(column, persona, pool)
        return self._pick(pool, "place", persona)

    def _street_address(self, column: PersonalColumn, persona: int) -> pa.Array:
        out = np.empty(len(self.rows), object)
        for i, space in enumerate(self.model.street_spaces):
            mine = np.flatnonzero(self.locale == i)
            rank = space.draw(self.rows[mine], self._key("street", persona)).astype(np.int64)
            street, house = np.divmod(rank, HOUSES)
            streets = pa.array(self.model.pools["street"][i], pa.string()).take(pa.array(street))
            numbers = pa.array(house + 1).cast(pa.string())
            parts = (
                (numbers, streets) if is_number_first(self.model.locales[i]) else (streets, numbers)
            )
            joined = pc.binary_join_element_wise(*parts, " ")
            out[mine] = joined.to_numpy(zero_copy_only=False)
        return self._made_unique(column, pa.array(out, pa.string()), " #")

    def _address(self, column: PersonalColumn, persona: int) -> pa.Array:
        street = self._street_address(column, persona)
        if self.model.layouts.get(column.name) == "street":
            return street
        city = self.drivers.get("city") if persona == 0 else None
        made = self._pick("city", "place", persona)
        town = made if city is None else pc.coalesce(city.cast(pa.string()), made)
        code = self._pick("postcode", "place", persona)
        state = self._pick("state_code", "place", persona)
        with_state = pc.binary_join_element_wise(
            pc.binary_join_element_wise(town, state, ", "), code, " "
        )
        plain = pc.binary_join_element_wise(code, town, " ")
        place = pc.if_else(pc.equal(state, ""), plain, with_state)
        if column.is_unique and column.max_length is not None:
            return street
        return pc.binary_join_element_wise(street, place, ", ")

    def _pooled(self, column: PersonalColumn, persona: int, pool: str = "") -> pa.Array:
        """Take values from the pool that is called like the semantic type."""
        pool = pool or self.model.layouts.get(column.name, column.semantic)
        if not column.is_unique:
            return self._pick(pool, column.semantic, persona)
        # One locale for all rows: locales share some entries.
        cut = {v[: column.max_length].lower(): v for v in self.model.pools[pool][0]}
        entries = pa.array([v for k, v in cut.items() if not k[-1:].isdigit()], pa.string())
        key = self._key("pool", column.name)
        place = self._hash("pool", column.name) % np.uint64(len(entries))
        early = self.rows < np.uint64(len(entries))
        place[early] = permute(self.rows[early], len(entries), key)
        stem = entries.take(pa.array(place.astype(np.int64)))
        return pc.if_else(pa.array(early), stem, self._numbered(column, stem, " ", ""))

    def _coded(self, column: PersonalColumn) -> pa.Array:
        codes = self._codes(column, column.name, self.rows)
        for number in range(len(self.model.locales)):
            name = in_locale(column.name, number)
            if name in self.model.formats:
                mine = self.locale == number
                own = self._codes(column, name, self.rows[mine])
                codes = pc.replace_with_mask(codes, pa.array(mine), own)
        if column.semantic == "postal_code" and not column.is_unique:
            return self._in_state(codes)
        return codes

    def _codes(self, column: PersonalColumn, name: str, rows: Words) -> pa.Array:
        """Codes of some rows by one of the column's formats."""
        model = self.model.formats[name]
        make = unique_strings if column.is_unique else draw_strings
        codes = make(model, rows, self._key("code", name))
        layout = self.model.layouts.get(name, "")
        if layout == "card":
            codes = pc.binary_join_element_wise(codes, luhn_digits(codes), "")
        elif layout in ("- card", "  card"):
            codes = pc.binary_join_element_wise(codes, luhn_digits(codes), "")
            groups = [pc.utf8_slice_codeunits(codes, i, i + 4) for i in range(0, 16, 4)]
            codes = pc.binary_join_element_wise(*groups, layout[0])
        elif layout.startswith("iban "):
            country = pa.array([layout[5:]] * len(codes), pa.string())
            codes = pc.binary_join_element_wise(country, iban_digits(country, codes), codes, "")
        elif layout == "ip":
            codes = self._ip_text(column, codes)
        return codes

    def _in_state(self, codes: pa.Array) -> pa.Array:
        """Let postal codes be of the states that rows are in, where it is known which these are."""
        state = self.drivers.get("state")
        if state is None and "state_code" in self.model.pools:
            state = self._pick("state_code", "place", 0)
        if state is None or not self.model.zips:
            return codes
        said = pc.utf8_lower(pc.utf8_trim_whitespace(state.cast(pa.string())))
        place = pc.index_in(said, pa.array(list(self.model.zips), pa.string()))
        found = np.asarray(pc.fill_null(place, -1), np.int64)
        is_american = np.array([lo == "en_US" for lo in self.model.locales])[self.locale]
        found[~(is_american & np.asarray(pc.match_substring_regex(codes, r"^\d{5}")))] = -1
        numbers = np.zeros(len(codes), np.uint64)
        for number, (first, space) in enumerate(self.model.zips.values()):
            mine = found == number
            drawn = space.draw(self.rows[mine], self._key("zip", number))
            numbers[mine] = drawn + np.uint64(first)
        heads = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 5, "0")
        whole = pc.binary_join_element_wise(heads, pc.utf8_slice_codeunits(codes, 5), "")
        return pc.if_else(pa.array(found >= 0), whole, codes)

    def _ip_text(self, column: PersonalColumn, codes: pa.Array) -> pa.Array:
        """Write eight hexadecimal digits as the four numbers of an address."""
        text = "".join(codes.to_pylist())
        octets = np.frombuffer(bytes.fromhex(text), np.uint8).reshape(len(codes), 4)
        parts = [pa.array(octets[:, i]).cast(pa.string()) for i in range(4)]
        return pc.binary_join_element_wise(*parts, ".")

    def _birth_days(self, column: PersonalColumn) -> pa.Array:
        curve = np.array(self.model.quantiles[column.name])
        share = self._hash("birth", column.name).astype(np.float64) / 2.0**64
        days = np.interp(share, np.linspace(0, 1, len(curve)), curve)
        return pa.array(np.floor(days).astype(np.int32)).cast(pa.date32())

    # --- uniqueness --------------------------------------------------------------------------

    def _made_unique(self, column: PersonalColumn, values: pa.Array, mark: str = " ") -> pa.Array:
        return self._numbered(column, values, mark, "") if column.is_unique else values

    def _numbered(
        self,
        column: PersonalColumn,
        stem: pa.Array | str,
        mark: str,
        tail: pa.Array | str,
        *,
        is_long: bool = True,
        keep_stem: bool = False,
    ) -> pa.Array:
        """
        Write stem, mark, the row's own number, tail; the stem is cut to fit the column.

        Numbers are one to one with rows (if not `is_long`: below 1,000), and neither stem nor mark
        ends in a digit, so the results differ wherever the numbers do.
        """
        rows = len(self.rows)
        numbers = serial(self.rows, self._key("serial", column.name))
        if not is_long:
            numbers = self._hash("serial", column.name) % np.uint64(_LOCAL_PARTS)
        digits = pa.array(numbers).cast(pa.string())
        stems = pa.array([stem] * rows, pa.string()) if isinstance(stem, str) else stem
        tails = pa.array([tail] * rows, pa.string()) if isinstance(tail, str) else tail
        marks = pa.array([mark] * rows, pa.string())
        if column.max_length is not None and not keep_stem:
            used = pc.add(pc.utf8_length(digits), pc.utf8_length(tails))
            room = column.max_length - len(mark) - np.asarray(used, np.int64)
            if rows and room.min() < 0 and column.is_unique:
                raise FitError(
                    f"column {column.name} is too short for different values of {column.semantic}",
                    "Widen the column, lower --scale, or set another treatment for it.",
                )
            stems = _cut(stems, np.maximum(room, 0))
        return pc.binary_join_element_wise(stems, marks, digits, tails, "")


def _cut(strings: pa.Array, room: NDArray[np.int64]) -> pa.Array:
    """Cut each string to its own number of characters; (n,), (n,) -> (n,)."""
    for length in np.unique(room).tolist():
        if length >= int(pc.max(pc.utf8_length(strings)).as_py() or 0):
            continue
        cut = pc.utf8_slice_codeunits(strings, 0, length)
        strings = pc.if_else(pa.array(room == length), cut, strings)
    return strings


def is_number_first(locale: str) -> bool:
    """Whether a locale writes the house number before the street."""
    return locale[:2] in ("en", "fr")
