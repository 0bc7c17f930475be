"""Fold runs of another program: their spec, their seal, and the way out where a file of them is broken."""

import pytest

from hemosweep.errors import BadInput
from hemosweep.foldrun.external import ExternalArm, ExternalSpec, external_name
from hemosweep.foldrun.scores import FoldScores, write_scores
from hemosweep.foldrun.seal import BrokenSeal, is_sealed, prediction_name, seal
from hemosweep.foldrun.spec import JOURNAL_NAME, SCORES_NAME, CaseInput, FoldRunSpec, is_external, read_json
from hemosweep.testing.fold_runs import write_fold_run

ARM = ExternalArm(
    sweep="se",
    arm="nnunet",
    seed=0,
    program="nnU-Net",
    version="2.8.1",
    settings="nnUNetTrainer__nnUNetPlans__2d",
    facts=(("dataset_digest", "d"), ("folds_digest", "f")),
    predictions="p",
)
SPEC = ExternalSpec(
    of=ARM,
    fold=1,
    train=(CaseInput(case_id="a", ivh="yes", path="/a"),),
    validation=(CaseInput(case_id="b", ivh="no", path="/b"),),
    test=(CaseInput(case_id="c", ivh="n/a", path="/c", patient_id="c"),),
    predictions={"c": "1"},
)


@pytest.fixture
def folder(tmp_path):
    """A sealed fold run."""
    folder = tmp_path / SPEC.digest
    (folder / "predictions").mkdir(parents=True)
    SPEC.write(folder)
    (folder / JOURNAL_NAME).touch()
    (folder / prediction_name("c")).write_bytes(b"mask")
    write_scores(folder, FoldScores(rows=[{"case_id": "c", "dsc": 0.5}]))
    seal(folder, digest=SPEC.digest, seconds=0.0, test_case_ids=["c"], has_weights=False)
    return folder


def test_a_spec_is_read_as_it_was_written(folder):
    assert ExternalSpec.read(folder) == SPEC
    assert external_name(read_json(folder / "spec.json")) == "se/nnunet@0 fold 1"


def test_a_fold_run_without_weights_is_sealed_whole(folder):
    assert is_external(folder)
    assert is_sealed(folder, SCORES_NAME, owner=SPEC.digest)


def test_a_broken_one_is_mended_by_another_import(folder):
    (folder / JOURNAL_NAME).write_text("more")
    with pytest.raises(BrokenSeal, match="import its results again"):
        is_sealed(folder)


def test_it_cannot_be_read_as_one_that_was_trained_here(folder):
    with pytest.raises(BadInput, match="is a fold run of nnU-Net, whose weights are not here"):
        FoldRunSpec.read(folder)


def test_one_that_was_trained_here_is_not_external(tmp_path):
    write_fold_run(tmp_path / "run")
    assert not is_external(tmp_path / "run")
    assert not is_external(tmp_path / "nowhere")
    assert external_name(read_json(tmp_path / "run" / "spec.json")) is None


@pytest.mark.parametrize("content", ["", "[]", '{"external": {}}'])
def test_a_damaged_spec_is_bad_input(folder, content):
    (folder / "spec.json").write_text(content)
    with pytest.raises(BadInput, match="import its results again"):
        ExternalSpec.read(folder)
