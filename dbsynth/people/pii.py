"""Learn what a table's personal data needs, and draw the pools for it from Faker."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dbsynth import lexicon
from dbsynth.formats import FormatModel
from dbsynth.lexicon import SEMANTICS, word_list
from dbsynth.people.identifiers import (
    birth_curve,
    codes_of,
    filled,
    free_domains,
    is_distinct,
    layout_of,
    name_spaces,
    street_spaces,
    text_of,
)  # fmt: skip
from dbsynth.people.personal import PersonalColumn, PersonalModel, in_locale
from dbsynth.people.personas import CODED, make_personal
from dbsynth.people.prose import TextModel, case_of, fit_prose, sample_text
from dbsynth.permute import key_of
from dbsynth.release import MIN_ENTITIES, Release
from dbsynth.unused import Space, free_space

if TYPE_CHECKING:
    from faker import Faker

__all__ = [
    "SEMANTICS", "PersonalColumn", "PersonalModel", "TextModel", "fit_personal", "fit_text",
    "make_personal", "sample_text",
]  # fmt: skip

_MAIN_LOCALE = "en_US"
_MAX_LOCALES = 5
_WORLD = ("en_US", "de_DE", "fr_FR", "es_ES", "pt_BR")  # where countries are not released
_LOCALES = word_list(
    "en_US en_GB en_CA en_AU en_NZ en_IE en_IN de_DE de_AT de_CH fr_FR fr_BE es_ES es_MX "
    "es_AR es_CL es_CO it_IT pt_BR pt_PT nl_NL sv_SE no_NO da_DK fi_FI pl_PL cs_CZ hu_HU "
    "ro_RO tr_TR hr_HR sl_SI sk_SK id_ID"
)
_DRAWS = {"last": 3000, "company": 2000, "user_agent": 300, "path": 600, "job": 900}
_SPOKEN = {
    "People's Republic of China": "China", "Kingdom of the Netherlands": "Netherlands",
    "Republic of Ireland": "Ireland", "Republic of the Congo": "Congo",
    "Democratic Republic of the Congo": "DR Congo", "Brunei Darussalam": "Brunei",
    "Federated States of Micronesia": "Micronesia", "The Gambia": "Gambia",
}  # fmt: skip
_OFTEN = 15  # times that a country comes whose places are known, for one of any other
_MANNERS = word_list(
    "Classic Compact Deluxe Essential Light Modern Premium Pro Simple Smart Solid Urban"
)
_STUFFS = word_list("Bamboo Ceramic Copper Cotton Glass Leather Linen Oak Rubber Silk Steel Wool")
_THINGS = word_list(
    "Backpack Basket Bench Blanket Bottle Bowl Chair Clock Cup Desk Gloves Jacket Kettle Knife "
    "Lamp Mirror Mug Pan Pillow Plate Rack Shelf Shirt Stool Table Tray Vase Wallet Watch"
)
_ZONES = word_list(
    "UTC Europe/London Europe/Berlin Europe/Paris Europe/Madrid Europe/Rome Europe/Amsterdam "
    "Europe/Vienna Europe/Zurich Europe/Stockholm Europe/Warsaw Europe/Athens America/New_York "
    "America/Chicago America/Denver America/Los_Angeles America/Toronto America/Sao_Paulo "
    "America/Mexico_City Asia/Tokyo Asia/Seoul Asia/Singapore Asia/Kolkata Asia/Dubai "
    "Africa/Cairo Africa/Johannesburg Australia/Sydney Pacific/Auckland"
)
_LANGUAGES = word_list(
    "en de fr es it pt nl sv da nb fi pl cs sk hu ro bg el tr ru uk ja ko zh ar he hi id vi th"
)
_CURRENCIES = word_list(
    "EUR USD GBP CHF SEK NOK DKK PLN CZK HUF CAD AUD NZD JPY CNY INR BRL MXN ZAR SGD KRW TRY"
)
_MOSTLY = 0.6  # of the values say the same country
_HINTS = {  # where values say what country they are of
    "iban": r"^\s*(?P<code>[a-z]{2})\d{2}",
    "phone": r"^\s*(?:\+|00)\s*(?P<code>1|35\d|42\d|[2-9]\d)",
    "email": r"\.(?P<code>[a-z]{2})$",
}
_OF_COUNTRIES = frozenset({"phone", "postal_code", "iban"})
_NOWHERE = frozenset({"co", "io", "me", "ai", "tv", "fm", "cc", "ws"})  # domains of anybody
_DIALS = {
    "1": "us", "31": "nl", "32": "be", "33": "fr", "34": "es", "36": "hu", "39": "it", "40": "ro",
    "41": "ch", "43": "at", "44": "gb", "45": "dk", "46": "se", "47": "no", "48": "pl", "49": "de",
    "52": "mx", "54": "ar", "55": "br", "56": "cl", "57": "co", "61": "au", "64": "nz", "81": "jp",
    "82": "kr", "86": "cn", "90": "tr", "91": "in", "351": "pt", "353": "ie", "358": "fi",
    "420": "cz", "421": "sk", "30": "gr", "uk": "gb",
}  # fmt: skip
_UNITS = ("Apt. #?", "Apt. %#?", "Suite %#?", "Unit %?", "Unit %#?", "Floor %, left")
_FEW = 20  # entries that a pool must keep
_PEOPLE_POOLS = ("female", "male", "last")
_PLACE_POOLS = ("city", "state", "state_code", "postcode")
_POOLS_OF = {
    "first_name": _PEOPLE_POOLS, "last_name": _PEOPLE_POOLS, "full_name": _PEOPLE_POOLS,
    "user_name": _PEOPLE_POOLS, "email": _PEOPLE_POOLS, "domain": _PEOPLE_POOLS,
    "city": _PLACE_POOLS, "state": _PLACE_POOLS, "street_address": ("street",),
    "address": (*_PLACE_POOLS, "street"), "country": ("country",), "company": ("company",),
    "country_code": ("country_code", "country_code3"), "job": ("job",),
    "user_agent": ("user_agent",), "file_path": ("path",), "language": ("language",),
    "product": ("product",), "salutation": (), "timezone": ("timezone",),
    "locale": ("locale",), "currency": ("currency",),
    "unit": ("unit",),
}  # fmt: skip


def fit_personal(
    columns: Sequence[PersonalColumn],
    values: Mapping[str, pa.Array],
    entities: NDArray[np.int64],
    release: Release,
    seed: int = 0,
) -> PersonalModel:
    """
    Prepare to make a table's personal columns.

    Of the source only released formats, quantiles and countries are kept, and which parts of the
    invented values the source does not use.

    Args:
        columns: the personal ones.
        values: (n,) the source's columns by name: the personal ones and, if their names say
            country, those that decide on locales.
        entities: (n,) which entity each row belongs to.
        release: the protection in force.
        seed: decides what the pools hold.

    """
    locales, countries = _locales(values, entities, release)
    pools = _pools(columns, values, locales)
    learned = _learned(columns, values, entities, release, locales[0])
    formats = learned.formats
    local = _Local(locales, _rows_of(values, countries), entities, release)
    for column in columns:
        if column.name in formats:
            local.add(column, values, formats, learned.layouts)
    cases = {c.name: case_of(values.get(c.name), entities, release) for c in columns}
    return PersonalModel(
        columns=tuple(columns),
        key=key_of("personal", seed, *(c.name for c in columns)),
        locales=locales,
        countries=countries,
        pools=pools,
        name_spaces=name_spaces(columns, values, pools, seed) if "last" in pools else (),
        street_spaces=street_spaces(columns, values, pools, locales, seed),
        zips=_zip_codes(columns, values, locales, seed),
        formats=formats,
        domains=learned.domains,
        layouts=learned.layouts,
        quantiles=learned.quantiles,
        cases={n: c for n, c in cases.items() if c and n not in formats},
    )


@dataclass(frozen=True, slots=True)
class _Learned:
    """What is kept of single columns, by their names."""

    formats: dict[str, FormatModel] = field(default_factory=dict)
    layouts: dict[str, str] = field(default_factory=dict)
    domains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    quantiles: dict[str, tuple[float, ...]] = field(default_factory=dict)


def _learned(
    columns: Sequence[PersonalColumn],
    values: Mapping[str, pa.Array],
    entities: NDArray[np.int64],
    release: Release,
    locale: str,
) -> _Learned:
    """Look at each column by itself."""
    found = _Learned()
    example = partial(_example_iban, locale)
    for column in columns:
        source = text_of(values.get(column.name))
        layout = layout_of(column, source, locale)
        if column.semantic in CODED or (column.semantic == "country_code" and column.is_unique):
            model, layout = codes_of(column, source, values, entities, release, example)
            found.formats[column.name] = model
        elif column.semantic in ("email", "url", "domain"):
            found.domains[column.name] = free_domains(column, source)
        elif column.semantic == "birth_date":
            found.quantiles[column.name] = birth_curve(column, values, entities, release)
        if layout:
            found.layouts[column.name] = layout
    return found


def _rows_of(
    values: Mapping[str, pa.Array], countries: Mapping[str, int]
) -> NDArray[np.int64] | None:
    """The number of each row's locale, -1 where its country has none; None: no country is told."""
    for name, array in values.items():
        if countries and lexicon.semantic_of(name) in ("country", "country_code"):
            texts = pc.utf8_lower(pc.utf8_trim_whitespace(filled(array)))
            place = pc.fill_null(pc.index_in(texts, pa.array(list(countries), pa.string())), -1)
            numbers = np.array([*countries.values(), -1], np.int64)
            found: NDArray[np.int64] = numbers[np.asarray(place, np.int64)]
            return found
    return None


