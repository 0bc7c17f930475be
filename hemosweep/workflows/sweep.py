"""`hemosweep sweep`: an ablation trained and compared, or a search."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hemosweep.data.manifest import read_manifest
from hemosweep.engine.request import Request
from hemosweep.executors.protocol import set_up_threading
from hemosweep.tracking.database import database_path
from hemosweep.tracking.sync.destination import OFF, find_destination, is_own_store
from hemosweep.tracking.sync.process import recorded_elsewhere
from hemosweep.workflows.options import SweepOptions
from hemosweep.workflows.sweeping.request import resolve

if TYPE_CHECKING:
    from hemosweep.workflows.sweeping.result import StudyResult
    from hemosweep.workflows.sweeping.search import SearchResult


def run_sweep(options: SweepOptions, *, confirmed: bool = False) -> "StudyResult | SearchResult":
    """Train every arm of an ablation and compare the arms, or run a search. The same call goes on from the fold runs
    that are done.

    Args:
        confirmed: also train the paper's profile without a GPU.

    Raises:
        BadInput: as `resolve`, `run_study` and `run_search`; nothing was trained then.
        KeyboardInterrupt, TimeIsUp: stopped; the same call goes on from there.
    """
    request = resolve(options)
    # An unknown name and a data set without a table are refused before the next import, which takes seconds.
    if request.data is not None:
        read_manifest(request.data)
    set_up_threading()
    with _recording(options, request):
        if request.search is None:
            from hemosweep.workflows.sweeping.ablation import run_study

            return run_study(request, confirmed=confirmed)
        from hemosweep.workflows.sweeping.search import run_search

        return run_search(request, confirmed=confirmed)


@contextmanager
def _recording(options: SweepOptions, request: Request) -> Iterator[None]:
    """Context in which the record is copied to the other server that is named, if there is one."""
    destination = find_destination(options.tracking)
    if destination is None or is_own_store(destination, database_path(request.out)):
        yield
        return
    _say(
        f"tracking: {request.out}, and a copy at {destination.uri} ({destination.named_by}; --tracking {OFF} for none)"
    )
    with recorded_elsewhere(request.out, destination, say=_say, with_host=options.with_host):
        yield


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
