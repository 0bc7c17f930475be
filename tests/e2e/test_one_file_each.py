"""Each thing that a lab adds is one file: a table of files to touch, and a command that shows what the file brought."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hemosweep

PACKAGE = Path(hemosweep.__file__).parent
LAB = Path(__file__).parent / "lab"
SWEEP = """
from dataclasses import dataclass, replace
from hemosweep.ablation.sweep import Sweep
{component}
SWEEP = Sweep(
    name="mine",
    question="Mine?",
    space={{"arm": ("base", "mine")}},
    arm_name=lambda params: params["arm"],
    configure=lambda base, params: base if params["arm"] == "base" else {changed},
    baseline="base",
    comparisons=(("base", "mine"),),
)
"""
REGION = """
@dataclass(frozen=True)
class Skull:
    def mask(self, case):
        return ~case.brain_DHW
from hemosweep.sampling.restriction import Brain, Restriction
"""
SKULL = (
    "replace(base, sampling=replace(base.sampling, restriction=Restriction(regions=((Skull(), 0.3), (Brain(), 0.7)))))"
)
OPTIMISER = """
@dataclass(frozen=True)
class RMSprop:
    learning_rate: float = 0.01
    def build(self, parameters, *, on_cuda):
        import torch
        return torch.optim.RMSprop(parameters, lr=self.learning_rate)
"""
METRIC = """
from dataclasses import dataclass
from hemosweep.scores.kinds import Share
@dataclass(frozen=True)
class Jaccard(Share):
    name = "jaccard"
    label = "Jaccard index"
    def score(self, masks):
        union = (masks.prediction_DHW | masks.reference_DHW).sum()
        return float((masks.prediction_DHW & masks.reference_DHW).sum() / union) if union else None
METRICS = (Jaccard(),)
"""
IMPORTER = """
from dataclasses import dataclass
from hemosweep.importers.layouts import Layout
@dataclass(frozen=True)
class Mine:
    name: str = "mine"
    help: str = "Import the scans of our own archive."
    layout: Layout = Layout(name="mine", marks=("mine.txt",))
    options: tuple = ()
    def run(self, source, data, *, progress=None):
        raise NotImplementedError
IMPORTER = Mine()
"""
OVERLAP = "replace(base, inference=replace(base.inference, overlap=0.6))"
RMSPROP = "replace(base, training=replace(base.training, optimiser=RMSprop()))"


def mine(component, changed):
    return SWEEP.format(component=component, changed=changed)


def of_lab(name):
    return (LAB / name).read_text()


ONE_AT_A_TIME = ("plan", "patchsize", "--executor", "lab/one_at_a_time.py:cpu")
FILES_TO_TOUCH = {
    # What is added: its one file, the text of that, a command that shows it, and a part of what that prints.
    "ablation": ("hemosweep/sweeps/mine.py", mine("", OVERLAP), ("sweeps",), "Mine?"),
    "ablation in a file": ("lab/mine.py", mine("", OVERLAP), ("plan", "lab/mine.py"), "forecast for mine"),
    "loss": ("lab/tversky.py", of_lab("tversky.py"), ("plan", "lab/tversky.py"), "tversky_0.7"),
    "network": ("lab/unet.py", of_lab("monai_unet.py"), ("plan", "lab/unet.py"), "forecast for residual"),
    "region": ("lab/mine.py", mine(REGION, SKULL), ("plan", "lab/mine.py"), "forecast for mine"),
    "optimiser": ("lab/mine.py", mine(OPTIMISER, RMSPROP), ("plan", "lab/mine.py"), "forecast for mine"),
    "metric": ("hemosweep/scores/jaccard.py", METRIC, ("score", "--help"), "Score kept predictions"),
    "metric in a file": ("lab/iou.py", of_lab("boundary.py"), ("plan", "lab/iou.py"), "forecast for boundary"),
    "importer": ("hemosweep/importers/mine.py", IMPORTER, ("data", "--help"), "import-mine"),
    "executor": ("lab/one_at_a_time.py", of_lab("one_at_a_time.py"), ONE_AT_A_TIME, "forecast for patchsize"),
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of hemosweep, which Python compiles once for all tests, and an empty folder of a lab."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(PACKAGE, folder / "hemosweep", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "lab").mkdir()
    return folder


@pytest.fixture
def add(copied):
    """Adds one file to the copy, for the time of a test, and returns the copy."""
    added = []

    def add(file, text):
        path = copied / file
        assert not path.exists()
        added.append(path)
        path.write_text(text)
        return copied

    yield add
    for path in added:
        path.unlink()


SLOW = ("network", "optimiser", "executor")
"""Their mechanisms are those of a loss and of an ablation; MONAI alone takes seconds to import."""


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=pytest.mark.slow if what in SLOW else ()) for what in FILES_TO_TOUCH]
)
def test_one_file_brings_it(add, environment, what):
    file, text, command, said = FILES_TO_TOUCH[what]
    source = add(file, text)
    shown = subprocess.run(
        [sys.executable, "-c", "from hemosweep.cli import main; main()", *command],
        env=environment | {"PYTHONPATH": str(source)},
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert said in shown.stdout


def test_a_metric_of_ours_is_known_by_its_file_alone(add, environment):
    source = add("hemosweep/scores/jaccard.py", METRIC)
    code = "from hemosweep.scores.catalogue import find_metric; print(find_metric('jaccard').label)"
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=source, capture_output=True, text=True, check=False
    )
    assert shown.stdout == "Jaccard index\n"