@dataclass(frozen=True)
class _Local:
    """Codes as they are in each of several countries: dialling codes, lengths, banks."""

    locales: tuple[str, ...]
    rows: NDArray[np.int64] | None  # (n,) which locale each row has
    entities: NDArray[np.int64]
    release: Release

    def add(
        self,
        column: PersonalColumn,
        values: Mapping[str, pa.Array],
        formats: dict[str, FormatModel],
        layouts: dict[str, str],
    ) -> None:
        """Add a column's formats in the locales of which enough rows show one."""
        array = values.get(column.name)
        is_iban = column.semantic == "iban"
        if self.rows is None or array is None or len(array) != len(self.rows):
            return
        if column.semantic not in _OF_COUNTRIES or (column.is_unique and not is_iban):
            return
        found: dict[str, tuple[FormatModel, str]] = {}
        for number in range(len(self.locales)):
            here = np.flatnonzero(self.rows == number)
            name = in_locale(column.name, number)
            own = {name: filled(array).take(pa.array(here))}
            locale = self._bank(own[name], self.entities[here], name) if is_iban else ""
            if is_iban and not locale:
                continue
            model, layout = codes_of(
                replace(column, name=name), text_of(own[name]), own, self.entities[here],
                self.release, partial(_example_iban, locale), text_of(array),
            )  # fmt: skip
            if is_iban or model.covered > 0:
                found[name] = model, layout
        kinds = [layout for _, layout in found.values()]
        if column.is_unique and len({*kinds, layouts.get(column.name, "")}) < len(self.locales):
            return  # two of a country could write the same
        formats |= {name: model for name, (model, _) in found.items()}
        layouts |= {name: layout for name, (_, layout) in found.items() if layout}

    def _bank(self, texts: pa.Array, entities: NDArray[np.int64], name: str) -> str:
        """The locale of the country that most accounts of some rows are of; "" if unknown."""
        return _hint(f"iban {name}", texts, entities, self.release)


