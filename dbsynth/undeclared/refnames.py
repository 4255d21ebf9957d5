"""What names say about the table to which a column refers: a score from 0 to 1, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from dbsynth.lexicon import is_person_table, noun_forms, same_noun, semantic_of, words_of
from dbsynth.schema import Column, ForeignKey, Schema, Table, TableName

# Words that say that a column identifies something, and nothing about what.
_MARKS = frozenset({"id", "ids", "fk", "pk", "key", "ref", "code", "uuid", "guid", "oid", "sk"})
_NUMBERS = frozenset({"no", "nr", "num", "number", "numero", "nummer"})  # also of lines, of turns
_GENERIC = _MARKS | _NUMBERS | {"name", "title", "label", "value", "text", "date", "year", "row"}
# Nouns that many tables end in, so that sharing one means little.
_COMMON = frozenset({
    "type", "status", "state", "group", "kind", "class", "category", "level", "detail", "line",
    "item", "history", "log", "data", "info", "entry", "record", "set", "list", "map", "name",
})  # fmt: skip
_PREFIXES = frozenset({"tbl", "tb", "t", "dim", "fact", "lkp", "mst", "ref", "stg", "tab", "m"})
_LINKS = frozenset({"via", "by", "with", "from", "to", "at", "of", "for", "in", "on"})
# What rows call another row of their own table, and what people call another person.
_ROLES = (
    "parent", "ancestor", "predecessor", "successor", "previous", "prev", "next", "original",
    "reply to", "replies to", "belongs to", "part of", "child of", "duplicate of", "merged into",
    "replaces", "replaced by", "superseded by", "in reply to", "derived from", "root",
)  # fmt: skip
_PERSON_ROLES = (
    "manager", "supervisor", "superior", "boss", "mentor", "reports to", "report to",
    "referred by", "referrer", "spouse", "mother", "father", "vorgesetzter", "jefe",
)  # fmt: skip
# What other tables call people who work here, and what these people's tables are called.
_STAFF_ROLES = (
    "manager", "supervisor", "boss", "rep", "representative", "salesperson", "seller", "agent",
    "assignee", "assigned to", "approver", "reviewer", "editor", "author", "owner", "creator",
    "operator", "responsible", "head", "leader", "lead", "cashier", "handler", "instructor",
    "bearbeiter", "vendedor", "sender", "recipient", "receiver", "member", "moderator", "actor",
    "reporter", "requester", "submitter", "uploader",
)  # fmt: skip
_STAFF = frozenset({
    "user", "employee", "staff", "account", "person", "member", "worker", "personnel",
    "mitarbeiter", "benutzer", "usuario", "empleado", "utilisateur", "employe",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hint:
    """How much names say that a column refers to a table, 0 to 1, and in which words."""

    score: float = 0.0
    why: str = "the names say nothing"

    def times(self, factor: float, why: str) -> Hint:
        """Trust it less, for a reason."""
        return Hint(round(self.score * factor, 3), f"{self.why}, {why}") if self.score else self


NO_HINT = Hint()


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A column's name taken apart: what it speaks of, and whether it says that it identifies."""

    stem: tuple[str, ...]
    mark: str  # "" if nothing says so


@dataclass(frozen=True, slots=True)
class _Noun:
    """What a table is called."""

    words: tuple[str, ...]  # without what tables of its kind begin with
    prefix: tuple[str, ...]  # what was taken off


