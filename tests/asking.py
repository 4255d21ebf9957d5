"""A plain connection to each kind of database that verification can ask, without an adapter."""

from __future__ import annotations

import sqlite3
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from dbsynth import queries
from dbsynth.errors import TargetError
from dbsynth.schema import TableName


class Asked:
    """A database that answers SELECTs; any failure of the driver is a TargetError."""

    def __init__(self, dialect: str, connection: Any, failures: type[Exception]) -> None:
        self.dialect = dialect
        self.connection = connection
        self._failures = failures

    def execute(self, *statements: str) -> None:
        cursor = self.connection.cursor()
        for statement in statements:
            cursor.execute(statement)

    def query(self, sql: str) -> pa.Table:
        cursor = self.connection.cursor()
        try:
            cursor.execute(sql)
            rows = cursor.fetchall()
        except self._failures as exc:
            raise TargetError("the statement failed", "Mend the test.") from exc
        names = [d[0] for d in cursor.description]
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        return pa.table(dict(zip(names, map(list, columns), strict=True)))

    def quote(self, name: TableName) -> str:
        return ".".join(queries.identifier(self.dialect, part) for part in name if part)

    def close(self) -> None:
        self.connection.close()


def ask_sqlite(path: str = ":memory:") -> Asked:
    return Asked("sqlite", sqlite3.connect(path, isolation_level=None), sqlite3.Error)


def ask_duckdb() -> Asked:
    import duckdb

    return Asked("duckdb", duckdb.connect(), duckdb.Error)


def ask_postgresql(url: str) -> Asked:
    import psycopg

    return Asked("postgresql", psycopg.connect(url, autocommit=True), psycopg.Error)


def ask_mysql(url: str) -> Asked:
    import pymysql

    parts = urlsplit(url)
    connection = pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=parts.username,
        password=parts.password or "",
        database=parts.path.strip("/"),
        autocommit=True,
    )
    return Asked("mysql", connection, pymysql.MySQLError)
