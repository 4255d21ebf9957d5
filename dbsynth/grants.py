"""Owners and grants of a schema: left behind, or carried on request with roles of other names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from dbsynth.errors import UsageError
from dbsynth.schema import Schema, Statement

# Quoted names, string constants, words; everything else one character at a time.
_TOKEN = re.compile(r'"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'|\w[\w$]*|\s+|.', re.DOTALL)
_BEFORE_ROLE = frozenset({"TO", "FROM", "ROLE", "AUTHORIZATION"})
_EVERYBODY = frozenset({"PUBLIC", "CURRENT_ROLE", "CURRENT_USER", "SESSION_USER"})


def with_grants(schema: Schema, roles: Mapping[str, str] | None) -> Schema:
    """
    Let a schema's script end with its owners and grants.

    Args:
        schema: of the source, with what its own tool says on owners and grants.
        roles: the target's role for roles of the source; roles that it does not name keep their
            names.  None: owners and grants stay behind.

    Raises:
        UsageError: grants are wanted, and the source's tool did not tell them.
    """
    if roles is None:
        return schema
    if not schema.script:
        raise UsageError(
            "owners and grants can be carried within PostgreSQL only, and with pg_dump at hand",
            "Leave --grants and --role out.",
        )
    known = {role for item in schema.grants for role in _roles(item.sql)}
    unknown = sorted(set(roles) - known)
    if unknown:
        raise UsageError(
            f"the source grants nothing to {', '.join(unknown)}",
            f"Name roles that own or may do something there: {', '.join(sorted(known)) or 'none'}.",
        )
    carried = tuple(replace(g, sql=renamed(g.sql, roles)) for g in schema.grants)
    return replace(schema, script=(*schema.script, *carried))


def split(statements: tuple[Statement, ...]) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
    """Part what makes the schema from what says who owns and may use it."""
    return (
        tuple(s for s in statements if not s.is_grant),
        tuple(s for s in statements if s.is_grant),
    )


def renamed(sql: str, roles: Mapping[str, str]) -> str:
    """Replace the roles in GRANT, REVOKE, ALTER … OWNER TO and ALTER DEFAULT PRIVILEGES."""
    parts = []
    for token, is_role in _marked(sql):
        name = roles.get(_bare(token)) if is_role else None
        parts.append(token if name is None else '"' + name.replace('"', '""') + '"')
    return "".join(parts)


def _roles(sql: str) -> Iterator[str]:
    for token, is_role in _marked(sql):
        if is_role:
            yield _bare(token)


def _marked(sql: str) -> Iterator[tuple[str, bool]]:
    """Every token, and whether it names a role."""
    before = ""
    for token in _TOKEN.findall(sql):
        is_name = token[0] == '"' or token[0].isalnum() or token[0] == "_"
        yield token, is_name and before in _BEFORE_ROLE and token not in _EVERYBODY
        if not token.isspace():
            before = token


def _bare(token: str) -> str:
    return token[1:-1].replace('""', '"') if token[0] == '"' else token