class Names:
    """The names of a schema, taken apart once."""

    def __init__(self, schema: Schema) -> None:
        """Look at all tables; `known` gains column names that lead to one table elsewhere."""
        self._schema = schema
        self._nouns = {t.name: _noun(t) for t in schema.tables}
        self._shared = {t.name: _shared_prefix(t) for t in schema.tables}
        self._is_person = {
            t.name: is_person_table(t.name.name, [c.name for c in t.columns]) for t in schema.tables
        }
        self._staff = [n for n, noun in self._nouns.items() if _is_staff(noun)]
        joined = {form for n in self._nouns.values() for form in noun_forms("".join(n.words))}
        self._joined = joined | set(_ROLES + _PERSON_ROLES + _STAFF_ROLES)
        self._said: dict[tuple[TableName, str], _Spoken] = {}
        self._meant: dict[tuple[str, ...], frozenset[TableName]] = {}
        self._keyed = self._key_words()

    def worth_asking(self, table: Table, column: Column) -> frozenset[TableName]:
        """The tables of which a column's name may say something; the others have no hint."""
        spoken = self._spoken(table, column.name)
        stem = _without_links(spoken.stem)
        if stem not in self._meant:
            named = (n for n, noun in self._nouns.items() if _named(stem, noun, (), "").score)
            self._meant[stem] = frozenset(named)
        found = self._meant[stem] | self._keyed.get(spoken.stem[-1:], frozenset())
        if _role(spoken.stem, _ROLES + _PERSON_ROLES):
            found |= {table.name}
        if spoken.stem[-1:] == ("by",) or _role(spoken.stem, _STAFF_ROLES):
            found |= {n for n, is_person in self._is_person.items() if is_person}
        return found

    def _key_words(self) -> dict[tuple[str, ...], frozenset[TableName]]:
        """By the last word of what it speaks of, the tables with a key of one column."""
        found: dict[tuple[str, ...], frozenset[TableName]] = {}
        for table in self._schema.tables:
            for unique in table.unique_sets:
                if len(unique) == 1 and (last := self._spoken(table, unique[0]).stem[-1:]):
                    found[last] = found.get(last, frozenset()) | {table.name}
        return found

    def hint(self, table: Table, column: Column, parent: Table, key: str) -> Hint:
        """
        Say how much names speak for `table.column -> parent.key`.

        A column that is its table's whole primary key is named for its own table, so only another
        table's name in it counts.
        """
        spoken = self._spoken(table, column.name)
        is_own = table.primary_key == (column.name,)
        found = [self._by_table(table, spoken, parent, key, column)]
        if not is_own:
            found.append(self._by_key(table, column, parent, key))
            found.append(self._by_role(table, spoken, parent, column))
        best = max(found, key=lambda h: h.score)
        if is_own and (best.score < 0.95 or self._is_own(table, spoken)):
            return NO_HINT
        if parent.primary_key != (key,) and best.score and not self._says_key(spoken, key):
            return best.times(0.8, "but it leads to no primary key")
        return best

    def part_hint(self, table: Table, column: Column, parent: Table, wanted: str) -> Hint:
        """Say how much names speak for a column to stand for one part of a parent's key."""
        own, other = self._spoken(table, column.name), self._spoken(parent, wanted)
        if own == other and table.name != parent.name:
            return Hint(0.95, f"they are called as the key of {parent.name.name}")
        if column.name == wanted:  # of its own table: a part that parent and child share
            return Hint(0.95, f"they are called as the key of {parent.name.name}")
        if other.stem and other.stem[-1] not in _GENERIC:
            is_end = own.mark == other.mark and own.stem[-len(other.stem) :] == other.stem
            return Hint(0.7, f"they end as the key of {parent.name.name}") if is_end else NO_HINT
        return max(
            self._by_table(table, own, parent, wanted, column),
            self._by_role(table, own, parent, column),
            key=lambda h: h.score,
        )

    def _spoken(self, table: Table, name: str) -> _Spoken:
        place = table.name, name
        if place not in self._said:
            words = words_of(name)
            if len(words) > 1 and words[:1] == self._shared[table.name]:
                words = words[1:]
            elif len(words) > 2 and _meets(words[:1], self._nouns[table.name].words[-1:]):
                words = words[1:]  # comment_post_id is a comment's post
            spoken = _speak(words)
            glued = _glued(words[0]) if len(words) == 1 and not spoken.mark else None
            is_glued = glued is not None and glued.stem[0] in self._joined
            self._said[place] = glued if glued is not None and is_glued else spoken
        return self._said[place]

    def _is_own(self, table: Table, spoken: _Spoken) -> bool:
        return _meets(spoken.stem, self._nouns[table.name].words)

    def _says_key(self, spoken: _Spoken, key: str) -> bool:
        """Whether a column's mark is the key's own: customer_code refers to customer.code."""
        words = words_of(key)
        return bool(words) and words[-1] in {spoken.mark, *spoken.stem[-1:]}

    def _by_table(
        self, table: Table, spoken: _Spoken, parent: Table, key: str, column: Column
    ) -> Hint:
        noun = self._nouns[parent.name]
        stem = _without_links(spoken.stem)
        found = _named(stem, noun, self._nouns[table.name].prefix, parent.name.name)
        if not found.score:
            return found
        if table.name == parent.name:
            if any(_meets(spoken.stem, noun.words[i:]) for i in range(len(noun.words))):
                return NO_HINT  # that is the row's own name; previous_order is another order's
            if found.score < 0.85:
                return NO_HINT  # nor what its own name may be short for
            found = found.times(0.95, "another row of its own table")
        return self._marked(found, spoken, column, key)

    def _marked(self, found: Hint, spoken: _Spoken, column: Column, key: str) -> Hint:
        """Trust names less that do not say that the column identifies something."""
        said = {*words_of(key)}
        is_number = column.type.kind in ("integer", "decimal")
        if spoken.mark in _MARKS or spoken.mark in said or not is_number:
            return found
        if spoken.mark:
            return found.times(0.65, f"but {spoken.mark} may count within something else")
        if spoken.stem and noun_forms(spoken.stem[-1]) - {spoken.stem[-1]}:
            return NO_HINT  # orders, items: how many there are
        return found.times(0.7, "but nothing says that it identifies")

    def _by_key(self, table: Table, column: Column, parent: Table, key: str) -> Hint:
        """The column is called as the key is."""
        own, wanted = self._spoken(table, column.name), self._spoken(parent, key)
        if table.name == parent.name or not wanted.stem or wanted.stem[-1] in _GENERIC:
            return NO_HINT
        if own == wanted:
            if _meets(wanted.stem, self._nouns[parent.name].words):
                return Hint(1.0, f"it is called as the key of {parent.name.name}")
            is_content = parent.primary_key != (key,) and semantic_of(key) and not own.mark
            return Hint(0.6 if is_content else 0.92, f"it is called as the key of {parent.name}")
        if own.mark == wanted.mark and own.stem[-len(wanted.stem) :] == wanted.stem:
            return Hint(0.85 if wanted.mark else 0.7, f"it ends as the key of {parent.name}")
        return NO_HINT

    def _by_role(self, table: Table, spoken: _Spoken, parent: Table, column: Column) -> Hint:
        stem = " ".join(spoken.stem)
        is_person = self._is_person[parent.name]
        if table.name == parent.name:
            roles = _ROLES + _PERSON_ROLES if is_person else _ROLES
            is_by = spoken.stem[-1:] == ("by",) and parent.name in self._staff
            found = _role(spoken.stem, roles) or (stem if is_by else "")
            return Hint(0.95, f"{found} is another row of its own table") if found else NO_HINT
        if not is_person:
            return NO_HINT
        is_staff = parent.name in self._staff
        if spoken.stem[-1:] == ("by",) and len(spoken.stem) > 1:
            certain = is_staff and len(self._staff) == 1
            return Hint(0.9 if certain else 0.6, f"{stem} is a person") if is_staff else NO_HINT
        found = _role(spoken.stem, _STAFF_ROLES)
        if not found:
            return NO_HINT
        certain = is_staff and len(self._staff) == 1
        hint = Hint(0.75 if certain else 0.6 if is_staff else 0.4, f"{found} is a person")
        return hint if spoken.mark or column.type.kind == "uuid" else hint.times(0.6, "perhaps")


