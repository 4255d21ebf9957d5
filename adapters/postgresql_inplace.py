"""Load PostgreSQL tables that are there already, in the way that the user's rights allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dbsynth import queries
from dbsynth.adapters import ddl
from dbsynth.adapters.base import RESERVED, Present, Strategy
from dbsynth.adapters.ddl import DialectRules
from dbsynth.adapters.postgresql_connection import (
    DIALECT,
    Connection,
    attempt,
    fetch,
    translated,
)
from dbsynth.adapters.postgresql_sequences import Numbering, numberings
from dbsynth.errors import PermissionDeniedError, RefusedError, TargetError
from dbsynth.schema import Loss, TableName

Row = dict[str, Any]

REBUILD, REPLICA, IN_ORDER = "rebuild keys", "replica", "in order"
_REMEDY = "Nothing was changed. Mend the cause and run again."
_REPLICA = "SET LOCAL session_replication_role = replica"
_RECORD = f'"public"."{RESERVED}"'
# In which states a trigger fires for our rows, by what the session says it is.
_FIRING = {REBUILD: "", REPLICA: "AR", IN_ORDER: "OA"}
_ENABLE = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


class InPlace:
    """
    One load of tables that are there.

    With their owner's rights the foreign keys are dropped and made again, and triggers rest.
    Else, as a replica, neither fires.  Else rows go in parents first, and everything fires.
    """

    def __init__(self, connection: Connection, present: Present, rules: DialectRules) -> None:
        """Read what there is, and choose."""
        self._connection, self._rules, self._present = connection, rules, present
        quoted = [ddl.quote_table(t.name, rules) for t in present.schema.tables]
        with translated(TargetError, "cannot read the target's catalogs", _REMEDY):
            self._tables = fetch(connection, "inplace_tables", names=quoted)
            self._keys = fetch(connection, "inplace_keys", names=quoted)
            self._triggers = fetch(connection, "inplace_triggers", names=quoted)
            self._views = fetch(connection, "inplace_views")
            (self.rights,) = fetch(connection, "rights", reserved=_RECORD)
            self._numberings = [(n, self._may_set(n)) for n in numberings(present.schema, rules)]
            self._way = self._choose()
        self._refuse_missing()
        if self._way == IN_ORDER:
            self._refuse_cycles()

    @property
    def may_record(self) -> bool:
        """Whether the run can be written down in the reserved table."""
        created = self.rights["may_create"] and not self.rights["has_record"]
        return bool(self.rights["owns_record"] or created)

    @property
    def strategy(self) -> Strategy:
        """Tell what was chosen, and what it leaves behind."""
        keys, triggers = len(self._keys), len(list(self._firing("OA")))
        what = {
            REBUILD: f"{keys} foreign keys are dropped and made again, {triggers} triggers rest",
            REPLICA: f"{keys} foreign keys and {triggers} triggers do not fire, the keys are "
            "checked by queries",
            IN_ORDER: f"parents first, {keys} foreign keys and {triggers} triggers fire",
        }
        behind = {place for n, may in self._numberings if not may for place in n.columns}
        text = f"into the tables that are there: {what[self._way]}"
        return Strategy(self._way, text, tuple(self._losses()), frozenset(behind))

    def open(self) -> None:
        """Take keys and triggers out of the way, in the transaction of the load."""
        if self._way == REPLICA:
            self._run(_REPLICA, "cannot become a replica")
        if self._way == IN_ORDER:
            self._run("SET CONSTRAINTS ALL DEFERRED", "cannot defer the keys")
        if self._way != REBUILD:
            return
        for key in self._keys:
            name = self._quoted(key["name"])
            drop = f"ALTER TABLE {key['table_name']} DROP CONSTRAINT {name}"
            self._run(drop, f"cannot drop foreign key {key['name']} of {key['table_name']}")
        for trigger in self._firing("OAR"):
            self._switch(trigger, "DISABLE")

    def close(self) -> None:
        """Bring back what was taken away, set sequences past the rows, fill views, analyze."""
        self._run("SET CONSTRAINTS ALL IMMEDIATE", "a key does not hold")
        if self._way == REPLICA:
            self._run("SET LOCAL session_replication_role = origin", "cannot end being a replica")
        if self._way == REBUILD:
            for key in self._keys:
                self._make(key)
            for trigger in self._firing("OAR"):
                self._switch(trigger, _ENABLE[trigger["enabled"]])
        for numbering, may in self._numberings:
            if may:
                self._run(numbering.statement, f"cannot set {numbering.what} past the rows")
        for view in self._views:
            if view["is_owner"]:
                self._run(
                    f"REFRESH MATERIALIZED VIEW {view['name']}", f"cannot fill {view['name']}"
                )
        for table in self._tables:
            if table["is_owner"]:
                self._run(f"ANALYZE {table['name']}", f"cannot analyze {table['name']}")

    def _choose(self) -> str:
        if all(t["is_owner"] for t in self._tables):
            return REBUILD
        return IN_ORDER if attempt(self._connection, _REPLICA, undo=True) else REPLICA

    def _may_set(self, numbering: Numbering) -> bool:
        slots = {"sequence": numbering.sequence}
        sql = queries.render(queries.get(DIALECT, "may_set_sequence"), slots)
        return bool(self._connection.execute(sql.encode()).fetchall()[0][0])

    def _refuse_missing(self) -> None:
        updated = {ddl.quote_table(name, self._rules) for name in self._present.updated}
        missing = [
            f"{right} on {t['name']}"
            for t in self._tables
            for right in ("SELECT", "INSERT", "UPDATE")
            if not t[f"may_{right.lower()}"] and (right != "UPDATE" or t["name"] in updated)
        ]
        if updated and not (self.rights["may_stage"] or self.rights["may_create"]):
            missing.append("TEMP on the database")
        if missing:
            raise PermissionDeniedError(
                f"{len(missing)} rights are missing to load the tables that are there",
                "Grant them to this user, or load as the tables' owner.",
                missing,
            )

    def _refuse_cycles(self) -> None:
        deferrable = {(k["table_name"], k["name"]) for k in self._keys if k["is_deferrable"]}
        stuck = [
            f"{key.name} of {key.child}: its rows come before those of {key.parent}"
            for key in self._present.late
            if (ddl.quote_table(key.child, self._rules), key.name) not in deferrable
        ]
        if stuck:
            raise RefusedError(
                f"{len(stuck)} foreign keys close a cycle, and are neither nullable nor deferrable",
                "Load as the tables' owner, or as a user who may set session_replication_role.",
                stuck,
            )

    def _losses(self) -> Iterator[Loss]:
        for trigger in self._firing(_FIRING[self._way]):
            if trigger["is_for_rows"]:
                yield Loss(
                    object=f"trigger {trigger['table_name']}.{trigger['name']}",
                    reason="this user may not switch it off",
                    instead="it fires for the rows that are loaded",
                )
        for numbering, may in self._numberings:
            if not may:
                yield Loss(
                    object=numbering.what,
                    reason="this user may not read and set it",
                    instead="it stays where it is: the numbers that it gives next may be taken",
                )
        for view in self._views:
            if not view["is_owner"]:
                yield Loss(
                    object=f"materialized view {view['name']}",
                    reason="only its owner may refresh it",
                    instead="it shows what it did before",
                )
        if not self.may_record:
            yield Loss(
                object=f"table public.{RESERVED}",
                reason="this user may not create it",
                instead="the target does not say which run filled it",
            )

    def _firing(self, states: str) -> Iterable[Row]:
        return (t for t in self._triggers if t["enabled"] in states)

    def _make(self, key: Row) -> None:
        """Make a key again as it was; the server checks it."""
        table, name = key["table_name"], self._quoted(key["name"])
        what = f"cannot make foreign key {key['name']} of {table} again"
        self._run(f"ALTER TABLE {table} ADD CONSTRAINT {name} {key['definition']}", what)
        if key["comment"] is not None:
            text = ddl.literal(key["comment"], self._rules)
            self._run(f"COMMENT ON CONSTRAINT {name} ON {table} IS {text}", what)

    def _switch(self, trigger: Row, word: str) -> None:
        table, name = trigger["table_name"], trigger["name"]
        statement = f"ALTER TABLE {table} {word} TRIGGER {self._quoted(name)}"
        self._run(statement, f"cannot switch trigger {name} of {table}")

    def _quoted(self, name: str) -> str:
        return ddl.quote(name, self._rules)

    def _run(self, statement: str, doing: str) -> None:
        with translated(TargetError, doing, _REMEDY):
            self._connection.execute(statement.encode())


def staging_place(connection: Connection) -> TableName:
    """Where rows can be staged within a transaction: among temporary tables, else beside ours."""
    (rights,) = fetch(connection, "rights", reserved=_RECORD)
    if rights["may_stage"]:
        return TableName("pg_temp", "dbsynth_backfill")
    return TableName("public", f"{RESERVED}_backfill")
