"""Searches of MLflow's client, page by page."""

from collections.abc import Callable, Sequence
from typing import Any

from hemosweep.tracking.backend import Experiment, MlflowClient, Run, ViewType

_PAGE = 1000


def every_run(
    client: MlflowClient, experiment_ids: Sequence[str], filter_string: str = "", view: int = ViewType.ACTIVE_ONLY
) -> list[Run]:
    """Every run of some experiments that matches, without the deleted ones unless another view is given."""
    if not experiment_ids:
        return []
    return _every(
        lambda token: client.search_runs(
            list(experiment_ids), filter_string, run_view_type=view, max_results=_PAGE, page_token=token
        )
    )


def every_experiment(client: MlflowClient, filter_string: str) -> list[Experiment]:
    """Every experiment that matches, without the deleted ones."""
    return _every(
        lambda token: client.search_experiments(filter_string=filter_string, max_results=_PAGE, page_token=token)
    )


def _every(ask: Callable[[str | None], Any]) -> list[Any]:
    found: list[Any] = []
    token: str | None = None
    while True:
        page = ask(token)
        found += page
        token = page.token
        if not token:
            return found
