"""Replace a folder of files at once: as for a single file, a lock, a new one beside it, a swap."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

from dbsynth.adapters.files import StagedFile
from dbsynth.errors import ConnectError, PermissionDeniedError, RefusedError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # Linux, renameat2(2)


class StagedFolder(StagedFile):
    """A new folder that takes the place of `path`, guarded by a lock beside it."""

    def __init__(self, path: Path, mark: str) -> None:
        """
        Remember where the folder will be; nothing is touched yet.

        Args:
            path: the folder.
            mark: a file in it by which a folder that may be replaced is known.
        """
        super().__init__(path)
        self._mark = mark
        self._old = self.path.with_name(f"{self._prefix}old")

    def open(self) -> Path:
        """Make the new folder, after what a killed run left was put in order."""
        self.lock()
        if self._old.exists() and not self.path.exists():  # killed between the two renames
            self._old.rename(self.path)
        staging = super().open()
        staging.mkdir()
        return staging

    def publish(self) -> None:
        """Put the new folder in place of the old one, by one exchange where the system can."""
        if self.staging is None:
            raise AssertionError("nothing was staged")
        for path in (*self.staging.rglob("*"), self.staging):
            _sync(path)
        if not self.path.exists():
            self.staging.rename(self.path)
        elif not _exchanged(self.staging, self.path):
            self.path.rename(self._old)
            self.staging.rename(self.path)
        _sync(self.path.parent)
        self.staging = None
        shutil.rmtree(self._old, ignore_errors=True)

    def require_ours(self) -> None:
        """
        Make sure that what is there may go away.

        Raises:
            RefusedError: it is a folder with files that no run wrote.
        """
        if self.path.is_dir() and any(self.path.iterdir()) and not self._is_ours:
            raise RefusedError(
                f"{self.path} holds files that dbsynth did not write",
                "Give another folder, or remove this one yourself.",
            )

    @property
    def _is_ours(self) -> bool:
        return (self.path / self._mark).is_file()

    def _require_writable(self) -> None:
        folder = self.path.parent
        if not folder.is_dir():
            raise ConnectError(f"{folder}: no such directory", "Create the directory first.")
        if self.path.exists() and not self.path.is_dir():
            raise ConnectError(f"{self.path} is a file", "Give the path of a folder.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionDeniedError(
                f"{folder} cannot be written to", "Give this user the right to write there."
            )


def _exchanged(one: Path, other: Path) -> bool:
    """Let two folders change names in one step; False where the system or file system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    names = os.fsencode(one), os.fsencode(other)
    done = rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
    return int(done) == 0


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's entries, are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
