"""Edits of the source beside a finished study: those that can change a result, and those that cannot."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hemosweep
from hemosweep.foldrun.journal import read_journal

PACKAGE = Path(hemosweep.__file__).parent
COMMAND = "from hemosweep.cli import main; main()"
NUM_FOLD_RUNS = 4


@pytest.fixture(scope="module")
def out(study, tmp_path_factory):
    """The finished study's folder, to plan in and to score in."""
    return shutil.copytree(study.out, tmp_path_factory.mktemp("identity") / "runs")


@pytest.fixture
def edited(tmp_path, study, out, environment):
    """A copy of the package, and a function that edits one of its files and runs a command of it."""
    root = tmp_path / "source"
    shutil.copytree(PACKAGE, root / "hemosweep", ignore=shutil.ignore_patterns("__pycache__"))

    def run(path, old, new, *command):
        file = root / "hemosweep" / path
        text = file.read_text() if file.exists() else ""
        assert old in text
        file.write_text(text.replace(old, new, 1) if old else text + new)
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *map(str, command)],
            env=environment | {"PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def num_done(edited, study, out):
    """A function that edits a file, and returns how many fold runs of the study are still done."""

    def count(path, old, new):
        where = ("--data", study.data, "--profile", "demo", "--folds", 2, "--out", out)
        plan = edited(path, old, new, "plan", "patchsize", *where, "--arms", ",".join(study.arms), "--json")
        assert plan["num_fold_runs"] == NUM_FOLD_RUNS
        return plan["num_done"]

    return count


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("training/loop.py", "", "# A comment at the end.\n"),
        ("model/losses/soft_dice.py", '"""Soft Dice, alone', '"""The soft Dice, alone'),
        ("model/losses/mine.py", "", "import torch\n\n\ndef mine(logits, label):\n    return logits.sum()\n"),
        ("config.py", "    max_epochs: int = 100\n", "    max_epochs: int = 100\n    warm_up_epochs: int = 0\n"),
        ("cli/app.py", "", "\nMORE = 1\n"),
        ("scores/lesions.py", "", "\nMORE = 1\n"),
    ],
    ids=["a comment", "a docstring", "a loss that no arm uses", "a new field", "the command line", "a metric"],
)
def test_an_edit_that_cannot_change_a_training_keeps_every_fold_run(num_done, path, old, new):
    assert num_done(path, old, new) == NUM_FOLD_RUNS


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("preprocessing/tilt.py", "return np.stack([", "return 1 * np.stack(["),
        pytest.param(
            *("sampling/regions.py", "BORDER_MM, RIM_MM, THIN_MM = 4.0", "BORDER_MM, RIM_MM, THIN_MM = 5.0"),
            marks=pytest.mark.slow,
        ),
        ("model/losses/soft_dice.py", "epsilon: float = 1e-5", "epsilon: float = 1e-6"),
        pytest.param(
            *("sweeps/base.py", "SEUNet3D(width=8, dropout=0.0)", "SEUNet3D(width=8, dropout=0.1)"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["tilt.py", "regions.py", "the loss in use", "a component's parameter"],
)
def test_an_edit_that_can_change_a_result_keeps_none(num_done, path, old, new):
    assert num_done(path, old, new) == 0


def test_a_mended_metric_is_scored_anew_and_nothing_is_trained(edited, out):
    def trained():
        journals = sorted(out.glob("fold_runs/*/events.jsonl"))
        return [[event for event in read_journal(path) if event["event"] == "epoch"] for path in journals]

    before = trained()
    scored = edited("scores/lesions.py", "", "\nMORE = 1\n", "score", "patchsize", "--out", out, "--json")
    assert (scored["num_cases"], scored["num_fold_runs"], scored["failures"]) == (12, NUM_FOLD_RUNS, {})
    assert trained() == before
