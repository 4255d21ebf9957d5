"""Signals that end the command: never lost in an import, never taken for a defect."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from types import FrameType

SECONDS_TO_TRY_AGAIN = 0.02
IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


@dataclass(slots=True)
class Interrupts:
    """Lets ^C and SIGTERM unwind the command, and remembers which of them came first."""

    first: int = 0  # its number; 0 while none has come

    def listen(self) -> None:
        """Take both signals, but for interrupts that whoever started us wants ignored."""
        signal.signal(signal.SIGTERM, self._stop)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Unwind: drivers cancel what runs, contexts roll the target back."""
        self.first = self.first or number
        if _is_importing(frame):
            again = threading.Timer(SECONDS_TO_TRY_AGAIN, signal.raise_signal, (number,))
            again.daemon = True
            again.start()
            return
        if number == signal.SIGTERM:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # roll back in peace
        raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    """
    Whether a module is being loaded.

    Extension modules turn whatever is raised then into an ImportError, and many a library takes
    that for a sign that it has to do without.
    """
    while frame is not None:
        if frame.f_code.co_filename == IMPORT_SYSTEM:
            return True
        frame = frame.f_back
    return False
