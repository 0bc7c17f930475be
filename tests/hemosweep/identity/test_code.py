"""Code that a result depends on: found by imports, in hemosweep and in a project of the user."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from hemosweep.errors import BadInput
from hemosweep.identity import code, opted_out
from hemosweep.identity.code import CACHE_NAME, closure


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
