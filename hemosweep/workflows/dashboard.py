"""`hemosweep dashboard`: the trials of an output folder in optuna-dashboard."""

import importlib.util
import webbrowser
from pathlib import Path

from hemosweep.activity import doing, serving
from hemosweep.errors import BadInput
from hemosweep.sqlite import usable

MLFLOW = "http://127.0.0.1:5000"
"""Address of `hemosweep ui`, unless the user names another one."""


def show_dashboard(out: str | Path, *, port: int = 8080, mlflow: str = MLFLOW, in_browser: bool = False) -> None:
    """Show the trials in the foreground until Ctrl-C, on this machine only, and print the address.

    Trials without a note get one, which leads to their runs in MLflow. A ledger that cannot be written is shown
    without.

    Args:
        port: the first port to try; if it is taken, the next free port is used.
        mlflow: the address that `hemosweep ui` prints.
        in_browser: also open the address in the user's browser.

    Raises:
        BadInput: no trials, no free port, or optuna-dashboard is not installed.
    """
    if importlib.util.find_spec("optuna_dashboard") is None:
        raise BadInput("optuna-dashboard is not installed; install it with: pip install 'hemosweep[dashboard]'")
    from hemosweep.engine.dashboard import note_trials, open_studies, serve_dashboard
    from hemosweep.engine.index import LEDGER_NAME
    from hemosweep.tracking.ports import LOOPBACK, free_port
    from hemosweep.tracking.views import direct_run_page

    out = Path(out)
    storage = open_studies(out)
    try:
        with doing("writing notes on the trials"), usable(out / LEDGER_NAME):
            note_trials(storage, lambda run_id: f"{mlflow.rstrip('/')}/{direct_run_page(run_id)}")
    except BadInput as error:
        print(f"trials have no notes: {error}", flush=True)
    free = free_port(port)
    if free != port:
        print(f"port {port} is taken; using {free}", flush=True)
    address = f"http://{LOOPBACK}:{free}/dashboard"
    print(f"optuna-dashboard shows {out / LEDGER_NAME} at\n  {address}\nCtrl-C ends it.", flush=True)
    if in_browser and not webbrowser.open(address):
        print("no browser could be opened here; open the address in yours", flush=True)
    with serving():
        serve_dashboard(storage, LOOPBACK, free)
