"""Work that waits for a network, several pieces at a time."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


_END = object()

PATIENCE_S = 3.0


def in_parallel(tasks: Sequence[T], work: Callable[[T], R], *, num_threads: int) -> Iterator[R]:
    """Results of `work` for each task, as they come.

    After an error no task is begun, and the error is raised once those that were begun have ended: whoever tries again
    then meets none of them. Ctrl-C waits for them no longer than `PATIENCE_S`; the threads end with the process.
    """
    waiting, taking, stopped = iter(tasks), threading.Lock(), threading.Event()
    ended: queue.SimpleQueue[object] = queue.SimpleQueue()

    def run() -> None:
        try:
            while not stopped.is_set():
                with taking:
                    task = next(waiting)
                ended.put(work(task))
        except StopIteration:
            pass
        except BaseException as error:
            stopped.set()
            ended.put(_Failed(error))
        finally:
            ended.put(_END)

    alive = min(num_threads, len(tasks))
    threads = [threading.Thread(target=run, daemon=True) for _ in range(alive)]
    for thread in threads:
        thread.start()
    failed: BaseException | None = None
    try:
        while alive:
            result = ended.get()
            if result is _END:
                alive -= 1
            elif isinstance(result, _Failed):
                failed = failed or result.error
            else:
                yield result  # type: ignore[misc]
    finally:
        stopped.set()
        deadline = time.monotonic() + PATIENCE_S
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
    if failed is not None:
        raise failed
