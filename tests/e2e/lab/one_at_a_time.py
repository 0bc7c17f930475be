"""An executor as a lab writes it: it trains one fold run at a time, in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from hemosweep.errors import BadInput
from hemosweep.executors.exit_status import num_events, read_end
from hemosweep.executors.protocol import THREADING, Ended
from hemosweep.foldrun.spec import LOG_NAME


class OneProcess:
    num_slots = num_open = 1

    def __init__(self, device: str) -> None:
        self._environment = THREADING | dict(os.environ) | {"CUDA_VISIBLE_DEVICES": device}
        self._folder: Path | None = None

    def start(self, folder: Path) -> None:
        self._folder, self._num_earlier_events = folder, num_events(folder)
        with (folder / LOG_NAME).open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hemosweep.training", str(folder)],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        Thread(target=_sign_of_life, args=(self._process,), daemon=True).start()

    def wait(self, timeout_s: float) -> list[Ended]:
        if self._folder is None:
            time.sleep(timeout_s)
            return []
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return []
        folder, self._folder = self._folder, None
        return [read_end(folder, code, self._num_earlier_events)]

    def pause(self) -> None:
        if self._folder is not None:
            self._process.terminate()

    def kill(self) -> None:
        if self._folder is not None:
            self._process.kill()
            self._process.wait()
            self._folder = None


def _sign_of_life(process: "subprocess.Popen[bytes]") -> None:
    """Write a byte each second: a fold run ends itself when its executor is gone."""
    assert process.stdin is not None
    with process.stdin as pipe, suppress(BrokenPipeError):
        while process.poll() is None:
            pipe.write(b".")
            time.sleep(1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class OneAtATime:
    """The address names the device: `cpu`, or the number of a GPU."""

    def open(self, out: Path, *, address: str, num_folds: int):
        if address != "cpu" and not address.isdecimal():
            raise BadInput(f"--executor one_at_a_time.py:{address}: give cpu or the number of a GPU")
        return self._open("" if address == "cpu" else address)

    @contextmanager
    def _open(self, device: str) -> Iterator[OneProcess]:
        executor = OneProcess(device)
        try:
            yield executor
        finally:
            executor.kill()


EXECUTOR = OneAtATime()
