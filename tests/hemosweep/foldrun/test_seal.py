"""The seal of a fold run: what it holds, when it breaks, and what a kill during a replacement leaves."""

import hashlib
import json

import pytest

from hemosweep.foldrun import seal as module
from hemosweep.foldrun.scores import FoldScores, write_scores
from hemosweep.foldrun.seal import (
    RECORDS,
    BrokenSeal,
    SealedFile,
    find_faults,
    is_finished,
    is_sealed,
    read_seal,
    replace_sealed,
    sealed_content,
    sealed_prediction,
)
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.recorded import RecordedMetric
from hemosweep.testing.fold_runs import seal_untrained

ROWS = [{"case_id": case_id, "fold": 0, "ivh": "no", "dsc": 0.5} for case_id in "de"]


@pytest.fixture
def folder(tiny_spec, tmp_path):
    """A fold run that is done, with cases d and e."""
    tiny_spec(digest=tmp_path.name).write(tmp_path)
    seal_untrained(tmp_path, ROWS, seconds=2.5)
    return tmp_path


def test_a_seal_holds_digest_and_size_of_every_file_and_the_names_of_the_stages(folder):
    done = json.loads((folder / "done.json").read_text())
    names = ["spec.json", "scores.json", "weights.pt", "events.jsonl", "predictions/d.nii.gz", "predictions/e.nii.gz"]
    assert list(done["files"]) == names
    assert (done["digest"], done["seconds"], done["scores"]) == (folder.name, 2.5, {})
    for name, file in done["files"].items():
        content = (folder / name).read_bytes()
        assert file == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_a_fold_run_without_a_prediction_is_not_sealed(folder):
    (folder / "done.json").unlink()
    (folder / "predictions" / "e.nii.gz").unlink()
    with pytest.raises(FileNotFoundError):
        module.seal(folder, digest=folder.name, seconds=1.0, test_case_ids="de")
    assert not is_finished(folder)


def test_sizes_are_always_compared_and_contents_of_what_is_read(folder):
    path = folder / "scores.json"
    path.write_text(path.read_text().replace("0.5", "0.9"))
    assert is_finished(folder), "as many bytes"
    with pytest.raises(BrokenSeal, match="has other content"):
        is_finished(folder, *RECORDS)
    path.write_text(path.read_text().replace("0.9", "1.75"))
    with pytest.raises(BrokenSeal, match=r"scores\.json has \d+ bytes, and was sealed with \d+"):
        is_finished(folder)


def test_what_is_read_is_compared_with_the_seal(folder):
    assert json.loads(sealed_content(folder, "scores.json"))["rows"] == ROWS
    (folder / "scores.json").write_text("[]")
    with pytest.raises(BrokenSeal) as raised:
        sealed_content(folder, "scores.json")
    assert raised.value.names == ("scores.json",)
    assert str(raised.value) == (
        f"{folder}: scores.json has other content than it was sealed with; restore it from a copy, or let "
        "`hemosweep score` make the scores anew from the kept predictions"
    )


def test_a_prediction_that_was_replaced_is_not_read(folder):
    assert sealed_prediction(folder, "d") == folder / "predictions" / "d.nii.gz"
    (folder / "predictions" / "d.nii.gz").write_bytes(b"another")
    with pytest.raises(
        BrokenSeal, match=r"predictions/d\.nii\.gz has other content.*delete this folder and run its sweep"
    ):
        sealed_prediction(folder, "d")
    (folder / "predictions" / "d.nii.gz").unlink()
    with pytest.raises(BrokenSeal, match=r"predictions/d\.nii\.gz is missing"):
        sealed_prediction(folder, "d")


def test_several_files_that_differ_are_counted(folder):
    for name in ("spec.json", "scores.json"):
        (folder / name).unlink()
    with pytest.raises(BrokenSeal, match=r"spec\.json is missing \(also scores\.json\); .*delete this") as raised:
        is_finished(folder)
    assert raised.value.names == ("spec.json", "scores.json")


def test_a_file_that_no_seal_names_is_read_as_it_is(folder):
    (folder / "note.txt").write_text("a note")
    assert sealed_content(folder, "note.txt") == b"a note"
    (folder / "done.json").unlink()
    (folder / "scores.json").write_text("[]")
    assert sealed_content(folder, "scores.json") == b"[]"


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("num_writes", [0, 1, 2])
def test_a_kill_while_a_sealed_file_is_replaced_leaves_the_old_or_the_new_one_both_sealed(
    folder, monkeypatch, num_writes
):
    old = (folder / "scores.json").read_bytes()
    new = old.replace(b"0.5", b"0.25")
    left = num_writes
    replacing = module.replacing

    def counted(path):
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return replacing(path)

    with monkeypatch.context() as patched:
        patched.setattr(module, "replacing", counted)
        patched.setattr(module, "write_json", lambda path, value: write_counted(counted, path, value))
        with pytest.raises(Killed):
            replace_sealed(folder, "scores.json", new)
    assert is_finished(folder, *RECORDS)
    assert sealed_content(folder, "scores.json") == (new if num_writes == 2 else old)
    replace_sealed(folder, "scores.json", new)
    assert is_finished(folder, *RECORDS)
    assert sealed_content(folder, "scores.json") == new
    (folder / "scores.json").write_bytes(old)
    with pytest.raises(BrokenSeal):
        is_finished(folder)


def write_counted(replacing, path, value):
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value))


