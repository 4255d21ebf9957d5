"""SHA-256 of the rows of every table of a database, in the order of its own reading, by column."""

from __future__ import annotations

import hashlib
import sys

import pyarrow as pa

from dbsynth.adapters import open_source
from dbsynth.urls import resolve


def table_sums(url: str) -> dict[str, str]:
    """Hash all values of each table, sorted by its primary key where it has one."""
    with open_source(resolve(url)) as source:
        found = {}
        for table in source.introspect().tables:
            if table.name.name.startswith("_dbsynth"):
                continue
            digest = hashlib.sha256()
            columns = [c.name for c in table.written_columns]
            for batch in source.read(table, columns, order_by=table.primary_key):
                for column in batch.columns:
                    texts = column.cast(pa.string()) if column.type != pa.binary() else column
                    digest.update(repr(texts.to_pylist()).encode())
            found[str(table.name)] = digest.hexdigest()
    return found


if __name__ == "__main__":
    for name, digest in table_sums(sys.argv[1]).items():
        sys.stdout.write(f"{digest[:16]}  {name}\n")
