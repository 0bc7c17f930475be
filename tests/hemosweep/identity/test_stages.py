"""Code of the stages: whatever a process runs between a case and its result is digested, or opted out with a reason."""

import subprocess
import sys
from dataclasses import fields, replace

import pytest

from hemosweep.components.record import find_own
from hemosweep.config import ArmConfig, config_as_dict
from hemosweep.identity.birth_defaults import BIRTH_DEFAULTS, LATER_FIELDS, without_birth_defaults
from hemosweep.identity.code import closure
from hemosweep.identity.fold_run import counted
from hemosweep.identity.opted_out import OPTED_OUT, is_opted_out
from hemosweep.identity.stages import FOLD_RUNS, PREDICTIONS, PREPROCESSED_CASES, TIMED_STEPS, Code, components_of
from hemosweep.intensity.z_score import ZScore
from hemosweep.model.losses.focal import Focal
from hemosweep.model.losses.weighted import WeightedCE
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.weight_maps.border import BorderWeights
from hemosweep.postprocessing.components import MinVolume
from hemosweep.sampling.augmentations.affine import Affine
from hemosweep.testing.fold_runs import write_fold_run

RUN = """
import sys
import threading
from pathlib import Path
from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.spec import FoldRunSpec
from hemosweep.training.fold_run import run_fold

class NoScores:
    def so_far(self): return []
    def score(self, case_input, case, prediction): return {"case_id": case_input.case_id, "dsc": 0.0}
    def write(self, rows): (folder / "scores.json").write_text('{"metrics": {}, "rows": []}')

folder, seen = Path(sys.argv[1]), set()
spec, journal = FoldRunSpec.read(folder), Journal(folder / "events.jsonl")

def note(frame, event, argument):
    seen.add(frame.f_globals.get("__name__", ""))

threading.setprofile(note)
sys.setprofile(note)
run_fold(spec, folder, journal, NoScores())
sys.setprofile(None)
print(*(name for name in seen if name.partition(".")[0] == "hemosweep"))
"""


@pytest.fixture(scope="module")
def found():
    config = ArmConfig()
    return closure([*FOLD_RUNS, *(name.rpartition(".")[0] for name in components_of(config_as_dict(config)))])


def test_every_module_of_hemosweep_that_a_fold_run_runs_is_digested_or_opted_out(tmp_path, found):
    write_fold_run(tmp_path / "fold-run", max_epochs=1)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "fold-run")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.split())
    assert {"hemosweep.training.loop", "hemosweep.preprocessing.grid", "hemosweep.sampling.regions"} <= modules
    assert {name for name in modules if name not in found.modules and not is_opted_out(name)} == set()


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (FOLD_RUNS, {"hemosweep.preprocessing.tilt", "hemosweep.inference.sliding_window", "hemosweep.sampling.bank"}),
        (PREPROCESSED_CASES, {"hemosweep.preprocessing.brain", "hemosweep.data.nifti", "hemosweep.data.hounsfield"}),
        (TIMED_STEPS, {"hemosweep.model.device"}),
        (
            PREDICTIONS,
            {"hemosweep.inference.ensemble", "hemosweep.report.slices.prediction", "hemosweep.scores.volume"},
        ),
    ],
)
def test_a_stage_has_the_code_of_its_result_and_none_that_only_prints(stage, expected):
    modules = set(closure(stage).modules)
    assert expected <= modules
    assert not any(name.startswith(("hemosweep.cli", "hemosweep.tracking", "hemosweep.engine")) for name in modules)


def test_scores_are_no_part_of_a_fold_run_s_code(found):
    assert not [name for name in found.modules if name.startswith("hemosweep.scores")]


def test_every_module_that_is_opted_out_exists_and_has_a_reason():
    package = closure(["hemosweep.training.fold_run"])  # Any closure: only to know that names are resolved alike.
    assert package.modules
    for name, reason in OPTED_OUT.items():
        assert reason
        module = name.removesuffix(".*")
        __import__(module)


def test_only_an_arm_s_own_components_are_in_its_code():
    base = ArmConfig()
    focal = replace(base, training=replace(base.training, loss=Focal()))
    assert "hemosweep.model.losses.focal.Focal" in components_of(config_as_dict(focal))
    assert "hemosweep.model.losses.focal.Focal" not in components_of(config_as_dict(base))
    assert Code().of_fold_runs(focal) != Code().of_fold_runs(base)
    changed = replace(
        base,
        sampling=replace(base.sampling, transforms=(Affine(),)),
        training=replace(base.training, loss=WeightedCE(weight_map=BorderWeights())),
        inference=replace(base.inference, postprocessing=(MinVolume(),)),
    )
    added = set(components_of(config_as_dict(changed))) - set(components_of(config_as_dict(base)))
    assert {name.rpartition(".")[2] for name in added} == {"Affine", "WeightedCE", "BorderWeights", "MinVolume"}


