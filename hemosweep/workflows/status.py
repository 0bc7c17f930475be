"""`hemosweep status`: how far a sweep is, running or stopped."""

import time
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from hemosweep.activity import serving
from hemosweep.data.manifest import TABLE_NAME
from hemosweep.report.terminal.status import status_view
from hemosweep.upkeep.status import read_status

REDRAW_S = 2.0


def show_status(out: Path, *, with_done: bool, watch: bool) -> None:
    """Print the status of an output folder once, or again and again until Ctrl-C.

    Raises:
        BadInput: there is no such folder.
    """
    if watch:
        _watch(out, with_done=with_done)
    else:
        Console().print(_view(out, with_done=with_done))


def _view(out: Path, *, with_done: bool) -> RenderableType:
    status = read_status(out, with_done=with_done)
    if status.driver is None and not status.fold_runs:
        is_data = (out / TABLE_NAME).is_file()
        return Text(f"{out}: {'a data set; give the --out of its sweep' if is_data else 'no fold runs yet'}")
    return status_view(status, with_done=with_done)


def _watch(out: Path, *, with_done: bool) -> None:
    console = Console()
    try:
        # Output that is not a terminal cannot be redrawn: it gets one view after the other.
        with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
            while True:
                view = _view(out, with_done=with_done)
                if live is None:
                    console.print(view)
                else:
                    live.update(view, refresh=True)
                with serving():
                    time.sleep(REDRAW_S)
    except KeyboardInterrupt:
        return
