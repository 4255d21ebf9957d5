"""How DuckDB spells DDL, how it is set up here, and what its errors may say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dbsynth.adapters import ddl
from dbsynth.errors import DbsynthError

RULES = ddl.DialectRules(
    dialect="duckdb",
    default_schema="main",
    max_identifier=1000,
    folds_case=True,
    schema_wide=frozenset({"index"}),
    inline=frozenset({"primary key", "unique", "check", "foreign key"}),
    identity={"serial": ""},  # the sequence comes with the rows, and its default with it
    stored=None,
    comments="statement",
    enum_types=True,
    actions=frozenset({"NO ACTION"}),
    partial_indexes=False,
)
# Nothing is fetched from the network, and instants come in UTC wherever this runs.
SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "TimeZone": "UTC",
    "autoinstall_known_extensions": False,
}


def explain(exc: Exception) -> str:
    """Say what DuckDB complains about, without the values that its messages quote."""
    import duckdb as driver

    text = str(exc)
    told = (
        driver.BinderException, driver.CatalogException, driver.ParserException,
        driver.IOException, driver.OutOfMemoryException, driver.NotImplementedException,
    )  # fmt: skip
    if isinstance(exc, driver.ConstraintException):
        for start in ("NOT NULL constraint failed", "CHECK constraint failed"):
            if start in text:
                return text[text.index(start) :].splitlines()[0]
        if "foreign key" in text.lower():
            return "a foreign key refers to a row that does not exist"
        return "a primary key or unique constraint meets the same key twice"
    if isinstance(exc, driver.ConversionException):
        return "a value cannot be converted to its column's type"
    return text.splitlines()[0] if isinstance(exc, told) and text else type(exc).__name__


@contextmanager
def translated(error: type[DbsynthError], what: str, remedy: str) -> Iterator[None]:
    """Raise whatever the driver raises as an error of ours."""
    import duckdb as driver

    try:
        yield
    except driver.Error as exc:
        raise error(f"{what}: {explain(exc)}", remedy) from exc
