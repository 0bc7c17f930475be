"""The digest of a metric: its type, its fields, and the code that its module imports."""

import shutil
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

import hemosweep
from hemosweep.errors import BadInput
from hemosweep.identity.code import closure
from hemosweep.identity.metric import metric_digest
from hemosweep.identity.stages import FOLD_RUNS
from hemosweep.scores.catalogue import OWN_METRICS
from hemosweep.scores.surface import SurfaceDice

PACKAGE = Path(hemosweep.__file__).parent
DIGESTS = """
from hemosweep.identity.metric import metric_digest
from hemosweep.scores.catalogue import OWN_METRICS
for metric in OWN_METRICS:
    print(metric.name, metric_digest(metric))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package, to edit."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, folder / "hemosweep", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def digests(folder):
    command = [sys.executable, "-B", "-c", DIGESTS]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(folder)}, cwd=folder, capture_output=True, text=True, check=True
    )
    return dict(line.split() for line in done.stdout.splitlines())


def test_an_edit_changes_the_digests_of_the_metrics_that_use_it_and_of_no_other(copy):
    before = digests(copy)
    assert len(before) == len({*before.values()}) == len(OWN_METRICS)
    lesions = copy / "hemosweep" / "scores" / "lesions.py"
    text = lesions.read_text()
    assert "np.ones((3, 3, 3))" in text
    lesions.write_text(text.replace("np.ones((3, 3, 3))", "None"))
    after = digests(copy)
    lesions.write_text(text + "\n# A remark.\n")
    assert {name for name in before if before[name] != after[name]} == {
        "lesion_f1",
        "lesion_sensitivity",
        "lesion_precision",
    }
    assert digests(copy) == before


def test_no_code_of_a_score_is_part_of_a_fold_runs_name():
    assert [name for name in closure(FOLD_RUNS).modules if name.startswith("hemosweep.scores")] == []


def test_a_metric_with_another_field_has_another_digest():
    assert metric_digest(SurfaceDice()) == metric_digest(SurfaceDice(tolerance_mm=2.0))
    assert metric_digest(SurfaceDice()) != metric_digest(SurfaceDice(tolerance_mm=1.0))


def test_what_is_no_object_of_a_dataclass_or_has_no_plain_fields_is_refused():
    @dataclass(frozen=True)
    class Odd:
        value: object = object()

    with pytest.raises(BadInput, match="not an object of a dataclass"):
        metric_digest(SurfaceDice)
    with pytest.raises(BadInput, match="not an object of a dataclass"):
        metric_digest(object())
    with pytest.raises(BadInput, match="fields that JSON cannot carry"):
        metric_digest(Odd())


def test_a_metric_whose_module_has_no_file_is_refused(monkeypatch):
    module = types.ModuleType("typed_in")
    monkeypatch.setitem(sys.modules, "typed_in", module)
    code = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Half:\n    pass\n"
    exec(code, module.__dict__)
    with pytest.raises(BadInput, match="metric of module typed_in: no file of it is known; define it in a file"):
        metric_digest(module.Half())


def test_a_metric_of_a_project_counts_with_what_it_imports_there(tmp_path, monkeypatch):
    (tmp_path / "lab_project_metric.py").write_text(
        "from dataclasses import dataclass\nfrom lab_project_helper import HALF\n\n"
        "@dataclass(frozen=True)\nclass Half:\n    def score(self, masks):\n        return HALF\n"
    )
    helper = tmp_path / "lab_project_helper.py"
    helper.write_text("HALF = 0.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    from lab_project_metric import Half

    before = metric_digest(Half())
    assert before == metric_digest(Half(), project=tmp_path)
    helper.write_text("HALF = 0.25  # less\n")
    assert metric_digest(Half()) != before


def test_a_metric_of_a_package_counts_with_its_neighbours(tmp_path, monkeypatch):
    package = tmp_path / "lab_package"
    package.mkdir()
    code = "from dataclasses import dataclass\nfrom lab_package.helper import HALF\n\n"
    code += "@dataclass(frozen=True)\nclass Half:\n    def score(self, masks):\n        return HALF\n"
    (package / "helper.py").write_text("HALF = 0.5\n")
    (package / "__init__.py").write_text(code)
    (package / "inner.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    from lab_package import Half
    from lab_package.inner import Half as Inner

    before = [metric_digest(Half()), metric_digest(Inner())]
    assert before == [metric_digest(half, project=tmp_path) for half in (Half(), Inner())]
    (package / "helper.py").write_text("HALF = 0.25  # less\n")
    assert not {*before} & {metric_digest(Half()), metric_digest(Inner())}

    other = tmp_path / "other"
    (other / "lab_package").mkdir(parents=True)
    for file in package.glob("*.py"):
        (other / "lab_package" / file.name).write_text(file.read_text() + "x = 1\n")
    assert metric_digest(Half(), project=other) != metric_digest(Half())  # The place that is given counts.
