"""Specs whose components belong to a project: read where its code is that of the training, and refused elsewhere."""

import json
from pathlib import Path

import pytest

from hemosweep.errors import BadInput
from hemosweep.identity.present import PresentCode
from hemosweep.identity.stages import FOLD_RUNS, Code, components_of
from hemosweep.identity.trusted import CHANGED, project_in_use, read_trusted

LOSS = """from dataclasses import dataclass

@dataclass(frozen=True)
class Mine:
    weight: float = 1.0

    def build(self):
        return None
"""
METRIC = """from dataclasses import dataclass

@dataclass(frozen=True)
class Score:
    name: str = "mine"
    label: str = "mine"

    def score(self, masks):
        return 0.5
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "trusted_loss.py").write_text(LOSS)
    (folder / "trusted_metric.py").write_text(METRIC)
    return folder


@pytest.fixture
def folder(tmp_path, tiny_spec):
    """A fold run's folder in an output folder, with hemosweep's components only."""
    folder = tmp_path / "out" / "fold_runs" / "tiny"
    tiny_spec().write(folder)
    return folder


def change(folder, **fields):
    record = json.loads((folder / "spec.json").read_text())
    for name, value in fields.items():
        if name == "loss":
            record["config"]["training"]["loss"] = value
        else:
            record[name] = value
    (folder / "spec.json").write_text(json.dumps(record))
    return record


@pytest.fixture
def lab(folder, project):
    """The same with a loss and a metric of a project."""
    code = Code(project=project)
    record = change(
        folder,
        loss={"type": "trusted_loss.Mine", "weight": 2.0},
        metrics=[{"type": "trusted_metric.Score", "name": "mine", "label": "mine"}],
        project=str(project),
        project_source=code.of_project(["trusted_loss.Mine"]),
        metrics_source=code.of_project(["trusted_metric.Score"]),
    )
    change(folder, source=code.of(FOLD_RUNS, components_of(record["config"])))
    return folder


def test_a_spec_of_hemosweep_s_components_needs_no_project(folder, tiny_spec):
    assert read_trusted(folder) == tiny_spec()
    assert project_in_use(read_trusted(folder), Path("anywhere")) is None


def test_a_component_of_a_project_is_imported_where_its_code_is_the_recorded_one(lab, project):
    spec = read_trusted(lab)
    assert spec.config.training.loss.weight == 2.0
    assert [metric.name for metric in spec.metrics] == ["mine"]
    assert project_in_use(spec, None) == project
    assert project_in_use(spec, project / ".." / "lab") == project
    assert read_trusted(lab, with_metrics=False).metrics == ()
    out = lab.parents[1]  # It keeps what was read of the code.
    assert [path.parent for path in out.parent.rglob("code.json")] == [out]


@pytest.mark.parametrize("file", ["trusted_loss.py", "trusted_metric.py"])
def test_another_code_of_the_project_is_refused_before_it_is_imported(lab, project, file):
    (project / file).write_text("raise SystemExit('imported')\n")
    with pytest.raises(BadInput, match=f"the code of {file[:-3]}.* is not the one that this fold run was trained with"):
        read_trusted(lab)
    if file == "trusted_metric.py":
        assert read_trusted(lab, with_metrics=False).config.training.loss.weight == 2.0


def test_a_project_that_moved_is_read_from_where_the_user_says(lab, project, tmp_path):
    moved = project.rename(tmp_path / "moved")
    with pytest.raises(BadInput, match=f"{project}: the project of this run is not there; say with --project where it"):
        read_trusted(lab)
    assert read_trusted(lab, project=moved).config.training.loss.weight == 2.0


@pytest.mark.parametrize("recorded", [None, 7])
def test_a_spec_that_names_no_project_for_its_components_is_refused(lab, project, recorded):
    change(lab, project=recorded)
    with pytest.raises(BadInput, match="its spec names no project for its components; say with --project where it is"):
        read_trusted(lab)
    assert read_trusted(lab, project=project).config.training.loss.weight == 2.0


def test_a_project_in_the_output_folder_is_read_only_where_the_user_names_it(lab, project):
    inside = project.rename(lab.parents[1] / "lab")
    change(lab, project=str(inside))
    with pytest.raises(BadInput, match="lies in its output folder, so a stranger may have put it there"):
        read_trusted(lab)
    assert read_trusted(lab, project=inside).config.training.loss.weight == 2.0


def test_a_spec_of_other_code_of_hemosweep_is_refused_where_it_must_be_current(folder, lab):
    change(lab, source="of another day")
    with pytest.raises(BadInput, match=CHANGED):
        read_trusted(lab)
    assert read_trusted(lab, must_be_current=False).source == "of another day"
    change(lab, source=None)
    assert read_trusted(lab).source is None


def test_a_damaged_spec_is_refused_as_such(folder):
    change(folder, config=None)
    with pytest.raises(BadInput, match=r"spec.json is damaged, or of another version"):
        read_trusted(folder)
    (folder / "spec.json").unlink()
    with pytest.raises(BadInput, match=r"not a fold run's folder, it has no spec.json"):
        read_trusted(folder)


def test_only_a_fold_run_of_the_present_code_can_go_on(lab, project):
    record = json.loads((lab / "spec.json").read_text())
    present = PresentCode(lab.parents[1])
    assert present.has_spec(record)
    assert present.has_spec(record | {"source": None})
    assert present.has_spec(7)
    assert not present.has_spec(record | {"source": "of another day"})
    assert not present.has_spec(record | {"config": None})
    assert not present.has_spec(record | {"project": None})  # Its loss is found nowhere.
    own = ["hemosweep.model.losses.focal.Focal"]
    assert present.has(Code().of(FOLD_RUNS, own), own, None)
    assert not present.has(Code().of(FOLD_RUNS), own, None)


def test_the_project_of_an_arm_is_known_where_a_component_or_a_metric_is_of_it(lab, project, tiny_spec):
    spec, code = read_trusted(lab), Code(project=project)
    assert code.project_of(spec.config) == str(project)
    assert code.project_of(tiny_spec().config) is None
    assert code.project_of(tiny_spec().config, spec.metrics) == str(project)
    assert Code().project_of(spec.config) is None


def test_a_project_of_a_loss_alone_or_of_a_metric_alone_is_needed_too(lab, project):
    record = json.loads((lab / "spec.json").read_text())
    change(lab, metrics=[], metrics_source=None)
    spec = read_trusted(lab)
    assert (spec.config.training.loss.weight, spec.metrics) == (2.0, ())
    assert project_in_use(spec, None) == project
    own = {"type": "hemosweep.model.losses.dice_ce.DiceCE"}
    change(lab, metrics=record["metrics"], metrics_source=record["metrics_source"], loss=own, source=None)
    change(lab, project_source=None)
    assert [metric.name for metric in read_trusted(lab).metrics] == ["mine"]
