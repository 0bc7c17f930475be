"""Mistakes in a lab's own file: one line that names the file and the way out, exit code 2, and nothing left behind.

`plan` finds what the file itself has wrong. `sweep` also tries what a component builds, before it makes a data set.
"""

import shutil
import sys
from pathlib import Path

import pytest

import hemosweep.sweeps.patchsize
import hemosweep.workflows.sweeping.preparation

IMPORTS = """\
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import nn

from hemosweep.ablation.sweep import Sweep
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.scores.kinds import Share

"""
BUILD = "    def build(self):\n        return DiceCE().build()\n"
NETWORK = """\
@dataclass(frozen=True)
class Mine:
    patch_multiple: tuple = (4, 4, 4)

    def build(self, *, in_channels):
        return Net(in_channels)


class Net(nn.Module):
    def __init__(self, in_channels):
        super().__init__()
        self.convolution = nn.Conv3d(in_channels, {classes}, 3, padding={padding})

    def forward(self, x):
        x = self.convolution(x)
        {end}
"""
LOSS = """\
@dataclass(frozen=True)
class Mine:
    def build(self):
        return loss


def loss(logits, label):
    {body}
"""
METRIC = """\
@dataclass(frozen=True)
class Mine(Share):
    name = {name!r}
    label = "mine"

    def score(self, masks):
        {body}
"""


def sweep_of(change="base", *, name="mine", arm_name='params["x"]', comparisons='(("a", "b"),)', metrics="()"):
    """Text of a sweep whose second arm has the change."""
    return f"""
SWEEP = Sweep(
    name="{name}",
    question="Which is better?",
    space={{"x": ("a", "b")}},
    arm_name=lambda params: {arm_name},
    configure=lambda base, params: base if params["x"] == "a" else {change},
    baseline="a",
    comparisons={comparisons},
    metrics={metrics},
)
"""


def training(**fields):
    return f"replace(base, training=replace(base.training, {', '.join(f'{k}={v}' for k, v in fields.items())}))"


WITH_LOSS, WITH_NETWORK = sweep_of(training(loss="Mine()")), sweep_of("replace(base, network=Mine())")
PATCH = sweep_of("replace(base, sampling=replace(base.sampling, patch_HWD=(30, 30, 15)))")
MORE_EPOCHS = training(max_epochs=7)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def lab(tmp_path):
    """Writes files of a lab, each named by its stem, and returns the folder; what they import is forgotten after."""
    folder = tmp_path / "lab"
    folder.mkdir()

    def write(**texts):
        for stem, text in texts.items():
            (folder / f"{stem}.py").write_text(text)
        return folder

    before = sys.path[:]
    yield write
    sys.path[:] = before
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]


def assert_refused(result, out, *parts):
    """One line on standard error, with the parts and a way out, and nothing on disk."""
    code, stdout, stderr = result
    assert "Traceback" not in stderr
    assert code == 2, stderr
    assert stdout == ""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert str(part) in lines[0]
    assert "; " in lines[0] or "needs multiples of" in lines[0], "no way out"
    assert not out.exists()


