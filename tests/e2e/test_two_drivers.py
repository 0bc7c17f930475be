"""Two sweeps at once, each in an output folder of its own, on one data set that nothing has been prepared of yet."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hemosweep.preprocessing.record import load_preprocessed
from hemosweep.tracking.database import database_path
from tests.e2e.stand_in import SMALL
from tests.processes import wait_for

ROOT = Path(__file__).parents[2]

# The command with the stand-in for a training, and without pictures.
SWEEP = """
from contextlib import nullcontext
import hemosweep.cli
from hemosweep.workflows.sweeping import ablation, notes
from tests.e2e.stand_in import Child

if __name__ == "__main__":
    ablation.open_executor = lambda *_, **__: nullcontext(Child())
    ablation.case_page_note = lambda *_: ""
    ablation.SweepFigures = lambda *_, **__: lambda replicate, cases: {}
    notes.boxplot = lambda dsc, path, **options: path.touch()
    hemosweep.cli.main()
"""


@pytest.fixture
def begin(phantoms, migrated_database, environment, tmp_path):
    """Starts a sweep on a fresh copy of the data set; returns its process and its output folder."""
    data = shutil.copytree(phantoms, tmp_path / "data", ignore=shutil.ignore_patterns("derivatives"))
    script = tmp_path / "sweep.py"
    script.write_text(SWEEP)
    processes = []

    def begin(name):
        out = tmp_path / name
        out.mkdir()
        shutil.copyfile(migrated_database, database_path(out))
        command = [script, "sweep", "patchsize", "--data", data, "--profile", "demo", "--folds", 2, "--arms", SMALL]
        processes.append(
            subprocess.Popen(
                [sys.executable, *map(str, command), "--out", str(out)],
                env=environment | {"PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return processes[-1], out

    begin.derivatives = data / "derivatives"
    yield begin
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_until_it_writes(process, derivatives):
    """Temporary files of the cases that a driver is writing."""

    def writing():
        assert process.poll() is None, process.communicate()
        return list(derivatives.rglob(".tmp-*"))

    return wait_for(writing, "a case that is being written", timeout_s=250.0)


def scores(out):
    return {path.parent.name: path.read_bytes() for path in sorted(out.glob("fold_runs/*/scores.json"))}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_case_that_another_driver_is_writing_is_never_read_and_both_end_with_the_same_scores(begin):
    first, out = begin("first")
    writing = wait_until_it_writes(first, begin.derivatives)
    os.killpg(first.pid, signal.SIGSTOP)
    second, other = begin("second")
    stdout, stderr = second.communicate(timeout=280)
    assert second.returncode == 0, stdout + stderr
    assert len(scores(other)) == 2
    os.killpg(first.pid, signal.SIGCONT)
    stdout, stderr = first.communicate(timeout=280)
    assert first.returncode == 0, stdout + stderr
    assert scores(out) == scores(other)
    assert not any(path.exists() for path in writing)
    cases = list(begin.derivatives.rglob("*.npz"))
    assert len(cases) == 6
    for path in cases:
        load_preprocessed(path)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_driver_that_is_killed_while_it_writes_a_case_does_not_hold_up_another(begin):
    first, _ = begin("first")
    wait_until_it_writes(first, begin.derivatives)
    os.killpg(first.pid, signal.SIGKILL)
    second, other = begin("second")
    stdout, stderr = second.communicate(timeout=280)
    assert second.returncode == 0, stdout + stderr
    assert len(scores(other)) == 2
    for path in begin.derivatives.rglob("[!.]*.npz"):
        load_preprocessed(path)
