"""Replace a database file at once: a lock, a new file beside the old one, and a swap."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import uuid
from pathlib import Path

from dbsynth.adapters.base import Identity
from dbsynth.errors import ConnectError, LockedError, PermissionDeniedError


def identity(dialect: str, path: Path) -> Identity:
    """Which database a file is: device and inode, or the resolved path of a file to come."""
    if path.exists():
        status = path.stat()
        return Identity(dialect, f"device {status.st_dev}", f"inode {status.st_ino}")
    return Identity(dialect, "file", str(path.resolve()))


def require(path: Path) -> None:
    """
    Make sure that a source file is there and can be read.

    Raises:
        ConnectError: there is no such file.
        PermissionDeniedError: this user may not read it.
    """
    if not path.is_file():
        raise ConnectError(f"{path}: no such file", "Check the path of the database file.")
    if not os.access(path, os.R_OK):
        raise PermissionDeniedError(
            f"{path} cannot be read", "Give this user the right to read it."
        )


class StagedFile:
    """A new database file that takes the place of `path` by one rename, guarded by a lock."""

    def __init__(self, path: Path) -> None:
        """Remember where the database will be; nothing is touched yet."""
        # A symbolic link is followed, so that the file it names is replaced and not the link.
        self.path = path.resolve()
        self._prefix = f".{self.path.name}.dbsynth-"
        self._lock: int | None = None
        self.staging: Path | None = None

    def lock(self) -> None:
        """
        Make sure that this user may write here and that nobody else is loading this file.

        The kernel frees the lock when its process dies, so that no lock is ever stale.

        Raises:
            ConnectError: the directory does not exist, or the path is a directory.
            PermissionDeniedError: this user may not write there.
            LockedError: another run is loading this file.
        """
        if self._lock is None:
            self._require_writable()
            while self._lock is None:
                self._lock = self._try_lock()

    def open(self) -> Path:
        """Give the path of the new file, after what a killed run left was removed."""
        self.lock()
        self._remove_leftovers()
        self.staging = self.path.with_name(f"{self._prefix}{uuid.uuid4().hex[:8]}")
        return self.staging

    def publish(self) -> None:
        """Put the new, closed file in place of the old one; even a crash leaves one of them."""
        if self.staging is None:
            raise AssertionError("nothing was staged")
        if self.path.exists():
            shutil.copymode(self.path, self.staging)
        _sync(self.staging)
        self.staging.replace(self.path)
        _sync(self.path.parent)
        self.staging = None

    def close(self) -> None:
        """Remove what was not published, and let others load."""
        if self._lock is None:
            return
        self._remove_leftovers()
        self.staging = None
        self._lock_path.unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = None

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(f"{self._prefix}lock")

    def _try_lock(self) -> int | None:
        """Lock the lock file; None if its owner removed it in between."""
        handle = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            os.close(handle)
            raise LockedError(
                f"another run is loading {self.path}", "Wait until it is through, or end it."
            ) from exc
        if self._lock_path.exists() and os.path.samestat(os.fstat(handle), self._lock_path.stat()):
            return handle
        os.close(handle)
        return None

    def _require_writable(self) -> None:
        folder = self.path.parent
        if not folder.is_dir():
            raise ConnectError(f"{folder}: no such directory", "Create the directory first.")
        if self.path.is_dir():
            raise ConnectError(f"{self.path} is a directory", "Give the path of a database file.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionDeniedError(
                f"{folder} cannot be written to", "Give this user the right to write there."
            )

    def _remove_leftovers(self) -> None:
        """Remove staged files; under the lock, all of them are ours or a killed run's."""
        for left in self.path.parent.glob(f"{glob.escape(self._prefix)}*"):
            if left.is_dir():
                shutil.rmtree(left)
            elif left != self._lock_path:
                left.unlink()


def _sync(path: Path) -> None:
    """Wait until a file (or a directory's entries) is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
