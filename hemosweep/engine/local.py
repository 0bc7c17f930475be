"""Runs one fold run in a child process of its own on this machine."""

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hemosweep.errors import FoldRunFailed
from hemosweep.training.child import run_job, train_fold
from hemosweep.training.journal import read_journal
from hemosweep.training.spec import JOURNAL_NAME, LOG_NAME

POLL_S = 0.2
THREADING = {"GOMP_SPINCOUNT": "5000"}
"""Threads of a child wait a shorter while before they sleep (libgomp). By default a training that shares its cores with
another program all but stops: two at once on two cores gave 20 patches a second each, with this 225; alone it gives 458
instead of 515. What the user's environment says comes first."""

_FORKSERVER = multiprocessing.get_context("forkserver")
"""Children are forked from one server that has imported torch and touches no GPU."""
_FORKSERVER.set_forkserver_preload(["hemosweep.training.server", "hemosweep.data.nifti"])


def run_in_child(
    folder: Path,
    on_events: Callable[[list[dict[str, Any]]], None],
    *,
    job: Callable[[Path], int] = train_fold,
) -> None:
    """Train the fold run described in `folder`; hand over its journal whenever it has grown.

    Args:
        job: what the child does with the folder; it returns the child's exit code.

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

    for name, value in THREADING.items():
        os.environ.setdefault(name, value)
    child = _FORKSERVER.Process(target=run_job, args=(job, folder, folder / LOG_NAME))
    child.start()
    try:
        while child.is_alive():
            hand_over()
            child.join(POLL_S)
    finally:
        child.terminate()
        child.join()
    hand_over()
    if child.exitcode != 0:
        reason = _reason(read_journal(journal)[num_earlier:], child.exitcode)
        raise FoldRunFailed(f"{reason}; details in {folder / LOG_NAME}")


def _reason(events: list[dict[str, Any]], exitcode: int | None) -> str:
    """How a child failed, by its own events and its exit code."""
    if exitcode is not None and exitcode < 0:
        return f"its process was killed by signal {-exitcode}"
    failures = [event for event in events if event["event"] == "failed"]
    if not failures:
        return f"its process ended with code {exitcode}"
    return f"{failures[-1]['kind'].replace('_', ' ')}: {failures[-1]['message']}"