def _role(stem: tuple[str, ...], roles: tuple[str, ...]) -> str:
    """The role in which a stem ends; "" if in none."""
    said = " ".join(stem)
    return next((r for r in roles if said == r or said.endswith(f" {r}")), "")


def _without_links(stem: tuple[str, ...]) -> tuple[str, ...]:
    """Take prepositions off the end: ship_via."""
    while len(stem) > 1 and stem[-1] in _LINKS:
        stem = stem[:-1]
    return stem


def _noun(table: Table) -> _Noun:
    words = words_of(table.name.name)
    start = 1 if len(words) > 1 and words[0] in _PREFIXES else 0
    return _Noun(words[start:], words[:1] if len(words) > 1 else ())


def _is_staff(noun: _Noun) -> bool:
    return bool(noun.words) and bool(noun_forms(noun.words[-1]) & _STAFF)


def _shared_prefix(table: Table) -> tuple[str, ...]:
    """The short word with which every column of a table begins: o_orderkey, o_custkey."""
    first = {words_of(c.name)[:1] for c in table.columns}
    if len(table.columns) < 3 or len(first) != 1:
        return ()
    (word,) = first
    return word if word and len(word[0]) <= 4 else ()


def _speak(words: tuple[str, ...]) -> _Spoken:
    """Take marks off both ends, numbers too: fk_customer, id_cliente, team_1_id."""
    stem, mark = list(words), ""
    while stem and (stem[-1] in _MARKS | _NUMBERS or (stem[-1].isdigit() and len(stem) > 1)):
        word = stem.pop()
        mark = mark if mark or word.isdigit() else word
    while len(stem) > 1 and stem[0] in ("fk", "id", "ref", "key", "idx"):
        mark = mark or stem[0]
        stem.pop(0)
    return _Spoken(tuple(stem), mark)