def test_the_code_of_an_intensity_is_in_that_of_the_preprocessing():
    base = ArmConfig()
    standardised = replace(base.preprocessing, intensity=ZScore())
    assert Code().of_preprocessing(standardised) != Code().of_preprocessing(base.preprocessing)
    assert Code().of_fold_runs(replace(base, preprocessing=standardised)) == Code().of_fold_runs(base)


def test_every_field_of_a_configuration_has_its_birth_default_entered():
    config = ArmConfig()
    sections = {name: value for name, value in config.sections() if name != "network"}
    for name, section in sections.items():
        assert {field.name for field in fields(section)} == set(BIRTH_DEFAULTS[name]), (
            "enter a new field with its first default in identity/birth_defaults.py"
        )


def test_a_field_at_its_birth_default_stays_out_and_a_later_default_does_not():
    record = {"max_epochs": 100, "patience": 20, "warm_up": 0, "slow": 3}
    assert without_birth_defaults("training", record, {"max_epochs": 50, "warm_up": 0, "slow": 2}) == {
        "patience": 20,
        "slow": 3,
    }


def test_a_later_field_of_a_component_stays_out_at_the_default_that_it_was_born_with():
    # Recorded before `channel_dropout` and `centres` were there.
    earlier = {"type": "hemosweep.model.networks.se_unet.SEUNet3D", "width": 64, "se": True, "reduction": 16}
    earlier |= {"dropout": 0.2}
    assert counted(ArmConfig())["network"] == earlier
    assert counted(ArmConfig(network=SEUNet3D(channel_dropout=True)))["network"] == earlier | {"channel_dropout": True}
    assert "centres" not in counted(ArmConfig())["sampling"]
    nested = {"type": "lab.Twice", "of": [earlier | {"channel_dropout": False}]}
    assert without_birth_defaults("training", {"loss": nested}, {}) == {"loss": nested | {"of": [earlier]}}


def test_every_later_field_of_a_component_is_a_field_of_it():
    for name, later in LATER_FIELDS.items():
        assert set(later) < {field.name for field in fields(find_own(name))}


def test_what_a_lab_s_file_imports_to_declare_its_sweep_is_no_part_of_its_code(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from hemosweep.ablation.sweep import Sweep\nfrom hemosweep.sweeps.final import final\n"
        "from hemosweep.model.losses.soft_dice import soft_dice_loss\nimport numpy\n"
    )
    found = closure(["mine"], project=tmp_path)
    assert {"mine", "hemosweep.model.losses.soft_dice", "hemosweep.model.losses.logits"} <= set(found.modules)
    assert not [name for name in found.modules if name.startswith(("hemosweep.ablation", "hemosweep.sweeps"))]
    before = Code(project=tmp_path).of_project(["mine.Mine"])
    assert before == Code(project=tmp_path).of_project(["mine.Mine", "hemosweep.model.losses.focal.Focal"])
    (tmp_path / "mine.py").write_text("x = 1\n")
    assert Code(project=tmp_path).of_project(["mine.Mine"]) != before
    assert Code(project=tmp_path).of_project(["hemosweep.model.losses.focal.Focal"]) is None


def test_a_default_of_birth_never_changes():
    # Names of results that people have kept depend on each of these values: a new field comes to them, none is edited.
    window = {"type": "hemosweep.intensity.window.Window", "low_hu": 0.0}
    born = {
        "preprocessing": {
            "spacing_HWD_mm": None,
            "make_finer": False,
            "shape_HWD": None,
            "ct_channels": [],
            "intensity": window | {"high_hu": 100.0},
            "symmetric": "none",
            "angiography": False,
            "angiography_intensity": window | {"high_hu": 300.0},
            "lesion_label": None,
        },
        "sampling": {
            "patch_HWD": [32, 32, 16],
            "num_patches_per_case": 3000,
            "augment": False,
            "centres": "random",
            "transforms": [],
        },
        "training": {
            "schedule": {"type": "hemosweep.model.schedules.constant.Constant"},
            "deterministic": False,
            "batch_size": 64,
            "max_epochs": 100,
            "patience": 15,
        },
        "inference": {"overlap": 0.5, "threshold": 0.5, "postprocessing": []},
        "cross_validation": {"num_folds": 5, "fold_seed": 2021, "validation_share": 0.2},
    }
    for section, values in born.items():
        assert {name: BIRTH_DEFAULTS[section][name] for name in values} == values
        assert without_birth_defaults(section, values, {}) == {}
    for section, name in (("sampling", "restriction"), ("training", "loss"), ("training", "optimiser")):
        for value in (None, 0, {}):
            assert without_birth_defaults(section, {name: value}, {}) == {name: value}, "always part of a name"
    assert without_birth_defaults("network", {"width": 16}, {"width": 16}) == {"width": 16}
