"""Show rows to a PostgreSQL server, to hear whether they would keep a table's checks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
import psycopg
import pyarrow as pa
from numpy.typing import NDArray

from dbsynth.adapters import ddl
from dbsynth.adapters.ddl import DialectRules
from dbsynth.adapters.postgresql_connection import Connection
from dbsynth.adapters.postgresql_copy import copy_rows
from dbsynth.schema import Column, SqlType, Table, TableName

_SHOWN = "dbsynth_shown"
_NUMBER = Column(name="dbsynth row", type=SqlType(kind="integer", native="bigint", bits=64))


def shown(
    connection: Connection,
    table: Table,
    rows: pa.Table,
    conditions: Sequence[str],
    rules: DialectRules,
) -> list[NDArray[np.bool_] | None]:
    """
    Evaluate conditions on rows in a temporary table of the same columns.

    Args:
        connection: in a transaction that the caller rolls back.
        table: the target's.
        rows: (n,) of some of its columns.
        conditions: as the server would check them.
        rules: how to spell.

    Returns:
        (n,) flags for each condition; None where the server cannot evaluate it.

    Raises:
        psycopg.Error: the rows do not fit the columns' types.
    """
    numbers = pa.array(np.arange(len(rows), dtype=np.int64))
    numbered = rows.append_column(_NUMBER.name, numbers)
    columns = [*(table.column(c) for c in rows.column_names), _NUMBER]
    plain = [
        replace(c, generated=None, identity=None, default=None, is_nullable=True) for c in columns
    ]
    staged = Table(name=TableName("pg_temp", _SHOWN), columns=tuple(plain))
    name = ddl.quote_table(staged.name, rules)
    connection.execute(ddl.create_table(staged, rules, inline=()).encode())
    copy_rows(connection, name, plain, numbered.to_batches(), rules)
    # Expressions name the table where a column's name could be a function's.
    known = f"{name} AS {ddl.quote(table.name.name, rules)}"
    return [_flags(connection, known, c, len(rows), rules) for c in conditions]


def _flags(
    connection: Connection, source: str, condition: str, size: int, rules: DialectRules
) -> NDArray[np.bool_] | None:
    number = ddl.quote(_NUMBER.name, rules)
    sql = f"SELECT {number} FROM {source} WHERE NOT coalesce(({condition}), true)"
    with suppress(psycopg.Error), connection.transaction():
        broken = connection.execute(sql.encode()).fetchall()
        flags = np.ones(size, bool)
        flags[[row[0] for row in broken]] = False
        return flags
    return None
