"""Times of whole commands, as a user types them."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hemosweep.bench.rows import BenchRow
from hemosweep.bench.timing import interleaved_s


def start_up(details: dict[str, Any], *, repeats: int) -> Iterator[BenchRow]:
    """Whole processes that a user waits for: help, a comparison, and the import that it does without."""
    with tempfile.TemporaryDirectory() as temporary:
        rng = np.random.default_rng(0)
        for name in "ab":
            lines = [f"case-{number:02d},{rng.uniform(0.6, 0.9):.4f}" for number in range(76)]
            (Path(temporary) / f"{name}.csv").write_text("\n".join(["case_id,dsc", *lines]) + "\n")
        seconds = interleaved_s(
            {
                "hemosweep --help": lambda: _command("--help"),
                "hemosweep compare of two files": lambda: _command("compare", "a.csv", "b.csv", cwd=temporary),
                "import scipy.stats": lambda: subprocess.run([sys.executable, "-c", "import scipy.stats"], check=True),
            },
            rounds=repeats,
        )
    details["start_up_s"] = {name: round(value, 3) for name, value in seconds.items()}
    yield BenchRow(what="hemosweep --help", value=seconds["hemosweep --help"], unit="s", goal=0.3, at_least=False)
    yield BenchRow(
        what="hemosweep compare, two files of 76 cases", value=seconds["hemosweep compare of two files"], unit="s"
    )
    yield BenchRow(what="import scipy.stats, which it does without", value=seconds["import scipy.stats"], unit="s")


def whole_sweep(*, quick: bool) -> Iterator[BenchRow]:
    """The sweep of the README's first command, from its phantom to its table."""
    what = "hemosweep sweep patchsize, phantom made by it"
    if quick:
        yield BenchRow(what=what, value=None, unit="min", note="skipped: --quick")
        return
    with tempfile.TemporaryDirectory() as temporary:
        begun = time.perf_counter()
        _command("sweep", "patchsize", "--out", str(Path(temporary) / "runs"))
        minutes = (time.perf_counter() - begun) / 60
    yield BenchRow(what=what, value=minutes, unit="min", goal=4.0, at_least=False)


def _command(*arguments: str, cwd: str | None = None) -> None:
    """One run of the command line, as a user's."""
    code = "import sys; from hemosweep.cli import main; sys.exit(main())"
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=os.environ | {"COLUMNS": "120"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
    )
