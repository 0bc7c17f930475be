import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hemosweep.ablation.sweep import Arm
from hemosweep.config import ArmConfig, PreprocessingConfig, TrainingConfig
from hemosweep.data.case import Case
from hemosweep.data.folds import Fold
from hemosweep.engine.plan import Inputs, fold_run_folder, is_done, plan_replicates
from hemosweep.foldrun.seal import BrokenSeal
from hemosweep.foldrun.spec import CaseInput, write_json
from hemosweep.identity.fold_run import fold_run_digest
from hemosweep.identity.stages import Code
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.testing.fold_runs import seal_untrained

ARMS = tuple(
    Arm(
        name=name,
        params={"width": width},
        config=ArmConfig(network=SEUNet3D(width=width), preprocessing=PreprocessingConfig(symmetric=symmetric)),
    )
    for name, width, symmetric in (("narrow", 8, "none"), ("wide", 16, "plane"))
)
FOLDS = (
    Fold(index=0, train=("a",), validation=("b",), test=("c", "d")),
    Fold(index=1, train=("c",), validation=("d",), test=("a", "b")),
)
IVH = {"a": True, "b": False, "c": None, "d": False}
CONTENTS = {"a": "1", "b": "2", "c": "3", "d": "4"}


def case(name, ivh):
    path = Path(f"{name}.nii.gz")
    return Case(case_id=name, patient_id=f"P{name}", ivh=ivh, ct_path=path, lesion_path=path)


def plan(tmp_path, seeds=(0,), arms=ARMS, folds=FOLDS, further=()):
    return plan_replicates(
        arms,
        seeds,
        [case(name, ivh) for name, ivh in IVH.items()],
        folds,
        inputs={
            arm.config.preprocessing: Inputs(
                paths={name: tmp_path / arm.config.preprocessing.symmetric / f"{name}.npz" for name in IVH},
                contents=CONTENTS,
            )
            for arm in arms
        },
        code=Code(),
        further=further,
    )


def test_a_further_repeat_has_its_own_folds_its_number_as_seed_and_a_name_of_its_own(tmp_path):
    swapped = (
        Fold(index=0, train=("c",), validation=("b",), test=("a", "d")),
        Fold(index=1, train=("a",), validation=("d",), test=("b", "c")),
    )
    replicates = plan(tmp_path, further=[swapped])
    assert [(one.run_name, one.seed, one.repeat) for one in replicates] == [
        ("narrow@0", 0, 0),
        ("narrow~1", 1, 1),
        ("wide@0", 0, 0),
        ("wide~1", 1, 1),
    ]
    first, second = replicates[:2]
    for spec, fold in zip(second.fold_runs, swapped, strict=True):
        assert tuple(case.case_id for case in spec.test) == fold.test
    assert {spec.digest for spec in first.fold_runs}.isdisjoint(spec.digest for spec in second.fold_runs)
    alone = plan(tmp_path)[0]
    assert [spec.digest for spec in alone.fold_runs] == [spec.digest for spec in first.fold_runs], "shared with one"


def test_one_seed_names_a_run_after_its_arm_alone(tmp_path):
    assert [replicate.run_name for replicate in plan(tmp_path)] == ["narrow", "wide"]


def test_several_seeds_are_in_the_names_arm_by_arm(tmp_path):
    replicates = plan(tmp_path, seeds=(0, 1))
    assert [replicate.run_name for replicate in replicates] == ["narrow@0", "narrow@1", "wide@0", "wide@1"]
    assert [(replicate.arm.name, replicate.seed) for replicate in replicates] == [
        ("narrow", 0),
        ("narrow", 1),
        ("wide", 0),
        ("wide", 1),
    ]


def test_every_replicate_trains_every_fold_once(tmp_path):
    for replicate in plan(tmp_path, seeds=(0, 1)):
        assert [spec.fold for spec in replicate.fold_runs] == [0, 1]
        assert {spec.config for spec in replicate.fold_runs} == {replicate.arm.config}
        assert {spec.seed for spec in replicate.fold_runs} == {replicate.seed}


def test_a_fold_run_reads_its_own_arms_files_by_their_whole_path(tmp_path):
    spec = plan(tmp_path)[1].fold_runs[0]
    assert spec.train == (CaseInput(case_id="a", ivh="yes", path=str(tmp_path / "plane" / "a.npz")),)
    assert spec.validation == (CaseInput(case_id="b", ivh="no", path=str(tmp_path / "plane" / "b.npz")),)
    assert [(part.case_id, part.ivh) for part in spec.test] == [("c", "n/a"), ("d", "no")]


def test_a_fold_run_is_named_by_its_digest_and_no_two_are_the_same(tmp_path):
    replicates = plan(tmp_path, seeds=(0, 1))
    digests = [spec.digest for replicate in replicates for spec in replicate.fold_runs]
    assert len(set(digests)) == 2 * 2 * 2
    assert digests[0] == fold_run_digest(ARMS[0].config, 0, FOLDS[0], CONTENTS, Code().of_fold_runs(ARMS[0].config))


