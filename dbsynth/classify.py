"""Decide what is done with each column, from its keys, its type, its name and its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsynth import lexicon
from dbsynth.kindred import told_by_labels
from dbsynth.limits import allowed_labels, is_unique_alone
from dbsynth.peculiar import are_documents, treat_json, treat_type
from dbsynth.profiles import Profile
from dbsynth.schema import Column, Schema, Table, TableName
from dbsynth.treatments import Treatment, TreatmentKind, Treatments

if TYPE_CHECKING:
    import pyarrow as pa

_MOST = 0.8  # share of values that must have a shape for the shape to decide
_ALL = 0.98
_NEARLY_UNIQUE = 0.5
_SOME_NAMES = 0.4  # of the values of a column of names, for there are many given names
_SOME = 0.2  # share of companies that say of which legal form they are; of frequent labels
_FEW_DOCUMENTS = 50
_LONG_CODE = 40
_DENSE, _FEW_LENGTHS = 0.25, 8  # digits among the characters of tokens, and lengths of these
_SHORT_TITLE = 4.5  # characters: Mr., Mrs., Dr.; codes of languages
_ID_DIGITS = 6  # numbers with fewer digits on average identify nobody by themselves
# Shapes that decide by themselves, whatever the column is called.
_TELLING = ("email", "url", "mac_address", "ip", "ipv6", "password_hash", "iban")
_NUMBER_SEMANTICS = frozenset({
    "phone", "national_id", "card_number", "bank_account", "passport", "driver_license",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Clues:
    """All that is known about one column."""

    table: Table
    column: Column
    profile: Profile
    meaning: str  # of its name, see lexicon.semantic_of
    is_unique: bool

    def treat(self, kind: TreatmentKind, evidence: str, semantic: str = "") -> Treatment:
        return Treatment(kind=kind, semantic=semantic, evidence=evidence, is_unique=self.is_unique)

    @property
    def may_be_category(self) -> bool:
        return not self.is_unique and self.profile.is_repetitive()

    @property
    def has_frequent_labels(self) -> bool:
        """Whether some labels come often, whatever comes beside them: English, among languages."""
        return not self.is_unique and self.profile.frequent_share >= _SOME

    @property
    def repeats(self) -> str:
        return f"{self.profile.distinct} different values in {self.profile.rows} rows"


def classify(
    schema: Schema,
    samples: Mapping[TableName, pa.Table],
    overrides: Mapping[tuple[TableName, str], Treatment] | None = None,
) -> Treatments:
    """
    Decide on a treatment for each written column, with the evidence for it.

    Declared structure comes first (keys, uniqueness), then types, then names together with
    values.  What is not understood becomes "void": nothing passes through unrecognised.

    Args:
        schema: the source's.
        samples: rows of each table, any number of them; missing tables count as empty.
        overrides: treatments that the user decided on, by table and column.

    """
    chosen = overrides or {}
    found = {}
    for table in schema.tables:
        sample = samples.get(table.name)
        columns = {
            column.name: _listed(table, column, schema.dialect)
            or _column(_clues(table, column, sample, schema.dialect))
            for column in table.written_columns
        }
        wanted = {c: chosen[table.name, c] for c in columns if (table.name, c) in chosen}
        found[table.name] = told_by_labels(table, columns | wanted, sample) | wanted
    return found


def has_personal_data(treatments: Mapping[str, Treatment]) -> bool:
    """Whether a table's columns single out people (by name, contact, birth date, number …)."""
    return any(t.semantic in lexicon.PEOPLE for t in treatments.values())


def _listed(table: Table, column: Column, dialect: str) -> Treatment | None:
    """A category whose labels a check lists: they are part of the schema."""
    keyed = {c for k in table.foreign_keys for c in k.columns} | set(table.primary_key)
    keyed |= {k.when.column for k in table.foreign_keys if k.when}
    if column.type.kind != "string" or column.name in keyed:
        return None
    labels = allowed_labels(table, column.name, dialect)
    if not labels or (column.name,) in table.unique_sets:
        return None
    return Treatment(kind="category", evidence=f"a check lists its {len(labels)} labels")


def _clues(table: Table, column: Column, sample: pa.Table | None, dialect: str) -> _Clues:
    is_unique = is_unique_alone(table, column.name, dialect)
    if sample is None or column.name not in sample.column_names:
        import pyarrow as pa

        values = pa.array([], pa.string())
    else:
        values = sample.column(column.name)
    meaning = lexicon.semantic_of(column.name)
    return _Clues(table, column, Profile.of(values), meaning, is_unique)


def _column(clues: _Clues) -> Treatment:
    declared = _by_key(clues)
    if declared is not None:
        return declared
    match clues.column.type.kind:
        case "boolean" | "enum":
            return clues.treat("category", f"type {clues.column.type.kind}")
        case "date" | "time" | "timestamp" | "timestamptz":
            return _datetime(clues)
        case "integer" | "decimal" | "float":
            return _number(clues)
        case "bytes":
            return clues.treat("binary", "type bytes")
        case "json":
            return treat_json(clues.profile, is_unique=clues.is_unique)
        case "uuid":
            return _uuid(clues)
        case "string":
            return _string(clues)
        case _:
            return treat_type(clues.column.type, clues.profile, is_unique=clues.is_unique)


