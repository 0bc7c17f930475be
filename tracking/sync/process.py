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
from typing import IO, Any

from hemosweep.tracking.sync.destination import Destination

_log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "hemosweep.tracking.sync.recorder")
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
    """The recorder's process. One thread, the listener, reads what it says and takes note of its end."""

    def __init__(self, out: Path, destination: Destination, *, with_host: bool) -> None:
        self._destination = destination
        self._recorded, self._total, self._complete = 0, 0, False
        self._has_told = self._is_ending = self._is_given_up = False
        self._way_out = f"hemosweep sync --out {shlex.quote(str(out))}"
        # Credentials go by the environment: everybody can read a command line.
        command = [*COMMAND, str(out.absolute())]
        self._process = subprocess.Popen(
            [*command, WITH_HOST] if with_host else command,
            env=destination.for_process(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the sweep's.
            text=True,
            errors="replace",
        )
        assert self._process.stdout is not None
        self._listener = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._listener.start()

    @property
    def outcome(self) -> str | None:
        """The number of runs that are recorded, and the way to record the rest; None where there is nothing to tell."""
        if not self._total and not self._has_told and not self._is_given_up:
            return None
        if not self._total:
            return f"tracking: nothing is recorded at {self._destination.uri} yet; it goes there by: {self._way_out}"
        line = f"tracking: {self._recorded} of {self._total} recorded at {self._destination.uri}"
        if self._complete:
            return line
        if self._recorded < self._total:
            return f"{line}; the rest goes there by: {self._way_out}"
        return f"{line}, but not their last changes; these go there by: {self._way_out}"

    def end(self, patience_s: float) -> None:
        """Let the process make its last pass, and end it."""
        assert self._process.stdin is not None
        self._is_ending = True
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._is_given_up = True
            self._process.terminate()
            try:
                self._process.wait(LAST_PASS_AFTER_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        finally:
            self._listener.join(1.0)
            self._complete = self._complete and not self._is_given_up

    def _listen(self, lines: IO[str]) -> None:
        has_stopped = False
        with lines:
            for line in lines:
                facts = _facts(line)
                if "recorded" in facts:
                    self._recorded, self._total = facts["recorded"], facts["total"]
                    self._complete = facts.get("complete", False)
                elif "stopped" in facts:
                    has_stopped = True
                    self._warn(facts["stopped"])
                elif "problem" in facts:
                    self._warn(facts["problem"])
                else:
                    said = self._destination.without_secrets(line.strip())
                    _log.warning("the recorder of %s said: %s", self._destination.uri, said)
        code = self._process.wait()
        is_expected = self._is_given_up or (self._is_ending and code == 0)
        if not is_expected and not has_stopped:
            end = f"exit code {code}" if code >= 0 else f"signal {-code}"
            self._warn(f"the recorder of {self._destination.uri} has ended by itself ({end})")
        self._complete = self._complete and is_expected

    def _warn(self, problem: str) -> None:
        self._has_told, self._complete = True, False
        _log.warning("%s; training goes on, and what is missing there goes by: %s", problem, self._way_out)


def _facts(line: str) -> dict[str, Any]:
    """The facts that a line has; none where it is of somebody else, such as a library."""
    try:
        facts = json.loads(line)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
