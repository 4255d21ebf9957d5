"""Decide what is done with columns of types that only some databases have."""

from __future__ import annotations

import json

from dbsynth import numerals
from dbsynth.parts.literals import parse_json
from dbsynth.parts.taking import DOCUMENTS, LISTS, flat_style
from dbsynth.profiles import Profile
from dbsynth.schema import SqlType
from dbsynth.serials import can_count
from dbsynth.treatments import Treatment, TreatmentKind

FEW_DOCUMENTS = 50  # so few different values are labels, however much is in them
_OFTEN = 7  # times that a label comes on average; fewer may not be released
_ALL = 0.98
_PARSED = 500  # texts that are parsed before they count as documents
_NESTED = frozenset({"array", "composite", "range", "hstore"}) | DOCUMENTS
_WORDS = frozenset({"tsvector", "tsquery", "xml"})
_OTHERS: dict[TreatmentKind, frozenset[str]] = {
    "personal": frozenset({"macaddr", "macaddr8"}),
    "binary": frozenset({"bit", "varbit"}),
    "format": frozenset({"char"}),
}
_EMPTY = {
    "interval": "0", "inet": "192.0.2.1", "cidr": "192.0.2.0/24", "macaddr": "02:00:00:00:00:00",
    "macaddr8": "02:00:00:ff:fe:00:00:00", "point": "(0,0)", "line": "{1,0,0}",
    "circle": "<(0,0),0>",
    "lseg": "[(0,0),(0,0)]", "box": "(0,0),(0,0)", "path": "((0,0))", "polygon": "((0,0))",
    "xml": "<e/>", "timetz": "00:00:00+00", "array": "{}", "range": "empty", "multirange": "{}",
    "oid": "0", "xid": "0", "xid8": "0", "cid": "0", "tid": "(0,0)", "pg_lsn": "0/0",
    "jsonpath": "$", "lquery": "*", "ltxtquery": "a", "pg_snapshot": "1:1:",
    "txid_snapshot": "1:1:", "pg_node_tree": "<>", "char": "a", "list": "[]", "map": "{}",
    "hugeint": "0",
}  # fmt: skip
_FLAT = {
    "linestring": "LINESTRING(0 0,1 1)", "polygon": "POLYGON((0 0,0 1,1 1,0 0))",
    "multipoint": "MULTIPOINT(0 0)", "multilinestring": "MULTILINESTRING((0 0,1 1))",
    "multipolygon": "MULTIPOLYGON(((0 0,0 1,1 1,0 0)))",
    "geometrycollection": "GEOMETRYCOLLECTION(POINT(0 0))",
}  # fmt: skip


def treat_type(sql: SqlType, profile: Profile, *, is_unique: bool) -> Treatment:
    """
    Decide on a column of a type without portable meaning.

    Args:
        sql: the type.
        profile: a sample of the values.
        is_unique: no value may come again.
    """
    family = sql.family

    def treat(kind: TreatmentKind, evidence: str, semantic: str = "") -> Treatment:
        return Treatment(kind=kind, semantic=semantic, evidence=evidence, is_unique=is_unique)

    if is_unique and can_count(sql):
        return treat("key", f"unique {family or sql.kind}, counted", "serial")
    if family in _WORDS and not is_unique:
        return treat("text", f"type {family}: made of words that are made up")
    if family.startswith("reg") and not is_unique:
        return treat("void", f"type {family} names objects of one server")
    if is_unique or (family in DOCUMENTS and _holds_bytes(sql)):
        return treat("void", f"type {sql.native} is not understood")
    is_parted = family in _NESTED or family in LISTS or flat_style(sql) != ""
    if _is_repetitive(profile, FEW_DOCUMENTS if is_parted else 2_000):
        return treat("category", f"{profile.distinct} different values in {profile.rows} rows")
    if numerals.is_numeral(sql) and not (family == "interval" and _has_months(profile)):
        return treat("number", f"type {family}")
    if is_parted:
        return treat("structure", f"type {family}: its parts are learned one by one")
    for kind, families in _OTHERS.items():
        if family in families:
            return treat(kind, f"type {family}", "mac_address" if kind == "personal" else "")
    return treat("void", f"type {sql.native} is not understood")


def _holds_bytes(sql: SqlType) -> bool:
    """JSON has no bytes, so values that hold them come as a text that is not parsed."""
    return any(word in sql.native for word in ("BLOB", "BIT"))


def _is_repetitive(profile: Profile, labels: int) -> bool:
    """Whether values come again so often that most of them may be released."""
    return profile.is_repetitive(labels) and profile.distinct * _OFTEN <= profile.rows


def _has_months(profile: Profile) -> bool:
    """Whether intervals have parts that only a calendar can compare."""
    return numerals.has_months(profile.text)


def empty_value(sql: SqlType) -> str:
    """
    Give the text of the emptiest value of a type that has no portable kind.

    A value of a type that is not known here has to be asked for, see `dbsynth.placeholders`.
    """
    if sql.kind == "json":
        return "{}"
    native = sql.native.lower()
    if sql.family == "geometry":
        return _FLAT.get(native.split("(")[0], "POINT(0 0)")
    if native.startswith("inet6"):
        return "2001:db8::"
    if sql.family == "struct":
        return json.dumps(dict.fromkeys(name for name, _ in sql.parts))
    if sql.family == "bit":
        return "0" * (sql.length or 1)
    if sql.family.startswith("reg"):
        return "-"
    if sql.family == "composite":
        return f"({',' * (len(sql.parts) - 1)})"
    return _EMPTY.get(sql.family, "")


def treat_json(profile: Profile, *, is_unique: bool) -> Treatment:
    """Decide on a column of JSON documents."""
    if is_unique:
        return Treatment(kind="key", semantic="serial", evidence="unique json", is_unique=True)
    if _is_repetitive(profile, FEW_DOCUMENTS):
        evidence = f"{profile.distinct} different values in {profile.rows} rows"
        return Treatment(kind="category", evidence=evidence)
    return Treatment(kind="structure", semantic="json", evidence=_told(profile))


def are_documents(profile: Profile) -> bool:
    """Whether texts are JSON objects or arrays, all but a few."""
    if not profile.rows or profile.share("document") < _ALL:
        return False
    texts = profile.text.slice(0, _PARSED).to_pylist()
    return sum(map(_is_document, texts)) >= _ALL * len(texts)


def _is_document(text: str) -> bool:
    try:
        return isinstance(parse_json(text), list)
    except ValueError:
        return False


def _told(profile: Profile) -> str:
    """What kind of documents there are."""
    if not profile.rows:
        return "json without a value in the sample"
    objects = profile.share("object")
    return f"json, {objects:.0%} of the values are objects; its parts are learned one by one"
