"""`hemosweep quickstart`: the commands from a data set to a first report, one after the other.

Each command keeps what it has done, so that the same quickstart goes on where it stopped.
"""

import os
import shlex
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path

from hemosweep.workflows.program import program

SWEEP, NUM_FOLDS = "se", 2
"""Two arms in two folds: the smallest sweep with a comparison."""
PICTURE_NAME = "preview.png"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A step: its purpose, and the arguments of the command that does it alone."""

    purpose: str
    arguments: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command, to be copied."""
        return shlex.join((program(), *self.arguments))


def quickstart_steps(data: Path | None, out: Path, *, lesion_label: int | None = None) -> tuple[Step, ...]:
    """The steps for a data set, or for a phantom that the first of them makes, in the demo profile.

    The preparation is the sweep's own: no symmetric image, no angiography.
    """
    phantom = out / "phantom-demo"
    made = () if data is not None else (Step(purpose="Make a phantom", arguments=("data", "phantom", str(phantom))),)
    folder = str(phantom if data is None else data)
    label = () if lesion_label is None else ("--lesion-label", str(lesion_label))
    where = ("--out", str(out))
    of_sweep = (SWEEP, "--data", folder, "--profile", "demo", "--folds", str(NUM_FOLDS), *label, *where)
    return (
        *made,
        Step(purpose="Check every case", arguments=("data", "check", folder, *label)),
        Step(purpose="Draw the cases", arguments=("data", "preview", folder, "--png", str(out / PICTURE_NAME))),
        Step(
            purpose="Prepare every case, and draw each",
            arguments=(
                *("preprocess", folder, "--profile", "demo", "--symmetric", "none", "--no-cta", "--preview"),
                *(*label, *where),
            ),
        ),
        Step(purpose="Forecast a small sweep", arguments=("plan", *of_sweep)),
        Step(purpose="Train it", arguments=("sweep", *of_sweep)),
        Step(purpose="Write the report", arguments=("report", SWEEP, "--data", folder, *where)),
    )


def show_page(page: Path) -> str:
    """Open a page in the browser of a user who sits in front of one; return the line to print."""
    has_display = sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if sys.stdout.isatty() and has_display and webbrowser.open(page.resolve().as_uri()):
        return f"opened in your browser: {page}"
    return f"open it in a browser: {page}"
