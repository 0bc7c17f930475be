"""One function over many cases, in this process or in several."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from typing import TypeVar

from hemosweep.data.case import Case
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.files import SHARED_MEMORY, naming
from hemosweep.processes import deaf_to_the_terminal, die_with_parent

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
        with process_pool(min(jobs, len(cases))) as submit:
            futures = {submit(partial(function, case)): case.case_id for case in cases}
            for future in as_completed(futures):
                results[futures[future]] = future.result()
                progress(len(results), len(cases))
    return [results[case.case_id] for case in cases]


@contextmanager
def process_pool(jobs: int) -> Iterator[Callable[[Callable[[], R]], Future[R]]]:
    """Context with a function that hands a picklable call to one of so many processes.

    After an error or an interrupt what is queued is dropped, and what has begun ends first; it may end early where
    `is_stopping`. The processes end with this one, however it ends; signals of the terminal and SIGTERM are its own.

    Raises:
        HemosweepError: a process was killed.
    """
    # Spawned, not forked: the caller may run threads.
    context = get_context("spawn")
    # A semaphore's error has no name. The first one starts the process that keeps track of them.
    with naming(SHARED_MEMORY), deaf_to_the_terminal():
        stopping = context.Event()
        executor = ProcessPoolExecutor(
            jobs, mp_context=context, initializer=_begin_process, initargs=(os.getpid(), stopping)
        )
    with executor as pool:

        def submit(call: Callable[[], R]) -> Future[R]:
            with deaf_to_the_terminal():  # A submission may start a process.
                return pool.submit(call)

        try:
            yield submit
        except BrokenProcessPool as error:
            raise HemosweepError(
                "a process was killed, for lack of memory perhaps; give fewer --jobs and start again"
            ) from error
        except BaseException:
            stopping.set()
            pool.shutdown(cancel_futures=True)  # an interrupt must not wait for what is queued
            raise


_stopping: Event | None = None
"""Set where the parent of this process is waiting for it to end."""


def is_stopping() -> bool:
    """True in a process of a pool that an error or an interrupt ended: what it makes now, nobody wants any more."""
    return _stopping is not None and _stopping.is_set()


def _begin_process(parent: int, stopping: Event) -> None:
    """Leave signals to the parent, which prints one line, and lets a case that has begun end. Signals of the terminal
    are blocked from the start; whoever ends a whole group of processes sends SIGTERM to all of them."""
    global _stopping
    _stopping = stopping
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent(parent)
