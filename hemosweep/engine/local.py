"""Runs one fold run in a child process of its own on this machine."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hemosweep.errors import FoldRunFailed
from hemosweep.training.journal import read_journal
from hemosweep.training.spec import JOURNAL_NAME, LOG_NAME

POLL_S = 0.2
THREADING = {"GOMP_SPINCOUNT": "5000"}
"""Threads of a child wait a shorter while before they sleep (libgomp). By default a training that shares its cores with
another program all but stops: two at once on two cores gave 20 patches a second each, with this 225; alone it gives 458
instead of 515. What the user's environment says comes first."""


def run_in_child(folder: Path, on_events: Callable[[list[dict[str, Any]]], None]) -> None:
    """Train the fold run described in `folder`; hand over its journal whenever it has grown.

    The child is in a session of its own, so that Ctrl-C reaches the driver alone, and dies with the driver.

    Raises:
        FoldRunFailed: the child ended without success; the message says how and where to read more.
    """
    journal = folder / JOURNAL_NAME
    num_earlier = len(read_journal(journal))
    size = -1

    def hand_over() -> None:
        nonlocal size
        now = journal.stat().st_size if journal.is_file() else 0
        if now != size:
            size = now
            on_events(read_journal(journal))

    with (folder / LOG_NAME).open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "hemosweep.training", str(folder), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=THREADING | os.environ,
        )
        try:
            while _is_running(child):
                hand_over()
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
    hand_over()
    if child.returncode != 0:
        reason = _reason(read_journal(journal)[num_earlier:], child.returncode)
        raise FoldRunFailed(f"{reason}; details in {folder / LOG_NAME}")


def _is_running(child: "subprocess.Popen[bytes]") -> bool:
    """Wait a moment for the child to end."""
    try:
        child.wait(POLL_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _reason(events: list[dict[str, Any]], returncode: int) -> str:
    """How a child failed, by its own events and its exit code."""
    if returncode < 0:
        return f"its process was killed by signal {-returncode}"
    failures = [event for event in events if event["event"] == "failed"]
    if not failures:
        return f"its process ended with code {returncode}"
    return f"{failures[-1]['kind'].replace('_', ' ')}: {failures[-1]['message']}"
