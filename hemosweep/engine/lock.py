"""One driver at a time in an output folder."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.foldrun.lock import Held, hold, holder

DRIVER_LOCK_NAME = "driver.lock"


@contextmanager
def driver_lock(out: Path) -> Iterator[None]:
    """Hold the output folder for this process. The system releases it however the process ends.

    Raises:
        BadInput: another driver holds it; the message names its process and host.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(hold(out / DRIVER_LOCK_NAME))
        except Held as held:
            raise _taken(out, held.by) from None
        yield


def refuse_driven(out: Path) -> None:
    """Refuse an output folder that has a driver, before any work; make nothing.

    Raises:
        BadInput: as `driver_lock`.
    """
    by = driver(out)
    if by is not None:
        raise _taken(out, by)


def driver(out: Path) -> str | None:
    """The driver of an output folder, such as "process 4711 on node3"; None where none runs."""
    return holder(out / DRIVER_LOCK_NAME)


def _taken(out: Path, by: str) -> BadInput:
    return BadInput(f"{out}: another sweep runs here ({by}); wait for it, or give another --out")