def test_a_replicate_is_named_by_its_fold_runs(tmp_path):
    replicates = plan(tmp_path, seeds=(0, 1))
    assert len({replicate.digest for replicate in replicates}) == 4
    assert [replicate.digest for replicate in plan(tmp_path)] == [replicates[0].digest, replicates[2].digest]
    assert replace(replicates[0], run_name="another name").digest == replicates[0].digest


def test_arms_that_resolve_to_the_same_configuration_share_their_fold_runs(tmp_path):
    twins = (ARMS[0], replace(ARMS[0], name="twin"))
    first, second = plan(tmp_path, arms=twins)
    assert [spec.digest for spec in first.fold_runs] == [spec.digest for spec in second.fold_runs]


@pytest.fixture
def finished(tmp_path):
    """A fold run that is done, and its folder."""
    spec = plan(tmp_path)[0].fold_runs[0]
    folder = fold_run_folder(tmp_path, spec)
    spec.write(folder)
    seal_untrained(folder, [{"case_id": case.case_id, "dsc": 0.5} for case in spec.test])
    return spec, folder


def test_a_fold_run_is_done_when_it_is_sealed(tmp_path, finished):
    spec, folder = finished
    assert folder == tmp_path / "fold_runs" / spec.digest
    assert is_done(tmp_path, spec)


DAMAGED = [None, "", "\0" * 40, "{", "7", "null", "[]", "{}", '[{"dsc": 0.5}]']


@pytest.mark.parametrize("content", DAMAGED)
def test_a_fold_run_whose_seal_is_not_whole_is_not_done(tmp_path, finished, content):
    spec, folder = finished
    (folder / "done.json").unlink()
    if content is not None:
        (folder / "done.json").write_text(content)
    assert not is_done(tmp_path, spec)


@pytest.mark.parametrize("content", DAMAGED)
@pytest.mark.parametrize("name", ["scores.json", "spec.json", "weights.pt", "events.jsonl"])
def test_a_file_that_was_changed_after_the_sealing_breaks_the_seal(tmp_path, finished, name, content):
    spec, folder = finished
    before = (folder / name).read_bytes()
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    if content is not None and content.encode() == before:
        assert is_done(tmp_path, spec)
        return
    with pytest.raises(BrokenSeal, match=rf"{name} (is missing|has .*sealed with).*; restore it from a copy, or "):
        is_done(tmp_path, spec)
    (folder / name).write_bytes(before)
    assert is_done(tmp_path, spec)


def test_a_score_of_as_many_digits_breaks_the_seal_too(tmp_path, finished):
    spec, folder = finished
    path = folder / "scores.json"
    path.write_text(path.read_text().replace("0.5", "0.9", 1))
    with pytest.raises(BrokenSeal, match=r"scores\.json has other content than it was sealed with; .*hemosweep score"):
        is_done(tmp_path, spec)


def test_a_seal_does_not_stand_for_another_fold_run(tmp_path, finished):
    spec, folder = finished
    done = json.loads((folder / "done.json").read_text())
    write_json(folder / "done.json", done | {"digest": "another"})
    with pytest.raises(BrokenSeal, match=r"done\.json is the seal of another fold run, another"):
        is_done(tmp_path, spec)


def test_the_mark_of_an_earlier_version_which_sealed_nothing_is_not_reused(tmp_path, finished):
    spec, folder = finished
    write_json(folder / "done.json", {"digest": spec.digest, "seconds": 1.5})
    assert not is_done(tmp_path, spec)


def test_a_thousand_fold_runs_of_a_paper_s_data_set_are_planned_within_two_seconds_of_work(tmp_path):
    case_ids = [f"sub-{number:03d}" for number in range(76)]
    tested = [tuple(case_ids[index::5]) for index in range(5)]
    folds = [
        Fold(index=index, train=tuple(sorted({*case_ids} - {*test})), validation=(), test=test)
        for index, test in enumerate(tested)
    ]
    arms = [
        replace(ARMS[0], name=str(number), config=replace(ARMS[0].config, training=TrainingConfig(patience=number)))
        for number in range(1, 201)
    ]
    paths = {case_id: tmp_path / "derivatives" / "preprocessed" / f"{case_id}.npz" for case_id in case_ids}
    inputs = Inputs(paths=paths, contents={case_id: case_id for case_id in case_ids})
    begun = time.process_time()
    replicates = plan_replicates(
        arms,
        (0,),
        [case(name, None) for name in case_ids],
        folds,
        inputs={ARMS[0].config.preprocessing: inputs},
        code=Code(),
    )
    assert len({spec.digest for replicate in replicates for spec in replicate.fold_runs}) == 1000
    assert time.process_time() - begun < 2.0
