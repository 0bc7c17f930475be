"""Code that a result depends on: found by imports, in hemosweep and in a project of the user."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from hemosweep.errors import BadInput
from hemosweep.identity import code, opted_out
from hemosweep.identity.code import CACHE_NAME, Closure, closure


@pytest.fixture
def write(tmp_path):
    """A function that writes a module of a small package of hemosweep's name, or of a project."""

    def write_file(path: str, text: str = "") -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        os.utime(file, (1, 1))  # Old enough to be remembered.
        return file

    for package in ("hemosweep", "hemosweep/room"):
        write_file(f"{package}/__init__.py")
    return write_file


@pytest.fixture
def find(tmp_path, monkeypatch):
    monkeypatch.setattr(code, "_files", {})

    def find_closure(*entries, cache_in=None):
        return closure(entries, project=tmp_path / "lab", cache_in=cache_in, package=tmp_path / "hemosweep")

    return find_closure


def test_imports_are_followed_wherever_they_stand(write, find):
    write("hemosweep/room/a.py", "import hemosweep.room.b\ndef f():\n    from hemosweep.room import c\n")
    write("hemosweep/room/b.py", "from .d import x\nfrom . import e\n")
    for name in "cdef":
        write(f"hemosweep/room/{name}.py", "x = 1\n")
    found = find("hemosweep.room.a").modules
    assert sorted(found) == ["hemosweep.room", *(f"hemosweep.room.{name}" for name in "abcde")]


def test_an_import_for_the_type_checker_does_not_count(write, find):
    guarded = "if TYPE_CHECKING:\n    import hemosweep.room.b\nelse:\n    import hemosweep.room.c\n"
    write("hemosweep/room/a.py", f"from typing import TYPE_CHECKING\n{guarded}")
    write("hemosweep/room/b.py")
    write("hemosweep/room/c.py")
    assert sorted(find("hemosweep.room.a").modules) == ["hemosweep.room", "hemosweep.room.a", "hemosweep.room.c"]


def test_a_module_that_is_opted_out_is_not_followed(write, find, monkeypatch):
    monkeypatch.setitem(opted_out.OPTED_OUT, "hemosweep.room.b", "a test")
    write("hemosweep/room/a.py", "import hemosweep.room.b\n")
    write("hemosweep/room/b.py", "import hemosweep.room.c\n")
    write("hemosweep/room/c.py")
    assert sorted(find("hemosweep.room.a").modules) == ["hemosweep.room", "hemosweep.room.a"]


def test_a_project_counts_with_its_neighbours_and_the_versions_of_packages_of_others(write, find):
    write("hemosweep/room/a.py", "import numpy\n")
    write(
        "lab/mine.py",
        "import json\nimport numpy.linalg\nimport no_such_package\nimport tools.helper\nimport hemosweep.room.a\n",
    )
    write("lab/tools/__init__.py")
    write("lab/tools/helper.py")
    write("lab/unused.py")
    found = find("mine")
    assert sorted(found.modules) == ["hemosweep.room", "hemosweep.room.a", "mine", "tools", "tools.helper"]
    assert found.packages == {"numpy": version("numpy"), "no_such_package": "absent"}


def test_the_digest_follows_text_and_not_comments(write, find):
    write("hemosweep/room/a.py", "x = 1\n")
    before = find("hemosweep.room.a").digest
    write("hemosweep/room/a.py", '"""Another docstring."""\nx = 1  # why\n')
    assert find("hemosweep.room.a").digest == before
    write("hemosweep/room/a.py", "x = 2\n")
    assert find("hemosweep.room.a").digest != before