def _uuid(clues: _Clues) -> Treatment:
    if clues.is_unique:
        return clues.treat("key", "unique uuid", "uuid")
    if clues.may_be_category:
        return clues.treat("category", f"type uuid, {clues.repeats}")
    return clues.treat("format", "type uuid")


def _by_key(clues: _Clues) -> Treatment | None:
    """Decide from foreign keys, primary keys and identities; None if they say nothing."""
    table, column = clues.table, clues.column
    if any(column.name in key.columns for key in table.foreign_keys):
        return clues.treat("foreign key", "part of a foreign key")
    if any(key.when and column.name == key.when.column for key in table.foreign_keys):
        return clues.treat("foreign key", "says to which table another column refers")
    is_key = table.primary_key == (column.name,)
    if column.type.kind == "integer" and (column.identity or clues.is_unique):
        if not is_key and clues.meaning in _NUMBER_SEMANTICS:
            return None
        why = "primary key" if is_key else "identity" if column.identity else "unique integer"
        return clues.treat("key", why, "integer")
    if column.type.kind == "uuid" and is_key:
        return clues.treat("key", "primary key of type uuid", "uuid")
    if column.type.kind != "string" or not clues.is_unique:
        return None
    if clues.profile.rows and clues.profile.share("uuid") >= _ALL:
        return clues.treat("key", "unique, values look like uuids", "uuid")
    if is_key and not (_told(clues) or clues.meaning in lexicon.PEOPLE):
        return clues.treat("key", "primary key of type string", "format")
    return None


def _datetime(clues: _Clues) -> Treatment:
    if clues.meaning == "birth_date":
        # Learned with the other columns, on which it depends; still it marks a table as personal.
        return clues.treat("datetime", "name says birth date", "birth_date")
    return clues.treat("datetime", f"type {clues.column.type.kind}")


def _number(clues: _Clues) -> Treatment:
    column, profile = clues.column, clues.profile
    if clues.meaning in _NUMBER_SEMANTICS and (column.type.scale or 0) == 0:
        is_telling = profile.rows and profile.distinct_share > _NEARLY_UNIQUE
        if column.type.kind == "integer" and is_telling and profile.mean_digits >= _ID_DIGITS:
            evidence = f"name says {_spoken(clues.meaning)}, {clues.repeats}"
            return clues.treat("personal", evidence, clues.meaning)
    return clues.treat("number", f"type {column.type.kind}")


def _string(clues: _Clues) -> Treatment:
    if not clues.is_unique and are_documents(clues.profile):
        return treat_json(clues.profile, is_unique=False)
    return (
        _told(clues)
        or _named(clues)
        or _by_role(clues)
        or _secret(clues)
        or _repeated(clues)
        or _spelled(clues)
        or _written(clues)
    )


def _told(clues: _Clues) -> Treatment | None:
    """Personal because the values look it, whatever the name."""
    profile = clues.profile
    if profile.rows == 0:
        return None
    for shape in _TELLING:
        share = profile.share(shape)
        if share >= _MOST:
            return clues.treat("personal", f"{share:.0%} of the values look like {shape}", shape)
    share = profile.share("luhn")
    if share >= _ALL and profile.distinct > 1 and 12 <= profile.mean_digits <= 19:
        evidence = f"{share:.0%} of the values pass the check of card numbers"
        return clues.treat("personal", evidence, "card_number")
    share = profile.share("international_phone")
    if share >= _MOST:
        evidence = f"{share:.0%} of the values look like phone numbers"
        return clues.treat("personal", evidence, "phone")
    return None


def _named(clues: _Clues) -> Treatment | None:
    """Personal, or shared by many, because the name says so and the values do not deny it."""
    meaning = clues.meaning
    if meaning == "gender":
        return clues.treat("category", "name says gender") if clues.may_be_category else None
    if meaning in ("name", "full_name") and _are_companies(clues.profile):
        return clues.treat("personal", "values end as names of companies do", "company")
    if meaning == "name":
        siblings = [c.name for c in clues.table.columns if c.name != clues.column.name]
        if lexicon.is_company_table(clues.table.name.name):
            return clues.treat("personal", "a name in a table of companies", "company")
        if lexicon.is_person_table(clues.table.name.name, siblings):
            return clues.treat("personal", "a name in a table of people", "full_name")
        meaning = lexicon.named_thing(clues.table.name.name)
    if meaning == "title":
        siblings = [c.name for c in clues.table.columns if c.name != clues.column.name]
        is_job = lexicon.is_person_table(clues.table.name.name, siblings)
        meaning = "job" if is_job and clues.profile.mean_length > _SHORT_TITLE else ""
    if meaning not in lexicon.SEMANTICS or _is_denied(clues):
        return None
    evidence = f"name says {_spoken(meaning)}"
    if meaning in lexicon.SHARED and (clues.may_be_category or clues.has_frequent_labels):
        return clues.treat("category", f"{evidence}, {clues.repeats}", meaning)
    return clues.treat("personal", evidence, meaning)


