"""optuna-dashboard over the ledger of an output folder, on this machine only."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import optuna
from optuna.samplers import RandomSampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial

from hemosweep.engine.index import LEDGER_NAME
from hemosweep.engine.ledger import RUN_ID, open_ledger
from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_OWN_NAMES = {"127.0.0.1", "localhost"}


def open_studies(out: Path) -> RDBStorage:
    """The studies of an output folder.

    Raises:
        BadInput: it has none, or they cannot be used.
    """
    path = out / LEDGER_NAME
    if not path.is_file():
        raise BadInput(f"{out} has no trials; start some with `hemosweep sweep NAME --out {out}`")
    return open_ledger(path)


def note_trials(storage: RDBStorage, page: Callable[[str], str]) -> None:
    """Write a note on every trial that has ended and has none: its arm, the DSC of its folds, its run in MLflow.

    Args:
        page: address of an MLflow run, by its id.
    """
    from optuna_dashboard import get_note, save_note

    for name in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=name, storage=storage, sampler=RandomSampler(seed=0))
        for frozen in study.get_trials(deepcopy=False):
            trial = Trial(study, frozen._trial_id)
            if frozen.state.is_finished() and not get_note(trial):
                save_note(trial, _note(frozen, page))


def serve_dashboard(storage: RDBStorage, host: str, port: int) -> None:
    """Show the studies until Ctrl-C; a request that comes from another site's page is refused."""
    from optuna_dashboard import wsgi

    with (
        make_server(host, port, from_here_only(wsgi(storage)), handler_class=_Silent) as server,
        suppress(KeyboardInterrupt),
    ):
        server.serve_forever()


def from_here_only(app: "WSGIApplication") -> "WSGIApplication":
    """An application that answers only requests whose Host and Origin are this machine's own."""

    def guarded(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        places = [f"http://{environ.get('HTTP_HOST', '')}", *([origin] if origin else [])]
        if all(urlsplit(place).hostname in _OWN_NAMES for place in places):
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"not from this machine"]

    return guarded


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def _note(trial: FrozenTrial, page: Callable[[str], str]) -> str:
    lines = []
    arm, seed, run_id = (trial.user_attrs.get(name) for name in ("arm", "seed", RUN_ID))
    if arm is not None:
        lines.append(f"Arm **{arm}**, seed {seed}.")
    if run_id is not None:
        lines.append(f"[Its run in MLflow]({page(run_id)}), while `hemosweep ui` shows it.")
    if trial.intermediate_values:
        folds = "".join(f"\n| {fold} | {dsc:.3f} |" for fold, dsc in sorted(trial.intermediate_values.items()))
        lines.append(f"| fold | mean DSC |\n| --- | --- |{folds}")
    return "\n\n".join(lines)