def line_of(text, part):
    """Number of the first line that has a part."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


both = pytest.mark.parametrize("command", ["plan", "sweep"])


@pytest.fixture(autouse=True)
def _no_phantom(monkeypatch):
    """A sweep that is not refused ends soon."""
    monkeypatch.delattr(hemosweep.workflows.sweeping.preparation, "write_phantom")


@both
def test_a_file_that_is_not_there(main, lab, out, command):
    file = lab() / "mine.py"
    assert_refused(main(command, file, "--out", out), out, f"{file}: no such file", "check its name")


@both
def test_a_file_named_without_its_ending_is_looked_for_among_the_names(main, lab, out, command):
    folder = lab(mine=IMPORTS + sweep_of(MORE_EPOCHS))
    assert_refused(main(command, folder / "mine", "--out", out), out, "unknown sweep", "lab/tversky.py")


FILES = {
    "no SWEEP": (IMPORTS, "mine.py: has no SWEEP; write SWEEP = ..."),
    "no Sweep": ("SWEEP = {'name': 'mine'}\n", "mine.py: its SWEEP is a dict; make it a"),
    "the class": ("from hemosweep.ablation.sweep import Sweep as SWEEP\n", "mine.py: its SWEEP is a type; make it a"),
    "syntax": ("x = 1\ny = (\n", "mine.py:2: SyntaxError: '(' was never closed; mend it"),
    "indentation": ("x = 1\n    y = 2\n", "mine.py:2: IndentationError: unexpected indent; mend it"),
    "exception": ("x = 1\n\n1 / 0\n", "mine.py:3: ZeroDivisionError: division by zero; mend it"),
    "lines": ("raise ValueError('one\\ntwo')\n", "mine.py:1: ValueError: one two; mend it"),
    "exit": ("import sys\nsys.exit('stop')\n", "mine.py:2: SystemExit: stop; mend it"),
    "no module": ("import no_such_module\n", "mine.py:1: ModuleNotFoundError: No module named 'no_such_module'; mend"),
    "null bytes": ("x = 1\0\n", "SyntaxError: source code"),
    "name of ours": (
        IMPORTS + sweep_of(MORE_EPOCHS, name="patchsize"),
        "mine.py: takes the name patchsize of another sweep (hemosweep/sweeps/patchsize.py); give it another name",
    ),
    "arms alike": (
        IMPORTS + sweep_of(MORE_EPOCHS, arm_name="'b'"),
        f"mine.py:{len(IMPORTS.splitlines()) + 2}: sweep mine: two arms are named 'b', that of x='a' and that of x='b'",
    ),
    "typo": (
        IMPORTS + sweep_of(MORE_EPOCHS, comparisons='(("a", "bb"),)'),
        f"mine.py:{len(IMPORTS.splitlines()) + 2}: sweep mine: the comparison ('a', 'bb') has 'bb', which is no arm; "
        "did you mean 'b'?",
    ),
    "patch": (
        IMPORTS + PATCH,
        f"mine.py:{line_of(IMPORTS + PATCH, 'patch_HWD')}: patch_HWD=(30, 30, 15): SEUNet3D needs multiples of 4, 4",
    ),
    "configure": (
        IMPORTS + sweep_of("base.nothing"),
        f"mine.py:{line_of(IMPORTS + sweep_of('base.nothing'), 'base.nothing')}: AttributeError: 'ArmConfig' object",
    ),
    "no component": (IMPORTS + sweep_of(training(loss="nn.L1Loss()")), "loss=L1Loss (loss.py, line"),
}


@both
@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_cannot_be_used(main, lab, out, command, kind):
    text, message = FILES[kind]
    folder = lab(mine=text)
    place = f"{folder / 'mine.py'}"
    assert_refused(main(command, folder / "mine.py", "--out", out), out, place, message)


@both
def test_a_neighbour_that_cannot_be_imported(main, lab, out, command):
    folder = lab(mine="import helper\n", helper="x = 1\nx.y\n")
    message = f"{folder / 'helper.py'}:2: AttributeError: 'int' object has no attribute 'y'; mend it"
    assert_refused(main(command, folder / "mine.py", "--out", out), out, message)


@both
def test_a_neighbour_that_is_no_python(main, lab, out, command):
    folder = lab(mine="import helper\n", helper="x = 1\n\nx = = 2\n")
    assert_refused(main(command, folder / "mine.py", "--out", out), out, f"{folder / 'helper.py'}:3: SyntaxError")


@both
def test_a_file_named_like_a_loaded_module(main, lab, out, command):
    folder = lab(torch=IMPORTS + sweep_of(MORE_EPOCHS), json=IMPORTS + sweep_of(MORE_EPOCHS))
    for name in ("torch", "json"):
        assert_refused(
            main(command, folder / f"{name}.py", "--out", out),
            out,
            f"{folder / name}.py: another module is named {name} (",
            "rename the file",
        )


@pytest.mark.parametrize("name", ["torch", "mlflow", "json", "colorsys"])
def test_a_file_named_like_an_installed_module_that_is_not_loaded_yet(run, lab, out, name):
    folder = lab(**{name: "from hemosweep.ablation.sweep import Sweep\n" + sweep_of("base")})
    done = run("plan", folder / f"{name}.py", "--out", out)
    result = done.returncode, done.stdout, done.stderr
    assert_refused(result, out, f"{folder / name}.py: another module is named {name} (", "rename the file")


def test_a_copy_of_ours_is_planned(main, lab, out):
    folder = lab()
    shutil.copy(hemosweep.sweeps.patchsize.__file__, folder / "patchsize.py")
    code, stdout, stderr = main("plan", folder / "patchsize.py", "--arms", "24x24x8", "--out", out)
    assert (code, stderr) == (0, "")
    assert "24x24x8" in stdout


COMPONENTS = {
    "no dataclass": (f"class Mine:\n{BUILD}", "Mine()", "is no component; give a frozen dataclass with build"),
    "not frozen": (f"@dataclass\nclass Mine:\n{BUILD}", "Mine()", "is not frozen; write @dataclass(frozen=True) above"),
    "class": (f"@dataclass(frozen=True)\nclass Mine:\n{BUILD}", "Mine", "is a class (mine.py, line"),
    "inside": (
        "def make():\n    @dataclass(frozen=True)\n    class Mine:\n        build = None\n    return Mine()\n",
        "make()",
        "is defined inside a function or class; put it at the top level",
    ),
    "no build": ("@dataclass(frozen=True)\nclass Mine:\n    alpha: float = 1.0\n", "Mine()", "has no build; see"),
    "list": (
        f"@dataclass(frozen=True)\nclass Mine:\n    weights: object\n\n{BUILD}",
        "Mine([1.0, 2.0])",
        "field weights holds a list, which a record cannot keep; use a tuple",
    ),
    "array": (
        f"@dataclass(frozen=True)\nclass Mine:\n    weights: object\n\n{BUILD}",
        "Mine(np.ones(2))",
        "field weights holds a ndarray, which a record cannot keep; use numbers, texts, tuples",
    ),
    "NumPy's number": (
        f"@dataclass(frozen=True)\nclass Mine:\n    alpha: object\n\n{BUILD}",
        "Mine(np.float32(0.3))",
        "field alpha holds a float32, which a record cannot keep; use numbers",
    ),
    "NaN": (
        f"@dataclass(frozen=True)\nclass Mine:\n    alpha: float\n\n{BUILD}",
        "Mine(float('nan'))",
        "field alpha is nan; JSON has no such number, so use None",
    ),
    "tensor in a tuple": (
        f"@dataclass(frozen=True)\nclass Mine:\n    weights: object\n\n{BUILD}",
        "Mine((torch.ones(2),))",
        "field weights holds a Tensor, which a record cannot keep; use numbers",
    ),
}


@both
@pytest.mark.parametrize("kind", COMPONENTS)
def test_a_component_that_its_record_would_lose(main, lab, out, command, kind):
    component, value, message = COMPONENTS[kind]
    text = IMPORTS + component + sweep_of(training(loss=value))
    folder = lab(mine=text)
    place = f"(mine.py, line {line_of(text, 'class Mine') - ('@dataclass' in component)})"
    assert_refused(main(command, folder / "mine.py", "--out", out), out, folder / "mine.py", message, place)


def network(end="return x", classes=2, padding=1):
    return NETWORK.format(classes=classes, padding=padding, end=end) + WITH_NETWORK


def loss(body):
    return LOSS.format(body=body) + WITH_LOSS


def metric(name="mine", body="return 0.5"):
    return METRIC.format(name=name, body=body) + sweep_of(MORE_EPOCHS, metrics="(Mine(),)")


def optimiser(body):
    build = f"    def build(self, parameters, *, on_cuda):\n        {body}\n"
    component = f"@dataclass(frozen=True)\nclass Mine:\n    learning_rate: float = 0.1\n\n{build}"
    return component + sweep_of(training(optimiser="Mine()"))


TRIED = {
    "network: shape": (network(padding=0), "network Mine", "return logits (2, 2, "),
    "network: classes": (network(classes=3), "network Mine", "return logits (2, 2, ", "two classes"),
    "network: list": (network("return [x]"), "network Mine", "it makes list"),
    "network: raises": (network("raise ValueError('a', 1)"), "network Mine fails (ValueError: ('a', 1))", "RAISES"),
    "network: NaN": (network("return x / 0 * 0"), "network Mine", "finite"),
    "network: no module": (
        "@dataclass(frozen=True)\nclass Mine:\n    patch_multiple: tuple = (4, 4, 4)\n\n"
        "    def build(self, *, in_channels):\n        return lambda x: x\n" + WITH_NETWORK,
        "network Mine",
        "build returns a function",
        "return an nn.Module",
    ),
    "network: no channels": (
        "@dataclass(frozen=True)\nclass Mine:\n    patch_multiple: tuple = (4, 4, 4)\n\n"
        "    def build(self):  # raise\n        return nn.Conv3d(1, 2, 1)\n" + WITH_NETWORK,
        "network Mine fails (TypeError: Mine.build() got an unexpected keyword argument 'in_channels')",
    ),
    "loss: no scalar": (loss("return logits.mean((1, 2, 3, 4))"), "loss Mine", "its value is tensor (2,)", "a mean"),
    "loss: a number": (loss("return 0.5"), "loss Mine", "its value is 0.5"),
    "loss: detached": (loss("return logits.detach().mean()"), "loss Mine", "its value has no gradient"),
    "loss: argmax": (loss("return logits.argmax(1).float().mean()"), "loss Mine", "its value has no gradient"),
    "loss: flat": (loss("return logits.mean() * 0"), "loss Mine", "its gradient is zero everywhere"),
    "loss: NaN": (loss("return logits.mean() * torch.nan"), "loss Mine", "its value is tensor(nan"),
    "loss: NaN gradient": (loss("return (logits * 0).sqrt().sum()"), "loss Mine", "gradient is not finite"),
    "loss: raises": (loss("raise KeyError('weights')"), "loss Mine fails (KeyError: 'weights')", "RAISES"),
    "loss: no function": (
        "@dataclass(frozen=True)\nclass Mine:\n    def build(self):\n        return None\n" + WITH_LOSS,
        "loss Mine",
        "build returns a NoneType",
    ),
    "optimiser: none of torch's": (optimiser("return object()"), "optimiser Mine", "return a torch.optim.Optimizer"),
    "optimiser: raises": (optimiser("raise ValueError('lr')"), "optimiser Mine fails (ValueError: lr)", "RAISES"),
    "metric: name": (metric(name="boundary IoU"), "metric Mine", "its name is 'boundary IoU'", "give a plain name"),
    "metric: raises": (metric(body="raise ValueError('empty')"), "metric Mine fails (ValueError: empty)", "RAISES"),
    "metric: text": (metric(body="return 'good'"), "metric Mine fails (TypeError: must be real number, not str)"),
    "metric: NaN": (metric(body="return float('nan')"), "metric mine is nan; return None where it is undefined"),
    "metric: name of ours": (metric(name="dsc"), "metric Mine", "takes the name dsc", "give it another name"),
}


@both
@pytest.mark.parametrize("kind", TRIED)
def test_a_component_that_does_not_do_its_duty(main, lab, out, kind, command):
    """`out` is not there afterwards: no phantom data set was made."""
    text, *parts = TRIED[kind]
    text = IMPORTS + text
    folder = lab(mine=text)
    if parts[-1] == "RAISES":
        parts[-1] = f"{folder / 'mine.py'}:{line_of(text, 'raise ')}: "
    assert_refused(main(command, folder / "mine.py", "--out", out), out, "mine.py", *parts)


def test_two_metrics_of_one_name(main, lab, out):
    text = METRIC.format(name="mine", body="return 0.5").replace("name =", "factor: float = 1.0\n    name =")
    text = IMPORTS + text + sweep_of(MORE_EPOCHS, metrics="(Mine(), Mine(factor=2.0))")
    folder = lab(mine=text)
    assert_refused(main("sweep", folder / "mine.py", "--out", out), out, "mine.py", "takes the name mine", "give it")
