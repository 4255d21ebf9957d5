"""What a thread makes ahead arrives in order, with what it tells, and ends when nobody asks."""

import threading
import time

import pytest

from dbsynth.progress import Event, silent
from dbsynth.relay import MOST, PIECE, Relay


def no_size(thing):
    return 0


def test_things_and_events_arrive_in_order_in_the_thread_that_takes():
    seen = []

    def make(progress):
        for number in range(20):
            progress(Event("generate", "t", number, 20))
            yield number

    def tell(event):
        seen.append(("told", event.done, threading.current_thread()))

    with Relay(make, no_size, tell) as things:
        seen.extend(("made", t, threading.current_thread()) for t in things)
    here = threading.current_thread()
    assert seen == [(what, n, here) for n in range(20) for what in ("told", "made")]


def test_making_goes_on_while_something_is_taken():
    made = []

    def make(progress):
        for number in range(3):
            made.append(number)
            yield number

    with Relay(make, no_size, silent) as things:
        next(things)
        deadline = time.monotonic() + 10
        while len(made) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(made) == 3


def test_few_large_things_wait():
    made = []

    def make(progress):
        for number in range(20):
            made.append(number)
            yield number

    with Relay(make, lambda thing: MOST * PIECE, silent) as things:
        next(things)
        time.sleep(0.1)
        assert len(made) <= 3  # one is taken, one waits, one is ready to


def test_what_fails_in_making_fails_in_taking():
    def make(progress):
        yield 1
        raise KeyError("no")

    with pytest.raises(KeyError), Relay(make, no_size, silent) as things:
        assert next(things) == 1
        next(things)


@pytest.mark.parametrize("is_waiting", [True, False])
def test_the_thread_ends_with_the_context(is_waiting):
    ended = []

    def make(progress):
        try:
            yield 0
            while True:
                if is_waiting:
                    yield 1
        finally:
            ended.append(threading.current_thread())

    with pytest.raises(ZeroDivisionError), Relay(make, lambda thing: PIECE, silent) as things:
        next(things)
        raise ZeroDivisionError
    assert not any(t.name == "dbsynth-relay" for t in threading.enumerate())
    assert len(ended) == 1


def test_nothing_starts_before_somebody_asks():
    made = []

    def make(progress):
        made.append(1)
        yield 1

    with Relay(make, no_size, silent):
        time.sleep(0.05)
    assert made == []
