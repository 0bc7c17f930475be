"""The recorder's process, as a sweep starts and ends it. The sweep waits for it only at its own end, and not long."""

import json
import logging
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from hemosweep.tracking.sync.destination import Destination

_log = logging.getLogger(__name__)

WITH_HOST = "--with-host"
"""Option of the recorder's command line."""
LAST_PASS_S = 20.0
"""Time for the last pass after a sweep."""
LAST_PASS_AFTER_STOP_S = 5.0
"""The same where the sweep was stopped: whoever pressed Ctrl-C waits."""


@contextmanager
def recorded_elsewhere(
    out: Path, destination: Destination, *, say: Callable[[str], None], with_host: bool = False
) -> Iterator[None]:
    """Context in which a process of its own copies an output folder's record to another server.

    A problem is a warning in the log of this module, once. At the end it is said how many runs are recorded.
    """
    recorder = _Recorder(out, destination, with_host=with_host)
    patience_s = LAST_PASS_AFTER_STOP_S
    try:
        yield
        patience_s = LAST_PASS_S
    finally:
        recorder.end(patience_s)
        if recorder.outcome is not None:
            say(recorder.outcome)


class _Recorder:
    def __init__(self, out: Path, destination: Destination, *, with_host: bool) -> None:
        self._destination = destination
        self._recorded, self._total, self._problem = 0, 0, False
        self._way_out = f"hemosweep sync --out {shlex.quote(str(out))}"
        # Credentials go by the environment: everybody can read a command line.
        command = [sys.executable, "-P", "-m", "hemosweep.tracking.sync.recorder", str(out.absolute())]
        self._process = subprocess.Popen(
            [*command, WITH_HOST] if with_host else command,
            env=destination.for_process(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the sweep's.
            text=True,
        )
        assert self._process.stdout is not None
        self._listener = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._listener.start()

    @property
    def outcome(self) -> str | None:
        """The number of runs that are recorded, and the way to record the rest; None where there is nothing to tell."""
        if not self._total and not self._problem:
            return None
        line = f"tracking: {self._recorded} of {self._total} recorded at {self._destination.uri}"
        if self._recorded == self._total and not self._problem:
            return line
        return f"{line}; the rest goes there by: {self._way_out}"

    def end(self, patience_s: float) -> None:
        """Let the process make its last pass, and end it."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._problem = True
            self._process.terminate()
            try:
                self._process.wait(LAST_PASS_AFTER_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        finally:
            self._listener.join(1.0)

    def _listen(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                facts = json.loads(line)
                if "problem" in facts:
                    self._problem = True
                    _log.warning(
                        "%s; training goes on, and what is missing there goes by: %s", facts["problem"], self._way_out
                    )
                else:
                    self._recorded, self._total = facts["recorded"], facts["total"]
                    self._problem = self._problem and self._recorded < self._total