def test_a_file_that_an_output_folder_knows_is_not_read_again(write, find, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    file = write("hemosweep/room/a.py", "x = 1\n")
    before = find("hemosweep.room.a", cache_in=out).digest
    monkeypatch.setattr(code, "_files", {})  # The next process.
    monkeypatch.setattr(code, "parse", lambda *_: pytest.fail("read again"))
    assert find("hemosweep.room.a", cache_in=out).digest == before
    monkeypatch.undo()
    monkeypatch.setattr(code, "_files", {})
    file.write_text("x = 2\n")  # Of the same size.
    assert closure(["hemosweep.room.a"], cache_in=out, package=tmp_path / "hemosweep").digest != before


def test_a_file_that_may_change_again_is_not_remembered(write, find, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    os.utime(write("hemosweep/room/a.py", "x = 1\n"))
    find("hemosweep.room.a", cache_in=out)
    assert "room/a.py" not in (out / CACHE_NAME).read_text()


@pytest.mark.parametrize("damaged", ["", "[]", "{", '{"x": 3}', "null"])
def test_a_damaged_memory_is_made_anew(write, find, tmp_path, damaged):
    write("hemosweep/room/a.py", "x = 1\n")
    (tmp_path / CACHE_NAME).write_text(damaged)
    assert find("hemosweep.room.a", cache_in=tmp_path).digest == find("hemosweep.room.a").digest


def test_an_entry_that_is_no_module_is_refused(write, find):
    with pytest.raises(BadInput, match=r"module mine: no such file"):
        find("mine")


def test_no_module_is_imported(write, find):
    write("lab/hemosweep_never_imported.py", "raise SystemExit\n")
    find("hemosweep_never_imported")
    assert "hemosweep_never_imported" not in sys.modules


def test_a_file_that_is_not_utf_8_or_no_python_is_refused(write, find):
    file = write("hemosweep/room/a.py")
    file.write_bytes(b"x = '\xff'\n")
    with pytest.raises(BadInput, match=r"room/a\.py: not UTF-8 text; save it as UTF-8"):
        find("hemosweep.room.a")
    file.write_text("x = = 1\n")
    with pytest.raises(BadInput, match=r"room/a\.py, line 1: not Python"):
        find("hemosweep.room.a")


def test_a_digest_depends_on_names_texts_and_versions_and_not_on_their_order():
    one = Closure(modules={"a": "1", "b": "2"}, packages={"numpy": "2.0", "scipy": "1.0"})
    assert one.digest == Closure(modules={"b": "2", "a": "1"}, packages={"scipy": "1.0", "numpy": "2.0"}).digest
    for other in (
        Closure(modules={"a": "2", "b": "1"}, packages=one.packages),
        Closure(modules={"a": "1"}, packages=one.packages),
        Closure(modules={"a": "1", "c": "2"}, packages=one.packages),
        Closure(modules=one.modules, packages={"numpy": "2.1", "scipy": "1.0"}),
        Closure(modules=one.modules, packages={}),
    ):
        assert other.digest != one.digest


def test_the_digest_of_a_project_is_of_its_own_modules_alone():
    mine = {"mine": "1", "hemosweeper": "2"}
    one = Closure(modules=mine | {"hemosweep.a": "3", "hemosweep": "4"}, packages={"numpy": "2.0"})
    assert one.project_digest == Closure(modules=mine, packages={}).project_digest
    assert one.project_digest != Closure(modules={"mine": "1"}, packages={}).project_digest


def test_the_packages_that_a_module_lies_in_count_too(write, find):
    write("lab/one/two/mine.py", "x = 1\n")
    for package in ("one", "one/two"):
        write(f"lab/{package}/__init__.py")
    assert sorted(find("one.two.mine").modules) == ["one", "one.two", "one.two.mine"]


def test_a_package_goes_before_a_file_of_its_name_and_a_folder_is_no_module(write, find):
    write("lab/mine/__init__.py", "import beside\nimport folder\n")
    write("lab/mine.py", "import never\n")
    write("lab/beside.py")
    write("lab/folder/text.txt")
    found = find("mine")
    assert sorted(found.modules) == ["beside", "mine"]
    assert found.packages == {"folder": "absent"}


def test_among_installed_packages_only_those_of_the_entries_are_the_project(write, tmp_path):
    write("site-packages/lab/__init__.py")
    write("site-packages/lab/mine.py", "import lab.other\nimport their\n")
    write("site-packages/lab/other.py")
    write("site-packages/their/__init__.py")
    write("elsewhere/lab/__init__.py")
    write("elsewhere/lab/mine.py", "import lab.other\nimport their\n")
    write("elsewhere/lab/other.py")
    write("elsewhere/their/__init__.py")

    def found(place):
        return closure(["lab.mine", "hemosweep.room"], project=tmp_path / place, package=tmp_path / "hemosweep")

    assert sorted(found("site-packages").modules) == ["hemosweep.room", "lab", "lab.mine", "lab.other"]
    assert found("site-packages").packages == {"their": "absent"}
    assert "their" in found("elsewhere").modules


def test_what_is_remembered_holds_for_one_size_and_one_time(write, find, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    file = write("hemosweep/room/a.py", "import hemosweep.room.b\n")
    write("hemosweep/room/b.py")

    def in_the_next_process():
        monkeypatch.setattr(code, "_files", {})
        return sorted(find("hemosweep.room.a", cache_in=tmp_path / "out").modules)

    assert in_the_next_process() == ["hemosweep.room", "hemosweep.room.a", "hemosweep.room.b"]
    assert in_the_next_process() == ["hemosweep.room", "hemosweep.room.a", "hemosweep.room.b"]
    file.write_text("x = 1\n")
    os.utime(file, (1, 1))  # Of another size.
    assert in_the_next_process() == ["hemosweep.room", "hemosweep.room.a"]
    file.write_text("x = 2\n")
    os.utime(file, (2, 2))  # Of another time.
    before = find("hemosweep.room.a", cache_in=tmp_path / "out").digest
    file.write_text("x = 3\n")
    os.utime(file, (3, 3))
    assert find("hemosweep.room.a", cache_in=tmp_path / "out").digest != before


def test_a_memory_that_cannot_be_kept_is_done_without(write, find, tmp_path):
    write("hemosweep/room/a.py", "x = 1\n")
    assert find("hemosweep.room.a", cache_in=tmp_path / "lost").digest == find("hemosweep.room.a").digest
    assert not (tmp_path / "lost").exists()
    (tmp_path / "out" / CACHE_NAME).mkdir(parents=True)
    assert find("hemosweep.room.a", cache_in=tmp_path / "out").digest == find("hemosweep.room.a").digest


def test_a_memory_to_which_nothing_is_new_is_not_written_again(write, find, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    write("hemosweep/room/a.py", "import hemosweep.room.b\n")
    write("hemosweep/room/b.py")
    find("hemosweep.room.a", cache_in=tmp_path / "out")
    before = (tmp_path / "out" / CACHE_NAME).stat()
    monkeypatch.setattr(code, "_files", {})  # The next process.
    find("hemosweep.room.a", cache_in=tmp_path / "out")
    find("hemosweep.room.a", cache_in=tmp_path / "out")
    after = (tmp_path / "out" / CACHE_NAME).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_two_processes_may_keep_what_they_read_at_once(write, find, tmp_path):
    (tmp_path / "out").mkdir()
    of_another = tmp_path / "out" / f".tmp-{CACHE_NAME}"
    of_another.write_text("half of it")
    write("hemosweep/room/a.py", "x = 1\n")
    find("hemosweep.room.a", cache_in=tmp_path / "out")
    assert "room/a.py" in (tmp_path / "out" / CACHE_NAME).read_text()
    assert of_another.read_text() == "half of it"


@pytest.mark.parametrize(("age_s", "remembered"), [(1.9, False), (2.0, False), (2.5, True)])
def test_a_file_is_remembered_once_it_is_older_than_the_resolution_of_its_time(
    write, find, tmp_path, monkeypatch, age_s, remembered
):
    (tmp_path / "out").mkdir()
    for package in ("hemosweep", "hemosweep/room"):
        os.utime(tmp_path / package / "__init__.py", (1, 1))
    write("hemosweep/room/a.py", "x = 1\n")
    monkeypatch.setattr(code.time, "time", lambda: 1.0 + age_s)
    find("hemosweep.room.a", cache_in=tmp_path / "out")
    kept = tmp_path / "out" / CACHE_NAME
    assert (kept.exists() and "room/a.py" in kept.read_text()) == remembered