def _are_companies(profile: Profile) -> bool:
    return profile.rows > 0 and profile.share("company") >= _SOME


def _is_denied(clues: _Clues) -> bool:
    """Whether the values contradict what the name says."""
    meaning, profile, table = clues.meaning, clues.profile, clues.table
    if meaning in ("state", "city", "country"):
        others = {lexicon.semantic_of(c.name) for c in table.columns} - {meaning}
        thing = lexicon.named_thing(table.name.name)
        if thing == "country" and meaning == "state":
            return True  # a part of the world
        others.add(thing)
        is_place = bool(others & lexicon.PLACES) or not clues.may_be_category
        return not is_place and meaning == "state"
    if meaning in ("timezone", "locale", "currency"):
        return profile.rows > 0 and not clues.may_be_category  # values tell more
    if meaning == "language":
        return profile.rows > 0 and profile.mean_length <= _SHORT_TITLE  # codes
    if meaning == "birth_date":
        return profile.rows > 0 and profile.share("date") < _MOST
    if profile.rows == 0:
        return False
    if meaning == "email":
        return profile.share("email") < 0.2 and profile.is_repetitive(_FEW_DOCUMENTS)
    if meaning == "phone":
        return profile.mean_digits < 3 and profile.is_repetitive(_FEW_DOCUMENTS)
    if meaning in ("ip", "ipv6", "mac_address", "url", "domain", "file_path", "token"):
        return profile.is_repetitive(_FEW_DOCUMENTS)
    return False


def _by_role(clues: _Clues) -> Treatment | None:
    """Personal because what looks like names stands in it, and it or they say whose."""
    if clues.profile.rows == 0:
        return None
    given = clues.profile.given_name_share
    if given >= _SOME_NAMES:
        evidence = f"{given:.0%} of the values begin with a given name"
        return clues.treat("personal", evidence, "full_name")
    if not lexicon.names_a_person(clues.column.name):
        return None
    share = clues.profile.share("full_name")
    if share < 0.5:
        return None
    evidence = f"named for a person, {share:.0%} of the values look like names"
    return clues.treat("personal", evidence, "full_name")


def _secret(clues: _Clues) -> Treatment | None:
    """Tokens and digests: random again, of the same shape."""
    if clues.profile.rows == 0:
        return None
    for shape in ("jwt", "hex", "uuid"):
        share = clues.profile.share(shape)
        if share >= _ALL and not clues.may_be_category:
            what = {"jwt": "signed tokens", "hex": "digests", "uuid": "uuids"}[shape]
            evidence = f"{share:.0%} of the values look like {what}"
            if shape == "jwt":
                return clues.treat("personal", evidence, "token")
            return clues.treat("format", evidence)
    return None


def _repeated(clues: _Clues) -> Treatment | None:
    return clues.treat("category", clues.repeats) if clues.may_be_category else None


def _spelled(clues: _Clues) -> Treatment | None:
    """Codes of a regular shape."""
    profile = clues.profile
    if profile.rows == 0:
        return None
    if not clues.is_unique:
        share = profile.share("date")
        if share >= _ALL:
            return clues.treat("datetime", f"{share:.0%} of the values are dates as text")
        share = profile.share("number")
        is_measure = profile.share("decimal") > _NEARLY_UNIQUE or profile.pattern_share < _ALL
        if share >= _ALL and is_measure:
            return clues.treat("number", f"{share:.0%} of the values are numbers as text")
    is_code = profile.mean_length <= _LONG_CODE and profile.share("spaced") < 0.5
    has_digits = profile.mean_digits >= 1
    if is_code and profile.pattern_share >= _MOST and (has_digits or _is_even(profile)):
        evidence = f"{profile.pattern_share:.0%} of the values share a few patterns"
        return clues.treat("format", evidence)
    is_whole = profile.share("spaced") <= 1 - _ALL
    if is_whole and has_digits and profile.length_share() >= _ALL:
        return clues.treat("format", "letters and digits anywhere, of one or two lengths")
    is_dense = profile.mean_digits >= max(_DENSE * profile.mean_length, _SHORT_TITLE)
    if is_whole and is_dense and profile.length_share(_FEW_LENGTHS) >= _ALL:
        return clues.treat("format", "many digits among letters, of a few lengths")
    return None


def _is_even(profile: Profile) -> bool:
    """Whether values without digits are codes: one length and capitals for nearly all."""
    import pyarrow.compute as pc

    lengths = pc.utf8_length(profile.text).value_counts().field("counts").to_pylist()
    capitals = pc.mean(pc.utf8_is_upper(profile.text).cast("float64")).as_py()
    return bool(max(lengths) >= _ALL * profile.rows and capitals >= _ALL)


def _written(clues: _Clues) -> Treatment:
    """Everything else is free text, which is never copied."""
    profile = clues.profile
    if profile.rows == 0:
        return clues.treat("text", "string without a value in the sample")
    share = profile.share("spaced")
    return clues.treat("text", f"free text, {share:.0%} of the values have several words")


def _spoken(semantic: str) -> str:
    return semantic.replace("_", " ")
