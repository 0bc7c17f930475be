import errno
import os
import tempfile
from pathlib import Path

import pytest

from hemosweep import files
from hemosweep.errors import BadInput
from hemosweep.files import check_writable, naming, replacing, system_message, write_text


def test_what_is_written_takes_its_place_at_the_end_and_its_folder_is_made(tmp_path):
    path = tmp_path / "a" / "b.txt"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("shared", [False, True])
def test_an_error_leaves_what_was_there_and_nothing_beside_it(tmp_path, shared):
    path = tmp_path / "b.txt"
    write_text(path, "old")
    with pytest.raises(FileNotFoundError), replacing(path, shared=shared) as temporary:
        temporary.with_name("nosuch").rename(temporary)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("shared", [False, True])
def test_an_error_names_the_file_and_not_its_temporary_one(tmp_path, shared):
    path = tmp_path / "b.txt"
    path.mkdir()
    with pytest.raises(IsADirectoryError) as raised, replacing(path, shared=shared) as temporary:
        temporary.write_text("new")
    assert system_message(raised.value) == f"{path}: Is a directory; mend it"
    assert list(tmp_path.iterdir()) == [path]


def test_writers_of_a_shared_file_do_not_meet(tmp_path):
    path = tmp_path / "b.txt"
    with replacing(path, shared=True) as first, replacing(path, shared=True) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first", "the one that ended last"


def test_what_a_killed_process_left_is_overwritten(tmp_path):
    path = tmp_path / "b.txt"
    (tmp_path / ".tmp-b.txt").write_text("half of something longer")
    write_text(path, "whole")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "No space left on device; free some space there"),
        (errno.EROFS, "Read-only file system; make it writable"),
        (errno.EACCES, "Permission denied; make it writable"),
        (errno.EIO, "Input/output error; mend it"),
        (errno.EFBIG, "File too large; allow larger files, with ulimit -f unlimited"),
    ],
)
def test_what_the_system_says_without_a_name_gets_the_files_name_and_the_way_out(tmp_path, number, said):
    path = tmp_path / "b.txt"
    with pytest.raises(OSError, match=r"b\.txt") as raised, naming(path):
        raise OSError(number, os.strerror(number))
    assert system_message(raised.value) == f"{path}: {said}"


def test_a_name_that_the_system_has_given_stays(tmp_path):
    with pytest.raises(FileNotFoundError) as raised, naming(tmp_path / "b.txt"):
        (tmp_path / "other.txt").read_text()
    assert raised.value.filename == str(tmp_path / "other.txt")


def test_no_folder_for_temporary_files_is_told_with_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "lost")])
    with pytest.raises(FileNotFoundError) as raised:
        tempfile.mkdtemp()
    said = system_message(raised.value)
    assert said.startswith(f"TMPDIR: No usable temporary directory found in ['{tmp_path}/lost']; free some space")
    assert said.endswith("or set TMPDIR to a folder that can be written to")


def test_a_full_disk_without_a_name_is_that_of_temporary_files_that_is_full(monkeypatch, tmp_path):
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert str(tmp_path) not in system_message(error)
    monkeypatch.setattr(files, "_is_full", lambda folder: folder == tmp_path)
    assert system_message(error) == f"{tmp_path}: No space left on device; free some space there"


def test_a_limit_of_the_process_is_not_told_of_a_file(tmp_path):
    with pytest.raises(OSError, match="Too many") as raised, naming(tmp_path / "b.txt"):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    said = system_message(raised.value)
    assert said == "this process: Too many open files; allow more open files, such as with ulimit -n 1024"


@pytest.mark.parametrize("name", [b"my out?x=1 %20#\xc3\xa9", b"line\nbreak", b"{}"])
def test_a_folder_of_any_name_in_utf_8_may_be_written_to(tmp_path, name):
    check_writable("--out", tmp_path / os.fsdecode(name))


def test_a_folder_whose_name_is_no_utf_8_is_refused_before_anything_is_written(tmp_path):
    folder = tmp_path / Path(os.fsdecode(b"caf\xe9"))
    with pytest.raises(BadInput) as raised:
        check_writable("--out", folder)
    assert str(raised.value) == f"--out '{tmp_path}/caf\\udce9': is no UTF-8 text; give a folder with another name"
    assert list(tmp_path.iterdir()) == []
