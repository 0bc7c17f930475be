"""Signals that end a command: a stop is never lost."""

import signal
import time
import weakref

import pytest

from hemosweep.cli.stops import signals_interrupt


class Thing:
    """Something that a weak reference can point to."""


def stop_in_a_callback(times: int) -> int:
    """Meet the callback of a weak reference with a signal, this often; then work for a minute at most."""
    lost = 0
    with signals_interrupt():
        for _ in range(times):
            thing = Thing()
            reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
            del thing
            lost += reference() is None
        deadline = time.monotonic() + 60.0
        while time.monotonic() < deadline:
            time.sleep(0.005)
    return lost


@pytest.mark.parametrize("times", [1, 2])
def test_a_stop_that_meets_the_callback_of_a_library_is_not_lost(times: int, capfd: pytest.CaptureFixture[str]) -> None:
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stop_in_a_callback(times)
    assert time.monotonic() - begun < 30.0
    assert "Exception ignored" not in capfd.readouterr().err