def fit_text(
    statistic: str,
    values: pa.Array,
    entities: NDArray[np.int64],
    release: Release,
    max_length: int | None = None,
) -> TextModel:
    """
    Learn how long a column's texts are; no word of them is kept.

    Args:
        statistic: the column's name.
        values: (n,) strings; nulls are ignored.
        entities: (n,) which entity each row belongs to.
        release: the protection in force.
        max_length: characters that the column can hold; None: unlimited.

    """
    return fit_prose(statistic, values, entities, release, max_length, words_pool())


@lru_cache(maxsize=1)
def words_pool() -> tuple[str, ...]:
    """Return ordinary English words without any mark, from Faker."""
    words: Sequence[str] = _faker(_MAIN_LOCALE, "words").get_words_list()
    return tuple(dict.fromkeys(w.lower() for w in words if w.isascii() and w.isalpha()))


# --- pools ---------------------------------------------------------------------------------------


def _faker(locale: str, pool: str) -> Faker:
    from faker import Faker

    fake = Faker(locale)
    fake.seed_instance(key_of("pool", locale, pool))
    return fake


@lru_cache(maxsize=256)
def _pool(locale: str, pool: str) -> tuple[str, ...]:
    """Draw a pool's different entries; aligned for the pools of places."""
    if pool in _PLACE_POOLS:
        return tuple(p[_PLACE_POOLS.index(pool)] for p in _places(locale))
    if pool.startswith("country"):
        part = {"country": "name", "country_code": "alpha_2_code"}.get(pool, "alpha_3_code")
        known = [c for c in _all_countries() if c.alpha_2_code in {lo[3:] for lo in _LOCALES}]
        return tuple(str(getattr(c, part)) for c in [*known * _OFTEN, *_all_countries()])
    fake = _faker(locale, pool)
    draw: Callable[[], str] = {
        "female": fake.first_name_female,
        "male": fake.first_name_male,
        "last": fake.last_name,
        "street": fake.street_name,
        "company": fake.company,
        "job": fake.job,
        "language": fake.language_name,
        "timezone": lambda: fake.random_element(_ZONES),
        "locale": lambda: fake.random_element(_LANGUAGES),
        "currency": lambda: fake.random_element(_CURRENCIES),
        "product": lambda: " ".join(map(fake.random_element, (_MANNERS, _STUFFS, _THINGS))),
        "user_agent": fake.user_agent,
        "unit": lambda: fake.bothify(fake.random_element(_UNITS), letters="ABCDEFGH"),
        "path": lambda: fake.file_path(depth=2).rpartition(".")[0],
    }[pool]
    found = dict.fromkeys(draw().replace("\n", " ") for _ in range(_DRAWS.get(pool, 2000)))
    if pool in _PEOPLE_POOLS:
        return tuple(n for n in found if " " not in n or pool == "last")
    if pool in ("job", "language"):  # as people say them, not as lists do
        return tuple(v for v in found if not set(v) & set(",/()"))
    # Entries must not end in a digit: numbers are appended to make them unique.
    return tuple(v for v in found if not v[-1:].isdigit())