def _glued(word: str) -> _Spoken | None:
    """Find a mark that is glued to its noun: countrycode, custid, idcliente."""
    for mark in ("uuid", "code", "key", "ref", "id", "nr", "no"):
        if word.endswith(mark) and len(word) >= len(mark) + 3:
            return _Spoken((word[: -len(mark)],), mark)
    if word.startswith("id") and len(word) >= 6:
        return _Spoken((word[2:],), "id")
    return None


def _meets(stem: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Whether a column's stem is a table's name, in whatever number."""
    if not stem or not words:
        return False
    if len(stem) == len(words) and stem[:-1] == words[:-1]:
        return same_noun(stem[-1], words[-1])
    return same_noun("".join(stem), "".join(words))


@lru_cache(maxsize=262144)
def _named(stem: tuple[str, ...], noun: _Noun, prefix: tuple[str, ...], name: str) -> Hint:
    """How well a stem names a table."""
    words = noun.words
    if not stem or not words:
        return NO_HINT
    if _meets(stem, words):
        return Hint(1.0, f"it names {name}")
    said = " ".join(stem)
    for size in range(len(stem) - 1, 0, -1):
        if _meets(stem[-size:], words):
            return Hint(0.95, f"it ends in the name of {name}")
    for size in range(len(words) - 1, 0, -1):
        if _meets(stem, words[-size:]):
            if stem[-1] in _COMMON:
                return Hint(0.6, f"{name} ends in {said}")
            is_near = bool(noun.prefix) and noun.prefix == prefix
            return Hint(0.97 if is_near else 0.87, f"{name} ends in {said}")
    return _abbreviated(stem, words, name)


def _abbreviated(stem: tuple[str, ...], words: tuple[str, ...], name: str) -> Hint:
    last, noun = stem[-1], words[-1]
    if len(stem) == len(words) and all(map(_shortens, stem, words)):
        return Hint(0.75, f"{' '.join(stem)} may be short for {name}")
    if len(words) == 1 and _shortens(last, noun):
        return Hint(0.7, f"{last} may be short for {name}")
    if len(words) > 1 and last not in _COMMON and same_noun(last, noun):
        return Hint(0.6, f"both end in {noun}")
    initials = "".join(w[0] for w in words)
    if len(initials) > 1 and last == initials:
        return Hint(0.6, f"{last} are the initials of {name}")
    if min(len(last), len(noun)) >= 4 and (noun.startswith(last) or last.startswith(noun)):
        return Hint(0.5, f"{last} and {noun} begin alike")
    return NO_HINT


@lru_cache(maxsize=65536)
def _shortens(short: str, word: str) -> bool:
    """
    Whether one word is the other, or an abbreviation of it: its start, or its bones.

    >>> _shortens("cust", "customers"), _shortens("dept", "department"), _shortens("cat", "actor")
    (True, True, False)
    """
    if same_noun(short, word):
        return True
    if not 3 <= len(short) < len(word) or short[0] != word[0]:
        return False
    if word.startswith(short):
        return True
    if set(short[1:]) & set("aeiou") and len(short) < 4:
        return False
    place = 0
    for letter in short:
        place = word.find(letter, place) + 1
        if not place:
            return False
    # The bones are consonants: dept, mgr, acct, and end where the word ends or nearly so.
    return len(set(short[1:]) & set("aeiou")) <= 1 and len(short) >= 3


def recurring(keys: Iterable[ForeignKey]) -> Mapping[str, ForeignKey]:
    """
    Find names of columns that lead to one place in all tables, and say that they identify.

    Returns:
        by name without case, one of the keys of one column that lead there.
    """
    found: dict[str, dict[tuple[TableName, tuple[str, ...]], ForeignKey]] = {}
    for key in keys:
        if len(key.columns) == 1 and key.when is None and _speak(words_of(key.columns[0])).mark:
            places = found.setdefault(key.columns[0].casefold(), {})
            places.setdefault((key.parent, key.parent_columns), key)
    return {name: next(iter(p.values())) for name, p in found.items() if len(p) == 1}
