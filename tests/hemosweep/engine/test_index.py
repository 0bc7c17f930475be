import json
from dataclasses import replace

import pytest

from hemosweep.ablation.sweep import Arm
from hemosweep.engine.index import FOLD_RUNS_NAME, PlannedFoldRun, read_plans
from hemosweep.engine.plan import Replicate, fold_run_folder, write_plan
from tests.present import present_source


@pytest.fixture
def replicate(tiny_spec):
    def make(name, *digests, seed=0, source=None):
        specs = tuple(
            replace(tiny_spec(digest=digest, fold=fold, seed=seed), source=source or present_source())
            for fold, digest in enumerate(digests)
        )
        arm = Arm(name=name, params={}, config=specs[0].config)
        return Replicate(arm=arm, seed=seed, run_name=f"{name}@{seed}", fold_runs=specs)

    return make


def planned(out):
    (plan,) = read_plans(out)
    return {r.run_name: [fold_run.digest for fold_run in r.fold_runs] for r in plan.replicates}


def test_a_plan_is_read_back_with_its_fold_runs_in_order(tmp_path, replicate, tiny_inputs):
    write_plan(tmp_path, "se", "demo", [replicate("with", "d0", "d1", seed=3), replicate("without", "d2", "d3")])
    (plan,) = read_plans(tmp_path)
    assert (plan.sweep, plan.profile) == ("se", "demo")
    first, second = plan.replicates
    assert (first.run_name, first.arm, first.seed) == ("with@3", "with", 3)
    assert first.fold_runs == (PlannedFoldRun(fold=0, digest="d0"), PlannedFoldRun(fold=1, digest="d1"))
    assert second.run_name == "without@0"
    assert first.derivatives == (tiny_inputs["a"].parent.name,)


def test_other_arms_planned_later_stand_beside_those_before_and_the_same_ones_take_their_place(tmp_path, replicate):
    write_plan(tmp_path, "se", "demo", [replicate("with", "old"), replicate("without", "d1")])
    write_plan(tmp_path, "se", "demo", [replicate("with", "new"), replicate("deep", "d2")])
    assert planned(tmp_path) == {"without@0": ["d1"], "with@0": ["new"], "deep@0": ["d2"]}


@pytest.mark.parametrize(("profile", "source"), [("paper", None), ("demo", "of earlier code")])
def test_another_profile_or_source_code_is_another_plan(tmp_path, replicate, profile, source):
    write_plan(tmp_path, "se", "demo", [replicate("with", "d0"), replicate("without", "d1", source=source)])
    write_plan(tmp_path, "se", profile, [replicate("with", "d2")])
    assert planned(tmp_path) == {"with@0": ["d2"]}


def test_sweeps_are_planned_apart(tmp_path, replicate):
    write_plan(tmp_path, "se", "demo", [replicate("with", "d0")])
    write_plan(tmp_path, "loss", "demo", [replicate("focal", "d1")])
    assert [plan.sweep for plan in read_plans(tmp_path)] == ["loss", "se"]


def test_a_folder_without_plans_has_none(tmp_path):
    assert read_plans(tmp_path) == ()
    assert read_plans(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("content", ["", '{"sweep": "se", "pro', "[]", '{"sweep": "se"}', '{"replicates": [{}]}'])
def test_a_plan_that_cannot_be_read_is_passed_over_and_written_anew(tmp_path, replicate, content):
    write_plan(tmp_path, "loss", "demo", [replicate("focal", "d1")])
    (tmp_path / "sweeps" / "se.json").write_text(content)
    (tmp_path / "sweeps" / ".tmp-angio.json").write_text("{")
    assert [plan.sweep for plan in read_plans(tmp_path)] == ["loss"]
    write_plan(tmp_path, "se", "demo", [replicate("with", "d0")])
    assert [plan.sweep for plan in read_plans(tmp_path)] == ["loss", "se"]


def test_a_plan_names_neither_folders_nor_cases(tmp_path, replicate):
    write_plan(tmp_path, "se", "demo", [replicate("with", "d0")])
    text = (tmp_path / "sweeps" / "se.json").read_text()
    assert "/" not in text
    assert "case" not in json.dumps(json.loads(text))


def test_fold_runs_lie_where_the_driver_puts_them(tmp_path, tiny_spec):
    assert fold_run_folder(tmp_path, tiny_spec(digest="d0")) == tmp_path / FOLD_RUNS_NAME / "d0"