@lru_cache(maxsize=16)
def _places(locale: str) -> tuple[tuple[str, str, str, str], ...]:
    """Draw places: city, state, the state's code, postal code; states may be empty strings."""
    fake = _faker(locale, "place")
    states = [s for s in ("administrative_unit", "state", "province", "region") if hasattr(fake, s)]
    places: dict[str, tuple[str, str, str]] = {}
    for _ in range(1500):
        state = getattr(fake, states[0])() if states else ""
        code, postcode = "", fake.postcode()
        if locale == "en_US":
            code = fake.state_abbr(
                include_territories=False, include_freely_associated_states=False
            )
            state = _state_names()[code]
            postcode = fake.postcode_in_state(code)
        places.setdefault(fake.city(), (state, code, postcode))
    return tuple((c, *rest) for c, rest in places.items() if not c[-1:].isdigit())


def _zip_codes(
    columns: Sequence[PersonalColumn],
    values: Mapping[str, pa.Array],
    locales: Sequence[str],
    seed: int,
) -> dict[str, tuple[int, Space]]:
    """Which postal codes the United States have that rows lack, if rows keep to their state's."""
    from faker.providers.address.en_US import Provider

    names = {lexicon.semantic_of(n): n for n in values}
    codes = [c.name for c in columns if c.semantic == "postal_code" and c.name in values]
    if "state" not in names or not codes or _MAIN_LOCALE not in locales:
        return {}
    state = pc.utf8_lower(pc.utf8_trim_whitespace(filled(values[names["state"]])))
    parts = pc.extract_regex(filled(values[codes[0]]), r"^(?P<zip>\d{5})")
    numbers = np.asarray(pc.fill_null(pc.struct_field(parts, "zip").cast(pa.int64()), -1))
    found: dict[str, tuple[int, Space]] = {}
    known = kept = 0
    for code, (first, last) in Provider.states_postcode.items():
        spoken = [code.lower(), _state_names().get(code, code).lower()]
        is_own = np.asarray(pc.fill_null(pc.is_in(state, pa.array(spoken)), False))
        own = numbers[is_own & (numbers >= 0)]
        inside = own[(own >= first) & (own <= last)]
        known, kept = known + len(own), kept + len(inside)
        used = np.unique(inside - first).astype(np.uint64)
        size = last - first + 1
        space = free_space(used, size, len(inside), key_of("zip", seed, code))
        found |= dict.fromkeys(spoken, (first, space))
    return found if known >= MIN_ENTITIES and kept >= _MOSTLY * known else {}


