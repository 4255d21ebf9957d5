"""Signals that end the command: never lost in an import, never taken for a defect."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from types import FrameType

SECONDS_TO_TRY_AGAIN = 0.02
SECONDS_OF_ONE = 2.0  # in which ^C, pressed again, is meant to say the same
SIGINT_CODE = 130
IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


def leave_at_once() -> None:
    """Let ^C end the command without more ado, while it is loaded and has touched nothing."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def _leave(_: int, __: FrameType | None) -> None:
    os.write(2, b"error: interrupted; the target was left as it was\n")
    os._exit(SIGINT_CODE)


@dataclass(slots=True)
class Interrupts:
    """Lets ^C and SIGTERM unwind the command, and remembers which of them came first."""

    first: int = 0  # its number; 0 while none has come
    raised: float = -math.inf  # when it unwound the command

    def listen(self) -> None:
        """Take both signals, but for interrupts that whoever started us wants ignored."""
        signal.signal(signal.SIGTERM, self._stop)
        if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _leave):
            signal.signal(signal.SIGINT, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Unwind: drivers cancel what runs, contexts roll the target back."""
        self.first = self.first or number
        if _is_importing(frame):
            here = threading.get_ident()  # handlers run in the main thread
            again = threading.Timer(SECONDS_TO_TRY_AGAIN, _raise_again, (number, here))
            again.daemon = True
            again.start()
            return
        if number == signal.SIGTERM:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # roll back in peace
        if number == signal.SIGINT and time.monotonic() < self.raised + SECONDS_OF_ONE:
            return  # the target is being put right already
        self.raised = time.monotonic()
        raise KeyboardInterrupt


def _raise_again(number: int, thread: int) -> None:
    """Raise a signal in the thread that is to hear of it, even while it waits."""
    if sys.platform == "win32":
        signal.raise_signal(number)
    else:
        signal.pthread_kill(thread, number)


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
