"""Kept predictions scored anew: what is replaced, what stays, and what cannot be scored."""

import json
import shutil

import pytest

from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.lock import LOCK_NAME, hold
from hemosweep.foldrun.scores import FoldScores, read_scores, write_scores
from hemosweep.foldrun.seal import RECORDS, is_finished, read_seal
from hemosweep.foldrun.spec import write_json
from hemosweep.scores.recorded import RecordedMetric
from hemosweep.upkeep import rescore as module
from hemosweep.upkeep.rescore import find_outdated, rescore
from tests.fold_runs import run_fold, seal_again


@pytest.fixture(scope="module")
def trained(tiny_spec, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    spec = tiny_spec(max_epochs=1)
    spec.write(folder)
    run_fold(spec, folder, Journal(folder / "events.jsonl"))
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of the fold run."""
    return shutil.copytree(trained, tmp_path / "fold-run")


def again(folder, *, mend=False):
    outdated = find_outdated({folder: "a fold run"}, mend=mend)
    return rescore(outdated, jobs=2, progress=lambda done, total: None)


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
    spec = json.loads((folder / "spec.json").read_text())
    write_json(folder / "spec.json", spec | {"config": {"of": "an earlier version"}})
    write_json(folder / "done.json", {"digest": "tiny", "seconds": 1.0})
    assert is_finished(folder)
    assert read_scores(folder) == FoldScores(rows=rows)
    assert again(folder).num_cases == 2
    assert read_scores(folder) == whole
    assert not read_seal(folder).files, "who sealed nothing when it was made has nothing to vouch for"


def test_a_fold_run_that_a_process_works_on_is_skipped_and_named(folder):
    mark_outdated(folder, "dsc")
    before = (folder / "scores.json").read_bytes()
    with hold(folder / LOCK_NAME):
        failures = again(folder).failures
    assert failures["a fold run"].startswith("a fold run: process ")
    assert (folder / "scores.json").read_bytes() == before


@pytest.mark.parametrize("what", ["prediction", "preprocessed case"])
def test_what_is_missing_or_damaged_is_named_with_the_way_out(folder, what, tmp_path):
    mark_outdated(folder, "dsc")
    before = (folder / "scores.json").read_bytes()
    if what == "prediction":
        path = folder / "predictions" / "d.nii.gz"
        path.write_bytes(b"no gzip")
        seal_again(folder)
        (damaged,) = again(folder).failures.values()
        assert damaged.startswith("a fold run, case d: its prediction is damaged")
        path.unlink()
        write_json(folder / "done.json", {"digest": "tiny", "seconds": 1.0})
        (missing,) = again(folder).failures.values()
    else:
        spec = json.loads((folder / "spec.json").read_text())
        lost = [case | {"path": str(tmp_path / "lost.npz")} for case in spec["test"]]
        write_json(folder / "spec.json", spec | {"test": lost})
        seal_again(folder)
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


def test_scores_that_are_made_anew_are_sealed_anew(folder):
    mark_outdated(folder, "nsd")
    assert is_finished(folder, *RECORDS)
    assert again(folder).num_cases == 2
    assert is_finished(folder, *RECORDS)
    assert read_seal(folder).scores == {name: metric.digest for name, metric in read_scores(folder).metrics.items()}


@pytest.mark.parametrize("edited", ["0.99", "1.7", "null", "nonsense"])
def test_scores_that_were_edited_are_made_anew_to_the_byte_where_that_is_asked_for(folder, trained, edited):
    path = folder / "scores.json"
    dsc = json.loads(path.read_text())["rows"][0]["dsc"]
    path.write_text(path.read_text().replace(str(dsc), edited, 1))
    assert find_outdated({folder: "a fold run"}) == {}, "a sweep names the broken seal"
    done = again(folder, mend=True)
    assert (done.num_cases, done.failures) == (2, {})
    assert path.read_bytes() == (trained / "scores.json").read_bytes()
    assert is_finished(folder, *RECORDS)


@pytest.mark.parametrize("name", ["spec.json", "weights.pt", "predictions/d.nii.gz", "events.jsonl"])
def test_a_seal_that_is_broken_elsewhere_is_named_and_nothing_is_changed(folder, name):
    for path in (folder / name, folder / "scores.json"):
        path.write_bytes(path.read_bytes() + b"\n")
    before = (folder / "scores.json").read_bytes()
    (failure,) = again(folder, mend=True).failures.values()
    assert name in failure
    assert "was sealed with" in failure
    assert (folder / "scores.json").read_bytes() == before