@lru_cache(maxsize=1)
def _state_names() -> dict[str, str]:
    """The names of the United States by their codes."""
    from faker.providers.address.en_US import Provider

    codes = [c for c in Provider.states_abbr if c != "DC"]  # not a state, hence without a name
    return {**dict(zip(codes, Provider.states, strict=True)), "DC": "District of Columbia"}


@lru_cache(maxsize=1)
def _all_countries() -> Sequence[Any]:
    """Every country, by the name that people use."""
    from faker.providers.date_time import Provider

    found = []
    for country in Provider.countries:
        name = country.name
        with suppress(UnicodeError):  # some of Faker's names were decoded wrongly
            name = name.encode("latin-1").decode()
        found.append(replace(country, name=_SPOKEN.get(name, name)))
    return found


def _pools(
    columns: Sequence[PersonalColumn], values: Mapping[str, pa.Array], locales: Sequence[str]
) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Draw the pools that the columns need, without what the source's distinct columns hold."""
    needed = dict.fromkeys(p for c in columns for p in _POOLS_OF.get(c.semantic, ()))
    named = [c for c in columns if c.kind == "string" and c.semantic not in CODED]
    is_ascii = all(_is_ascii(values.get(c.name)) for c in named)
    taken: dict[str, set[str]] = {}
    for column in columns:
        source = text_of(values.get(column.name))
        if is_distinct(source):
            texts = set(pc.utf8_lower(source).unique().to_pylist())
            for pool in _filtered_pools(column.semantic):
                taken[pool] = taken.get(pool, set()) | texts
    pools = {}
    for pool in needed:
        drawn = [[_folded(v) if is_ascii else v for v in _pool(lo, pool)] for lo in locales]
        pools[pool] = tuple(tuple(_without(p, pool, taken)) for p in drawn)
    if "city" in pools:
        _drop_places(pools, taken)
    _drop_long(pools, columns)
    return pools


def _drop_long(
    pools: dict[str, tuple[tuple[str, ...], ...]], columns: Sequence[PersonalColumn]
) -> None:
    """Drop entries that a column would cut, where enough others remain."""
    for column in columns:
        is_place = column.semantic in _PLACE_POOLS
        names = _PLACE_POOLS if is_place else (column.semantic,)
        if column.max_length is None or column.semantic not in pools:
            continue
        for i, entries in enumerate(pools[column.semantic]):
            kept = [j for j, v in enumerate(entries) if len(v) <= column.max_length]
            if _FEW <= len(kept) < len(entries):
                for name in names:  # those of places are aligned
                    own = tuple(pools[name][i][j] for j in kept)
                    pools[name] = (*pools[name][:i], own, *pools[name][i + 1 :])


def _filtered_pools(semantic: str) -> tuple[str, ...]:
    """The pools whose entries alone make up a value of a semantic type."""
    if semantic == "first_name":
        return ("female", "male")
    if semantic == "last_name":
        return ("last",)
    return {"city": ("city",), "state": ("state", "state_code"), "address": (), "email": ()}.get(
        semantic, _POOLS_OF.get(semantic, ()) if semantic not in ("full_name", "user_name") else ()
    )


def _without(entries: Sequence[str], pool: str, taken: Mapping[str, set[str]]) -> list[str]:
    """Drop a source column's values from a pool; pairs take over where too few entries remain."""
    source = taken.get(pool)
    if pool in _PLACE_POOLS or not source:
        return list(entries)
    kept = [v for v in entries if v.lower() not in source]
    if len(kept) < _FEW:
        pairs = [f"{a}-{b}" for a, b in pairwise(entries)]
        kept += [v for v in pairs if v.lower() not in source]
    return kept or list(entries)


def _drop_places(
    pools: dict[str, tuple[tuple[str, ...], ...]], taken: Mapping[str, set[str]]
) -> None:
    """Drop places that have a source column's value for a city or state, in all pools of places."""
    for i in range(len(pools["city"])):
        rows = list(zip(*(pools[p][i] for p in _PLACE_POOLS), strict=True))
        kept = [
            row
            for row in rows
            if not any(
                v.lower() in taken.get(p, ()) for p, v in zip(_PLACE_POOLS, row, strict=True)
            )
        ]
        for j, pool in enumerate(_PLACE_POOLS):
            entries = tuple(row[j] for row in (kept or rows))
            pools[pool] = (*pools[pool][:i], entries, *pools[pool][i + 1 :])


