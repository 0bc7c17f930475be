"""Kept predictions scored anew: what is replaced, what stays, and what cannot be scored."""

import json

import pytest

from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.lock import LOCK_NAME, hold
from hemosweep.foldrun.scores import FoldScores, read_scores, write_scores
from hemosweep.foldrun.spec import is_finished, write_json
from hemosweep.scores.recorded import RecordedMetric
from hemosweep.upkeep import rescore as module
from hemosweep.upkeep.rescore import find_outdated, rescore
from tests.fold_runs import run_fold


@pytest.fixture(scope="module")
def trained(tiny_spec, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    spec = tiny_spec(max_epochs=1)
    spec.write(folder)
    run_fold(spec, folder, Journal(folder / "events.jsonl"))
    return folder


@pytest.fixture
def folder(trained):
    """The fold run, whose scores are put back after the test."""
    before = (trained / "scores.json").read_bytes()
    yield trained
    (trained / "scores.json").write_bytes(before)


def again(folder):
    return rescore(find_outdated({folder: "a fold run"}), jobs=2, progress=lambda done, total: None)


def mark_outdated(folder, name):
    scores = read_scores(folder)
    old = RecordedMetric(digest="older", description=scores.metrics[name].description)
    rows = [row | {name: 0.123, "dropped": 7.0} for row in scores.rows]
    write_scores(folder, FoldScores(rows=rows, metrics={**scores.metrics, name: old}))


def test_scores_that_are_of_their_metrics_are_not_outdated(folder):
    assert find_outdated({folder: "a fold run"}) == {}


def test_only_what_is_outdated_is_computed_and_other_columns_stay(folder):
    whole = read_scores(folder)
    mark_outdated(folder, "nsd")
    done = again(folder)
    assert (done.num_cases, done.num_fold_runs, done.failures) == (2, 1, {})
    assert read_scores(folder).metrics == whole.metrics
    assert [*read_scores(folder).rows] == [row | {"dropped": 7.0} for row in whole.rows]


def test_the_bare_rows_of_an_earlier_version_are_read_and_scored(folder):
    whole = read_scores(folder)
    rows = [{name: row[name] for name in ("case_id", "dsc", "fold", "ivh")} for row in whole.rows]
    write_json(folder / "scores.json", rows)
    assert is_finished(folder)
    assert read_scores(folder) == FoldScores(rows=rows)
    spec = json.loads((folder / "spec.json").read_text())
    before = (folder / "spec.json").read_bytes()
    write_json(folder / "spec.json", spec | {"config": {"of": "an earlier version"}})
    assert again(folder).num_cases == 2
    (folder / "spec.json").write_bytes(before)
    assert read_scores(folder) == whole


def test_a_fold_run_that_a_process_works_on_is_skipped_and_named(folder):
    mark_outdated(folder, "dsc")
    before = (folder / "scores.json").read_bytes()
    with hold(folder / LOCK_NAME):
        failures = again(folder).failures
    assert failures["a fold run"].startswith("a fold run: process ")
    assert (folder / "scores.json").read_bytes() == before


@pytest.mark.parametrize("what", ["prediction", "preprocessed case"])
def test_what_is_missing_or_damaged_is_named_with_the_way_out(folder, what, tmp_path, monkeypatch):
    mark_outdated(folder, "dsc")
    before = (folder / "scores.json").read_bytes()
    if what == "prediction":
        path = folder / "predictions" / "d.nii.gz"
        content = path.read_bytes()
        path.write_bytes(b"no gzip")
        (damaged,) = again(folder).failures.values()
        assert damaged.startswith("a fold run, case d: its prediction is damaged")
        path.unlink()
        (missing,) = again(folder).failures.values()
        path.write_bytes(content)
    else:
        lost = [
            case | {"path": str(tmp_path / "lost.npz")}
            for case in json.loads((folder / "spec.json").read_text())["test"]
        ]
        cases = [module.CaseInput(**case) for case in lost]
        monkeypatch.setattr(module, "_test_cases", lambda folder: cases)
        (missing,) = again(folder).failures.values()
    assert f"its {what} is missing" in missing
    assert "run its sweep again" in missing
    assert "\n" not in missing
    assert (folder / "scores.json").read_bytes() == before


def test_an_interrupt_leaves_the_scores_as_they_were(folder, monkeypatch):
    mark_outdated(folder, "dsc")
    before = (folder / "scores.json").read_bytes()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_score", interrupt)
    with pytest.raises(KeyboardInterrupt):
        again(folder)
    assert (folder / "scores.json").read_bytes() == before
