"""`hemosweep sweep`: an ablation trained and compared, or a search."""

from typing import TYPE_CHECKING

from hemosweep.executors.protocol import set_up_threading
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
    # An unknown name is refused before the next import, which takes seconds.
    set_up_threading()
    if request.search is None:
        from hemosweep.workflows.sweeping.ablation import run_study

        return run_study(request, confirmed=confirmed)
    from hemosweep.workflows.sweeping.search import run_search

    return run_search(request, confirmed=confirmed)
