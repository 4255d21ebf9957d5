"""Bring Arrow batches into one MariaDB or MySQL table: LOAD DATA LOCAL, or packets of INSERT."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbsynth.adapters.mysql_connection import fetch, quote, safe_text, translated
from dbsynth.adapters.mysql_types import LAST_MOMENT, fitting, load_expression
from dbsynth.errors import TargetError
from dbsynth.schema import Column, TableName

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.connections import Connection

_FILE_BYTES = 64 << 20  # of one LOAD DATA, which is one transaction
_INSERT_ROWS = 10_000  # turned into text at once
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\\0"))


class Loader:
    """Loads rows into one table."""

    def __init__(
        self,
        connection: Connection[Any],
        table: TableName,
        columns: Sequence[Column],
        into: str,
        *,
        max_packet: int,
        last: str = LAST_MOMENT,
    ) -> None:
        """
        Say where rows go.

        Args:
            connection: the session.
            table: the table's name for messages.
            columns: all columns that may come.
            into: the table's quoted name.
            max_packet: bytes of the longest statement.
            last: where the server's TIMESTAMP ends.
        """
        self._connection = connection
        self._doing = f"writing {table}"
        self._columns = {c.name: c for c in columns}
        self._into = into
        self._max_packet = max_packet
        self._last = last

    def load(self, batches: Iterable[pa.RecordBatch], *, from_file: bool) -> int:
        """
        Load all rows.

        Args:
            batches: any subset of the columns, the same in every batch.
            from_file: both ends allow LOAD DATA LOCAL.

        Returns:
            the number of rows.

        Raises:
            TargetError: the database refused rows.
        """
        batches = (b for b in batches if b.num_rows)
        with translated(TargetError, self._doing):
            return self._from_file(batches) if from_file else self._insert(batches)

    def _from_file(self, batches: Iterable[pa.RecordBatch]) -> int:
        total = rows = 0
        with tempfile.NamedTemporaryFile(prefix="dbsynth-", suffix=".tsv") as file:
            names: Sequence[str] = ()
            for batch in batches:
                names = batch.schema.names
                file.write(self._lines(batch))
                rows += batch.num_rows
                if file.tell() >= _FILE_BYTES:
                    total += self._load_data(file, names, rows)
                    rows = 0
            return total + (self._load_data(file, names, rows) if rows else 0)

    def _load_data(self, file: Any, names: Sequence[str], rows: int) -> int:
        """Send what the file holds, and empty it."""
        file.flush()
        targets, settings = [], []
        for number, name in enumerate(names):
            expression = load_expression(self._columns[name].type)
            targets.append(quote(name) if expression is None else f"@v{number}")
            if expression is not None:
                settings.append(f"{quote(name)} = {expression.replace('{}', f'@v{number}')}")
        path = str(Path(file.name)).replace("\\", "\\\\").replace("'", "\\'")
        sql = (
            f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {self._into} CHARACTER SET utf8mb4 "
            r"FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' "
            f"({', '.join(targets)}){' SET ' + ', '.join(settings) if settings else ''}"
        )
        with self._connection.cursor() as cursor:
            loaded = cursor.execute(sql)
        # LOCAL turns every error into a warning and skips the row.
        warnings = fetch(self._connection, "SHOW WARNINGS LIMIT 1")
        if warnings or loaded != rows:
            reason = safe_text(int(warnings[0][1]), warnings[0][2]) if warnings else "no reason"
            raise TargetError(
                f"{self._doing}: {loaded} of {rows} rows were taken; {reason}",
                "Look at the named column or key; nothing was changed in the target.",
            )
        file.seek(0)
        file.truncate()
        return rows

    def _insert(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Send statements of several rows, each half a packet at most."""
        total = 0
        for batch in batches:
            names = ", ".join(map(quote, batch.schema.names))
            head = f"INSERT INTO {self._into} ({names}) VALUES "
            for packet in self._packets(batch):
                with self._connection.cursor() as cursor:
                    cursor.execute(head + ",".join(packet))
                total += len(packet)
        return total

    def _packets(self, batch: pa.RecordBatch) -> Iterator[list[str]]:
        packet: list[str] = []
        size = 0
        for start in range(0, batch.num_rows, _INSERT_ROWS):
            for row in self._rows(batch.slice(start, _INSERT_ROWS)):
                if packet and size + 4 * len(row) > self._max_packet // 2:
                    yield packet
                    packet, size = [], 0
                packet.append(row)
                size += 4 * len(row)
        if packet:
            yield packet

    def _rows(self, batch: pa.RecordBatch) -> list[str]:
        """Write each row as one parenthesis of VALUES."""
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = []
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            texts = self._written(name, values)
            for plain, escaped in (("\\", "\\\\"), ("'", "\\'"), ("\0", "\\0"), ("\x1a", "\\Z")):
                texts = pc.replace_substring(texts, plain, escaped)
            text = pa.scalar("'", pa.large_string())
            texts = pc.binary_join_element_wise(text, texts, text, _large(""))
            first, *rest = (load_expression(self._columns[name].type) or "{}").split("{}")
            around = [piece for part in rest for piece in (texts, _large(part))]
            texts = pc.binary_join_element_wise(_large(first), *around, _large(""))
            columns.append(pc.fill_null(texts, _large("NULL")))
        joined = pc.binary_join_element_wise(*columns, _large(","))
        rows: list[str] = pc.binary_join_element_wise(
            _large("("), joined, _large(")"), _large("")
        ).to_pylist()
        return rows

    def _lines(self, batch: pa.RecordBatch) -> bytes:
        r"""Write rows as LOAD DATA reads them: tabs between fields, `\N` for NULL, escapes."""
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = []
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            texts = self._written(name, values)
            if pa.types.is_string(values.type) or not pa.types.is_primitive(values.type):
                for plain, escaped in _ESCAPES:
                    texts = pc.replace_substring(texts, plain, escaped)
            columns.append(pc.fill_null(texts, _large("\\N")))
        rows = pc.binary_join_element_wise(*columns, _large("\t"))
        ended = pc.binary_join_element_wise(rows, _large("\n"), _large(""))
        whole = pa.LargeListArray.from_arrays(pa.array([0, len(ended)], pa.int64()), ended)
        text: bytes = pc.binary_join(whole, _large(""))[0].as_buffer().to_pybytes()
        return text

    def _written(self, name: str, values: pa.Array) -> pa.Array:
        """A column's values as its type takes them."""
        return fitting(values, self._columns[name].type, self._last)


def _large(text: str) -> pa.Scalar:
    import pyarrow as pa

    return pa.scalar(text, pa.large_string())