def _example_iban(locale: str) -> tuple[str, str]:
    """Return the country that a locale's bank accounts are of, and one account's number."""
    fake = _faker(locale, "iban")
    iban = fake.iban()
    return iban[:2], iban[4:]


# --- locales -------------------------------------------------------------------------------------


def _locales(
    values: Mapping[str, pa.Array],
    entities: NDArray[np.int64],
    release: Release,
) -> tuple[tuple[str, ...], dict[str, int]]:
    """
    Choose locales, the most frequent first, and say which one each country has.

    Where rows have countries that may not be released, others stand for them: of any language.
    """
    codes = _country_codes()
    for name, array in values.items():
        if lexicon.semantic_of(name) not in ("country", "country_code"):
            continue
        texts = pc.utf8_lower(pc.utf8_trim_whitespace(filled(array)))
        labels, rows = release.labels(f"personal.{name}", texts, entities)
        spoken = {label: codes[label] for label in labels if label in codes}
        locales = tuple(dict.fromkeys(spoken.values()))[:_MAX_LOCALES]
        others = len(texts) - texts.null_count - int(rows.sum())
        if others >= MIN_ENTITIES and release.is_enough(entities):
            locales = tuple(dict.fromkeys([*locales, *_WORLD]))[:_MAX_LOCALES]
            return locales, {c: i for c, lo in codes.items() if (i := _near(lo, locales)) >= 0}
        if locales:
            known = {label: locales.index(lo) for label, lo in spoken.items() if lo in locales}
            return locales, known
    meant = {n: lexicon.semantic_of(n) for n in values}
    told = [n for hint in _HINTS for n, meaning in meant.items() if meaning == hint]
    hinted = next(filter(None, (_hint(n, values[n], entities, release) for n in told)), "")
    return (hinted or _MAIN_LOCALE,), {}


def _hint(name: str, values: pa.Array, entities: NDArray[np.int64], release: Release) -> str:
    """The locale of most accounts, phone numbers or mail domains of a column; "" if unknown."""
    pattern = _HINTS.get(lexicon.semantic_of(name))
    if pattern is None or not pa.types.is_string(values.type) or len(values) != len(entities):
        return ""
    found = pc.struct_field(pc.extract_regex(pc.utf8_lower(values), pattern), "code")
    labels, rows = release.labels(f"personal.{name}.country", found, entities)
    if not labels or rows[0] < _MOSTLY * (len(values) - values.null_count):
        return ""
    code = "" if labels[0] in _NOWHERE else _DIALS.get(labels[0], labels[0])
    return _country_codes().get(code, "")


def _near(locale: str, locales: Sequence[str]) -> int:
    """Which of some locales is the same as another, or has its language; -1 for none."""
    alike = [i for i, lo in enumerate(locales) if lo[:2] == locale[:2]]
    return locales.index(locale) if locale in locales else alike[0] if alike else -1


@lru_cache(maxsize=1)
def _country_codes() -> dict[str, str]:
    """The locale of each country, by its name and codes in lower case."""
    by_code: dict[str, str] = {}
    for locale in _LOCALES:
        by_code.setdefault(locale[3:], locale)
    found = {}
    for country in _all_countries():
        code = country.alpha_2_code
        if code in by_code:
            for name in (country.name, code, country.alpha_3_code):
                found[str(name).lower()] = by_code[code]
    aliases = {"usa": "en_US", "uk": "en_GB", "united states of america": "en_US"}
    own = {
        "deutschland": "de_DE", "österreich": "de_AT", "schweiz": "de_CH", "españa": "es_ES",
        "brasil": "pt_BR", "méxico": "es_MX", "italia": "it_IT", "nederland": "nl_NL",
        "england": "en_GB", "great britain": "en_GB", "czechia": "cs_CZ", "polska": "pl_PL",
    }  # fmt: skip
    return found | aliases | own


def _is_ascii(array: pa.Array | None) -> bool:
    return bool(pc.all(pc.string_is_ascii(text_of(array))).as_py() is not False)


def _folded(text: str) -> str:
    """Write a text with ASCII characters only."""
    special = str.maketrans(
        {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "ı": "i"}
    )
    decomposed = unicodedata.normalize("NFKD", text.translate(special))
    return decomposed.encode("ascii", "ignore").decode()
