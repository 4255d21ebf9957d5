"""A wire between dbsynth and a real server that fails at the n-th statement of a kind."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

CANARY = "c4nary-v4lue"  # what servers say of rows; dbsynth must not repeat it

# cut: the connection is lost instead of the statement; lost answer: after it was carried out;
# gone: as cut, and nobody answers any more; fail: the server has no room; refuse: the server says
# that rows break a rule, and quotes a value of them.
# interrupt: ^C comes while the server is at work.
Action = Literal["cut", "lost answer", "gone", "fail", "refuse", "interrupt"]

_SSL, _GSS = 80877103, 80877104
_NAMES = re.compile(r"""\$(\w*)\$.*?\$\1\$|"(?:[^"]|"")*"|'(?:[^']|'')*'|`[^`]*`""", re.DOTALL)
_WORDS = re.compile(r"\b[A-Z][A-Z_]+\b")
_TRIGGER = re.compile(r"TRIGGER (BEFORE|AFTER|INSTEAD OF) .*")
_CALL = re.compile(r"SELECT pg_catalog\.(\w+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the n-th statement (from 1) of a kind."""

    kind: str
    number: int
    action: Action


def kind_of(statement: str) -> str:
    """What a statement is, without any name: a stored query's first line, or its key words."""
    if statement.startswith("--"):
        return statement.partition("\n")[0].removeprefix("--").strip()
    if call := _CALL.match(statement):
        return f"SELECT {call[1]}"
    head = _NAMES.sub("", statement).partition("(")[0].partition(" AS ")[0]
    words = " ".join(_WORDS.findall(head)) or statement[:30]
    return _TRIGGER.sub("TRIGGER", words)


@dataclass
class Wire:
    """One server's protocol, as far as statements can be seen and spoilt; one per connection."""

    client: socket.socket
    server: socket.socket
    seen: Callable[[str], Action | None]  # told of every statement; answers with what to do
    is_mute: bool = False  # nothing that the server says comes through any more

    def pump(self) -> None:
        """Carry what the client says to the server, until one of them ends."""
        raise NotImplementedError

    def act(self, kind: str, statement: bytes, again: Callable[[bytes], None]) -> bool:
        """Do what is asked for at a statement; whether the connection goes on."""
        match self.seen(kind):
            case None:
                again(statement)
            case "fail" | "refuse" as action:
                again(self.spoilt(kind, action))
            case "interrupt":  # what the driver then asks to be cancelled is done already
                again(statement)
            case "lost answer":
                self.is_mute = True
                again(statement)
            case _:
                return False
        return True

    def spoilt(self, kind: str, action: Action) -> bytes:
        """A statement that the server answers with an error."""
        raise NotImplementedError


class PostgresWire(Wire):
    """PostgreSQL's protocol 3: https://www.postgresql.org/docs/current/protocol-message-formats.html."""

    def pump(self) -> None:
        """Read the start-up, then messages: a letter, a length, a body."""
        self._start()
        self._prepared: dict[bytes, str] = {}
        while True:
            letter = self._exactly(1)
            size = int.from_bytes(self._exactly(4))
            body = self._exactly(size - 4)
            if not self._message(letter, body):
                return

    def _start(self) -> None:
        while True:
            size, code = (int.from_bytes(self._exactly(4)) for _ in range(2))
            rest = self._exactly(size - 8)
            if code in (_SSL, _GSS):
                self.client.sendall(b"N")
                continue
            self.server.sendall(size.to_bytes(4) + code.to_bytes(4) + rest)
            return

    def _message(self, letter: bytes, body: bytes) -> bool:
        def send(content: bytes) -> None:
            self.server.sendall(letter + (len(content) + 4).to_bytes(4) + content)

        if letter == b"Q":
            kind = kind_of(body[:-1].decode())
            return self.act(kind, body, send)
        if letter == b"P":
            name, text, types = body.split(b"\0", 2)
            kind = kind_of(text.decode())
            if name:  # it is carried out when it is bound
                self._prepared[name] = kind
                send(body)
                return True
            return self.act(kind, body, lambda b: send(b if b is body else b"\0" + b + types))
        if letter == b"B":
            portal, name, rest = body.split(b"\0", 2)
            if name in self._prepared:
                missing = portal + b"\0missing\0" + rest
                kind = self._prepared[name]
                return self.act(kind, body, lambda b: send(b if b is body else missing))
        if letter == b"d":
            garbage = b"\xff" * 7 + CANARY.encode() + b"\n"
            return self.act("COPY data", body, lambda b: send(b if b is body else garbage))
        send(body)
        return True

    def spoilt(self, kind: str, action: Action) -> bytes:
        """Raise what is asked for; the text is one statement whatever the kind was."""
        condition = "disk_full" if action == "fail" else "unique_violation"
        said = "no room" if action == "fail" else CANARY
        text = f"DO $$BEGIN RAISE {condition} USING MESSAGE='{said}', DETAIL='{said}'; END$$"
        return text.encode() + b"\0"

    def _exactly(self, size: int) -> bytes:
        return exactly(self.client, size)


class MySQLWire(Wire):
    """MySQL's packets: https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html."""

    def pump(self) -> None:
        """Read packets: a length, a number (0 starts a command), a body."""
        kind = ""
        while True:
            head = exactly(self.client, 4)
            size, number = int.from_bytes(head[:3], "little"), head[3]
            body = exactly(self.client, size)

            def send(content: bytes, number: int = number) -> None:
                self.server.sendall(len(content).to_bytes(3, "little") + bytes([number]) + content)

            if number == 0 and body[:1] == b"\x03":
                kind = kind_of(body[1:].decode())
                goes_on = self.act(kind, body, send)
            elif number > 1 and kind.startswith("LOAD DATA") and body:
                goes_on = self.act("LOAD DATA, rows", body, send)
            else:
                send(body)
                goes_on = True
            if not goes_on:
                return

    def spoilt(self, kind: str, action: Action) -> bytes:
        """Raise what is asked for; among rows, send one that no table takes."""
        if kind == "LOAD DATA, rows":
            return f"{CANARY}\t{CANARY}\n".encode()
        code, said = (1021, "no room") if action == "fail" else (1062, f"Duplicate entry {CANARY}")
        state = "HY000" if action == "fail" else "23000"
        text = f"SIGNAL SQLSTATE '{state}' SET MESSAGE_TEXT='{said}', MYSQL_ERRNO={code}"
        return b"\x03" + text.encode()


def exactly(end: socket.socket, size: int) -> bytes:
    """Read so many bytes."""
    held = bytearray()
    while len(held) < size:
        piece = end.recv(size - len(held))
        if not piece:
            raise ConnectionError
        held += piece
    return bytes(held)


@dataclass
class Proxy:
    """Listens beside a server; `url` leads through it."""

    upstream: str  # the server's URL
    fault: Fault | None = None
    seen: list[str] = field(default_factory=list)  # the kind of every statement, in order
    has_struck: bool = False
    is_gone: bool = False
    victim: int = 0  # the process that a fault interrupts

    @property
    def url(self) -> str:
        """The same database, by way of this proxy."""
        parts = urlsplit(self.upstream)
        port = self._listener.getsockname()[1]
        user = (parts.username or "") + (f":{parts.password}" if parts.password else "")
        if parts.scheme == "postgresql" and not parts.password:  # trusted: any password will do
            user += f":{CANARY}-secret"
        place = parts._replace(netloc=f"{user}@127.0.0.1:{port}")
        return place.geturl()

    def open(self) -> None:
        """Begin to listen."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.is_gone:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        parts = urlsplit(self.upstream)
        is_mysql = parts.scheme in ("mysql", "mariadb")
        server = socket.create_connection(
            (parts.hostname or "127.0.0.1", parts.port or (3306 if is_mysql else 5432))
        )
        wire = (MySQLWire if is_mysql else PostgresWire)(client, server, self._saw)
        back = threading.Thread(target=self._answer, args=(wire,), daemon=True)
        back.start()
        with suppress(OSError, ConnectionError):
            wire.pump()
        _end(client, server)

    def _answer(self, wire: Wire) -> None:
        with suppress(OSError):
            while data := wire.server.recv(1 << 16):
                if wire.is_mute:
                    break
                wire.client.sendall(data)
        _end(wire.client, wire.server)

    def _saw(self, kind: str) -> Action | None:
        self.seen.append(kind)
        fault = self.fault
        if fault is None or self.has_struck or kind != fault.kind:
            return None
        if self.seen.count(kind) != fault.number:
            return None
        self.has_struck, self.is_gone = True, fault.action == "gone"
        if fault.action == "interrupt":
            os.kill(self.victim, signal.SIGINT)
            time.sleep(0.3)
        return fault.action


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def between(server: str, fault: Fault | None = None) -> Iterator[Proxy]:
    """Stand between dbsynth and a database, with one fault or none."""
    proxy = Proxy(server, fault)
    proxy.open()
    try:
        yield proxy
    finally:
        proxy.close()
