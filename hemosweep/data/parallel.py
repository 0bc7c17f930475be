"""One function over many cases, in this process or in several."""

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from hemosweep.data.case import Case
from hemosweep.errors import BadInput, HemosweepError

Progress = Callable[[int, int], None]
R = TypeVar("R")


def map_cases(function: Callable[[Case], R], cases: Sequence[Case], *, jobs: int, progress: Progress) -> list[R]:
    """Return the values of a picklable function for each case, in the order of the cases.

    Raises:
        BadInput: no job to do it with.
        HemosweepError: a process was killed.
    """
    if jobs < 1:
        raise BadInput(f"jobs = {jobs}: at least one is needed")
    progress(0, len(cases))
    results: dict[str, R] = {}
    if jobs == 1 or len(cases) < 2:
        for case in cases:
            results[case.case_id] = function(case)
            progress(len(results), len(cases))
    else:
        with ProcessPoolExecutor(
            min(jobs, len(cases)), mp_context=get_context("spawn"), initializer=_leave_interrupts_to_the_parent
        ) as pool:
            futures = {pool.submit(function, case): case.case_id for case in cases}
            try:
                for future in as_completed(futures):
                    results[futures[future]] = future.result()
                    progress(len(results), len(cases))
            except BrokenProcessPool as error:
                raise HemosweepError(
                    "a process was killed, for lack of memory perhaps; give fewer --jobs and start again"
                ) from error
            except BaseException:
                pool.shutdown(cancel_futures=True)  # an interrupt must not wait for what is queued
                raise
    return [results[case.case_id] for case in cases]


def _leave_interrupts_to_the_parent() -> None:
    """Ignore Ctrl-C, which reaches the whole process group: a child ends its case, and the parent prints one line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
