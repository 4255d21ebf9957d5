"""Workers on several machines, by Ray: the same calls, the same rows; needs the extra `ray`."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from dbsynth import __version__
from dbsynth.errors import DbsynthError, MissingDriverError, UsageError, WorkerError

_LOST = "See Ray's logs for why, and run again; a lack of memory ends workers like this."


@dataclass(frozen=True, slots=True)
class _Remote:
    """A call that Ray carries out somewhere."""

    ray: Any
    reference: Any

    def result(self) -> Any:
        try:
            return self.ray.get(self.reference)
        except self.ray.exceptions.RayTaskError as exc:
            if isinstance(exc.cause, DbsynthError):
                raise exc.cause from None
            raise WorkerError(f"a Ray task failed: {type(exc.cause).__name__}", _LOST) from exc
        except self.ray.exceptions.RayError as exc:
            raise WorkerError(f"Ray lost a task: {type(exc).__name__}", _LOST) from exc


class RayWorkers:
    """
    `Workers` of a Ray cluster, or of a Ray that is started on this machine.

    Values that are shared go to Ray's object store: once to each machine, whatever its workers.
    """

    def __init__(self, address: str = "", jobs: int | None = None) -> None:
        """
        Plan for a cluster.

        Args:
            address: `ray://host:port`; "" for what RAY_ADDRESS says, else a Ray of our own.
            jobs: calls at once; None: as many as the cluster has processors.

        Raises:
            MissingDriverError: Ray is not installed.
        """
        try:
            import ray
        except ModuleNotFoundError as exc:
            raise MissingDriverError(
                "Ray is not installed", "Run: pip install 'dbsynth[ray]'."
            ) from exc
        self._ray, self._address, self._wanted = ray, address, jobs
        self._is_ours = False

    @property
    def jobs(self) -> int:
        """How many work at once."""
        self.start()
        return self._wanted or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    @property
    def is_started(self) -> bool:
        """Whether this process is connected: a cluster's workers are there then."""
        return bool(self._ray.is_initialized())

    def __enter__(self) -> Self:
        """Get ready."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Disconnect; a Ray of our own ends, with all that it does."""
        if self._is_ours:
            self._ray.shutdown()
            self._is_ours = False

    def submit(self, call: Callable[..., Any], *arguments: Any) -> _Remote:
        """Hand out a call; shared values arrive as what they hold."""
        self.start()
        task = self._ray.remote(call).options(num_cpus=1)
        return _Remote(self._ray, task.remote(*arguments))

    @contextmanager
    def sharing(self, value: Any) -> Iterator[Any]:
        """Put a value where every machine's workers find it."""
        self.start()
        yield self._ray.put(value)

    def start(self) -> None:
        """Connect, and make sure that workers run this very version."""
        if self._ray.is_initialized():
            return
        local = {} if self._address else {"num_cpus": self._wanted, "include_dashboard": False}
        try:
            self._ray.init(
                address=self._address or None, log_to_driver=False, configure_logging=False, **local
            )
        except (OSError, ValueError, RuntimeError) as exc:
            raise WorkerError(
                f"cannot start Ray, or reach it at {self._address or 'RAY_ADDRESS'}",
                "Check the address, and that the cluster runs the same version of Ray.",
            ) from exc
        self._is_ours = True
        there = _Remote(self._ray, self._ray.remote(_version).remote()).result()
        if there != _version():
            raise UsageError(
                f"Ray's workers have {there}, this is {_version()}",
                "Install the same versions on every machine: else rows would differ.",
            )


def _version() -> str:
    return f"dbsynth {__version__}, Python {'.'.join(platform.python_version_tuple()[:2])}"
