"""
Models that were trained before, by what they were trained on, so that nothing is trained twice.

A model's name is a hash of all that its training depends on: the engine and its code, every number
of the rows that it was shown, seed and quality.  A file holds what a model file holds of it, and no
row.  The least used files go when there are too many bytes of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dbsynth
from dbsynth.model import find_engine
from dbsynth.model.base import FitTask, RowModel
from dbsynth.model.gaps import Gap

ENVIRONMENT = "DBSYNTH_CACHE"
MOST_BYTES = 1 << 30
ENGINES = (
    "argn",
    "copula",
    "tables",
    "tree",
)  # whose version is this package's; others' are not known
_SUFFIX = ".model.safetensors"
_NUMERIC = ("torch", "numpy", "scikit-learn")


def default_folder() -> Path:
    """Where models are kept: what the environment says, else where this system keeps caches."""
    from platformdirs import user_cache_path

    said = os.environ.get(ENVIRONMENT)
    return Path(said) if said else user_cache_path("dbsynth") / "models"


def fingerprint(engine: str, task: FitTask) -> str:
    """Name what training this task with this engine gives."""
    digest = hashlib.blake2b(digest_size=20)
    for part in (_code(), *map(_version, _NUMERIC), engine):
        digest.update(f"{part}\n".encode())
    for data in _bytes(task):
        digest.update(data)
    return digest.hexdigest()


class ModelCache:
    """A folder of models; whatever goes wrong with it, training goes on without."""

    def __init__(self, folder: Path | None = None, most_bytes: int = MOST_BYTES) -> None:
        """Keep at most so many bytes of models in a folder."""
        self._folder, self._most = folder or default_folder(), most_bytes

    def get(self, engine: str, name: str) -> tuple[RowModel, Gap | None] | None:
        """Load a model and how well it knows rows, if it is there and whole."""
        from safetensors import SafetensorError, safe_open

        path = self._folder / f"{name}{_SUFFIX}"
        try:
            with safe_open(path, framework="numpy") as file:
                told = file.metadata() or {}
                data, gap = json.loads(told["model"]), json.loads(told["gap"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            os.utime(path)
            return find_engine(engine).load(data, tensors), Gap(**gap) if gap else None
        except (OSError, SafetensorError, LookupError, ValueError, TypeError, RuntimeError):
            return None

    def put(self, name: str, model: RowModel, gap: Gap | None = None) -> None:
        """Keep a model, and let go of others that were not used for long."""
        from safetensors import SafetensorError
        from safetensors.numpy import save_file

        path = self._folder / f"{name}{_SUFFIX}"
        temporary = path.with_name(f".{os.getpid()}.{path.name}")
        data, tensors = model.saved()
        whole = {k: np.ascontiguousarray(v) for k, v in tensors.items()}
        told = {"model": json.dumps(data), "gap": json.dumps(asdict(gap) if gap else None)}
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            save_file(whole, temporary, metadata=told)
            temporary.replace(path)
            self._shrink()
        except (OSError, SafetensorError, ValueError, TypeError):
            temporary.unlink(missing_ok=True)

    def _shrink(self) -> None:
        """Remove the files that were used longest ago, until the others are few enough."""
        kept, left = [], self._most
        for path in self._folder.glob(f"*{_SUFFIX}"):
            found = path.stat()
            kept.append((found.st_mtime, found.st_size, path))
        for _, size, path in sorted(kept, reverse=True):
            left -= size
            if left < 0:
                path.unlink(missing_ok=True)
        for path in self._folder.glob(f".*{_SUFFIX}"):  # of runs that were killed
            if path.stat().st_mtime < time.time() - 3600:
                path.unlink(missing_ok=True)


@cache
def _code() -> str:
    """Tell versions apart, also those of a checkout that changes from hour to hour."""
    digest = hashlib.blake2b(dbsynth.__version__.encode())
    for path in sorted((Path(dbsynth.__file__).parent / "model").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _bytes(value: Any) -> Iterator[bytes | memoryview]:
    """Write a value so that different values are written differently."""
    if is_dataclass(value):
        for field in fields(value):
            yield f"{field.name}=".encode()
            yield from _bytes(getattr(value, field.name))
    elif isinstance(value, np.ndarray):
        yield from _array(value)
    elif isinstance(value, Mapping):
        yield from _bytes(sorted(value.items()))
    elif isinstance(value, list | tuple):
        yield f"[{len(value)}:".encode()
        for item in value:
            yield from _bytes(item)
    else:
        yield f"{value!r};".encode()


def _array(values: NDArray[Any]) -> Iterator[bytes | memoryview]:
    yield f"{values.dtype}{values.shape}:".encode()
    yield np.ascontiguousarray(values).data if values.size else b""
