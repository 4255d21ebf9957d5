"""Which patterns a table's checks ask of its texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from dbsynth.expressions import UntranslatableError
from dbsynth.mending.hints import matched
from dbsynth.mending.localsql import LocalSql
from dbsynth.regexes import Pattern, UnknownPatternError, parse_pattern
from dbsynth.schema import Table


def patterns_of(table: Table, local: LocalSql) -> Mapping[str, list[Pattern]]:
    """List, for each text column, the patterns that checks ask of it and that can be drawn from."""
    found: dict[str, list[Pattern]] = defaultdict(list)
    for check in table.row_checks:
        try:
            tree = local.parse(check.expression)
        except UntranslatableError:
            continue
        for column, regex in matched(tree, local):
            try:
                found[column].append(parse_pattern(regex))
            except UnknownPatternError:
                continue
    return found
