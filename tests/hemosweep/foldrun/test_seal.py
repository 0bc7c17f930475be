"""The seal of a fold run: what it holds, when it breaks, and what a kill during a replacement leaves."""

import hashlib
import json

import pytest

from hemosweep.foldrun import seal as module
from hemosweep.foldrun.seal import (
    RECORDS,
    BrokenSeal,
    is_finished,
    is_sealed,
    read_seal,
    replace_sealed,
    sealed_content,
    sealed_prediction,
)
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
