"""Names of fold runs: everything that can change its result, and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

import hemosweep
from hemosweep.config import (
    ArmConfig,
    CrossValidationConfig,
    InferenceConfig,
    ModelConfig,
    PreprocessingConfig,
    SamplingConfig,
    TrainingConfig,
)
from hemosweep.data.folds import Fold
from hemosweep.identity import source
from hemosweep.identity.fold_run import fold_run_digest
from hemosweep.identity.source import SOURCES, source_digest

FOLD = Fold(index=0, train=("a", "b"), validation=("c",), test=("d", "e"))
CONTENTS = {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}
PACKAGE = Path(hemosweep.__file__).parent


def digest(config=None, seed=0, fold=FOLD, contents=CONTENTS, source="s"):
    return fold_run_digest(config or ArmConfig(), seed, fold, contents, source)


@pytest.mark.parametrize(
    "changed",
    [
        {"config": ArmConfig(preprocessing=PreprocessingConfig(window_hu=(0.0, 80.0)))},
        {"config": ArmConfig(sampling=SamplingConfig(patch_HWD=(24, 24, 8)))},
        {"config": ArmConfig(sampling=SamplingConfig(patch_HWD=(32, 16, 32)))},
        {"config": ArmConfig(model=ModelConfig(width=8))},
        {"config": ArmConfig(model=ModelConfig(se=False))},
        {"config": ArmConfig(training=TrainingConfig(patience=4))},
        {"config": ArmConfig(inference=InferenceConfig(overlap=0.6))},
        {"seed": 1},
        {"fold": replace(FOLD, train=("a",))},
        {"fold": replace(FOLD, train=("a",), validation=("b", "c"))},
        {"fold": replace(FOLD, validation=("d",), test=("c", "e"))},
        {"contents": CONTENTS | {"a": "changed"}},
        {"contents": CONTENTS | {"c": "changed"}},
        {"contents": CONTENTS | {"e": "changed"}},
        {"contents": CONTENTS | {"a": "2", "b": "1"}},
        {"source": "t"},
    ],
    ids=str,
)
def test_what_can_change_a_result_changes_its_name(changed):
    assert digest(**changed) != digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"fold": replace(FOLD, index=3)},
        {"config": ArmConfig(cross_validation=CrossValidationConfig(num_folds=3))},
        {"config": ArmConfig(cross_validation=CrossValidationConfig(fold_seed=1))},
        {"contents": dict(reversed(CONTENTS.items()))},
        {"contents": CONTENTS | {"f": "a case of another fold"}},
        {"config": ArmConfig(model=ModelConfig(dropout=0.2, se=True, width=64))},
    ],
    ids=str,
)
def test_what_cannot_change_a_result_leaves_its_name(changed):
    assert digest(**changed) == digest()


def test_a_name_is_the_same_on_every_machine():
    assert digest() == digest()
    assert len(digest()) == 16
    assert set(digest()) <= set("0123456789abcdef")


def test_a_case_without_a_content_digest_cannot_be_named():
    with pytest.raises(KeyError, match="e"):
        digest(contents={"a": "1", "b": "2", "c": "3", "d": "4"})


@pytest.mark.parametrize("pattern", SOURCES)
def test_every_pattern_of_the_source_digest_finds_files(pattern):
    found = list(PACKAGE.glob(pattern))
    assert found
    assert all(path.is_file() for path in found)


def test_the_source_digest_covers_whatever_the_child_runs_between_a_case_and_its_score():
    covered = {path.relative_to(PACKAGE).as_posix() for pattern in SOURCES for path in PACKAGE.glob(pattern)}
    steps = {"model/unet.py", "model/losses.py", "sampling/centres.py", "sampling/bank.py", "training/loop.py"}
    assert steps | {"training/fold_run.py", "inference/sliding_window.py", "scores/overlap.py", "config.py"} <= covered


def test_the_source_digest_changes_with_a_source_file_and_with_nothing_else(tmp_path, monkeypatch):
    package = tmp_path / "hemosweep"
    for pattern in (*SOURCES, "report/terminal/table.py"):
        for path in PACKAGE.glob(pattern):
            copy = package / path.relative_to(PACKAGE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(source, "__file__", str(package / "identity" / "source.py"))
    before = source_digest()
    with (package / "report" / "terminal" / "table.py").open("a") as file:
        file.write("# another table\n")
    assert source_digest() == before
    with (package / "model" / "unet.py").open("a") as file:
        file.write("# another network\n")
    assert source_digest() != before