def test_the_mark_of_an_earlier_version_is_finished_and_not_sealed(folder):
    (folder / "done.json").write_text(json.dumps({"digest": folder.name, "seconds": 1.0}))
    assert is_finished(folder)
    assert not is_sealed(folder)
    (folder / "scores.json").write_text("[]")
    assert not is_finished(folder)


@pytest.mark.parametrize("content", ["", "\0" * 40, "{", "7", "null", "[]", "{}", '{"digest": "a", "seconds": NaN}'])
def test_a_seal_that_a_power_cut_left_half_written_is_none(folder, content):
    (folder / "done.json").write_text(content)
    assert read_seal(folder) is None
    assert not is_finished(folder)


def digest_of(metric_digest):
    return {"dsc": RecordedMetric(digest=metric_digest, description=MetricDescription(name="dsc", label="DSC"))}


def test_a_replacement_keeps_what_else_is_sealed_and_takes_the_digests_of_the_new_scores(folder):
    before = read_seal(folder)
    write_scores(folder, FoldScores(rows=ROWS, metrics=digest_of("new")))
    after = read_seal(folder)
    assert (after.digest, after.seconds, after.replacing) == (before.digest, 2.5, {})
    assert after.scores == {"dsc": "new"}
    content = (folder / "scores.json").read_bytes()
    assert after.files["scores.json"] == SealedFile(sha256=hashlib.sha256(content).hexdigest(), num_bytes=len(content))
    assert {**after.files, "scores.json": 0} == {**before.files, "scores.json": 0}
    assert list(json.loads((folder / "done.json").read_text())) == ["digest", "seconds", "scores", "files"]


@pytest.mark.parametrize("done", [None, {"digest": "tiny", "seconds": 1.0}], ids=["not done", "of an earlier version"])
def test_scores_that_nothing_seals_are_replaced_and_stay_unsealed(folder, done):
    (folder / "done.json").unlink()
    if done is not None:
        (folder / "done.json").write_text(json.dumps(done))
    replace_sealed(folder, "scores.json", b"[]")
    assert (folder / "scores.json").read_bytes() == b"[]"
    assert sealed_content(folder, "scores.json") == b"[]"
    assert not is_sealed(folder)
    assert (folder / "done.json").exists() == (done is not None)
    if done is not None:
        assert json.loads((folder / "done.json").read_text()) == done


def test_a_seal_belongs_to_one_fold_run(folder):
    assert is_finished(folder, owner=folder.name)
    with pytest.raises(BrokenSeal) as raised:
        is_finished(folder, owner="another")
    assert raised.value.names == ("done.json",)
    assert raised.value.short == f"done.json is the seal of another fold run, {folder.name}"
    assert "delete this folder and run its sweep again" in str(raised.value)
    (folder / "done.json").unlink()
    assert not is_finished(folder, owner="another")


def test_of_many_files_that_differ_the_first_four_are_named(folder):
    names = ["spec.json", "scores.json", "weights.pt", "events.jsonl", "predictions/d.nii.gz"]
    for name in names:
        (folder / name).unlink()
    with pytest.raises(BrokenSeal) as raised:
        is_sealed(folder)
    assert raised.value.short == "spec.json is missing (also scores.json, weights.pt, events.jsonl)"
    assert raised.value.names == tuple(names)


def test_the_faults_of_all_files_are_found_unless_some_are_asked_for(folder):
    found = read_seal(folder)
    assert find_faults(folder, found) == {}
    for name in ("scores.json", "spec.json"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-1] + b" ")
    other = "has other content than it was sealed with"
    assert find_faults(folder, found) == {"spec.json": other, "scores.json": other}
    assert find_faults(folder, found, ["spec.json"]) == {"spec.json": other}
    assert find_faults(folder, found, []) == {}
    (folder / "weights.pt").write_bytes(b"seven b")
    assert find_faults(folder, found, []) == {"weights.pt": "has 7 bytes, and was sealed with 0"}


def test_predictions_whose_folder_is_a_file_are_missing(folder):
    for case_id in "de":
        (folder / "predictions" / f"{case_id}.nii.gz").unlink()
    (folder / "predictions").rmdir()
    (folder / "predictions").touch()
    faults = find_faults(folder, read_seal(folder))
    assert faults == dict.fromkeys(["predictions/d.nii.gz", "predictions/e.nii.gz"], "is missing")


def test_a_fold_run_that_is_not_done_is_neither_finished_nor_sealed(tmp_path):
    assert (read_seal(tmp_path), is_finished(tmp_path), is_sealed(tmp_path)) == (None, False, False)
    (tmp_path / "file").touch()
    assert read_seal(tmp_path / "file") is None
    with pytest.raises(FileNotFoundError):
        sealed_content(tmp_path, "scores.json")


@pytest.mark.parametrize("as_list", [True, False])
@pytest.mark.parametrize(
    ("case_ids", "finished"), [("de", True), ("d", False), ("ed", False), ("def", False), ("", False)]
)
def test_the_mark_of_an_earlier_version_counts_where_the_scores_are_of_the_test_cases(
    folder, case_ids, finished, as_list
):
    (folder / "done.json").write_text(json.dumps({"digest": folder.name, "seconds": 1.0}))
    rows = [ROWS[0] | {"case_id": case_id} for case_id in case_ids]
    (folder / "scores.json").write_text(json.dumps(rows if as_list else {"rows": rows, "metrics": {}}))
    assert is_finished(folder) is finished
    for spoilt in ("[7]", "7", "{"):
        (folder / "scores.json").write_text(spoilt)
        assert is_finished(folder) is False
    (folder / "scores.json").unlink()
    assert is_finished(folder) is False
