"""An output folder that its owner shares and another user may only read."""

import ctypes
import os

import pytest

from tests.e2e.stand_in import MIDDLE, SMALL, Child, stand_in, with_store

CAPABILITY_VERSION_3 = 0x20080522
DAC_OVERRIDE, DAC_READ_SEARCH = 1 << 1, 1 << 2


class Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class Sets(ctypes.Structure):
    """Bits of the capabilities 0 to 31 and of the others."""

    _fields_ = [(name + half, ctypes.c_uint32) for half in "01" for name in ("effective", "permitted", "inheritable")]


def set_effective(change):
    """Change this thread's effective capabilities, which its new threads inherit; see capabilities(7)."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = Header(CAPABILITY_VERSION_3, 0), Sets()
    assert libc.capget(ctypes.byref(header), ctypes.byref(sets)) == 0, os.strerror(ctypes.get_errno())
    sets.effective0 = change(sets)
    assert libc.capset(ctypes.byref(header), ctypes.byref(sets)) == 0, os.strerror(ctypes.get_errno())


@pytest.fixture
def shared(tmp_path, main, monkeypatch, phantoms, migrated_database):
    """A finished sweep of two arms, every file and folder of which is read-only, for root, too."""
    child = Child()
    child.draws = True
    stand_in(monkeypatch, child)
    out = with_store(tmp_path / "shared" / "runs", migrated_database)
    code, _, stderr = main(*sweep(phantoms, out))
    assert code == 0, stderr
    for place in (out, *out.rglob("*")):
        place.chmod(0o555 if place.is_dir() else 0o444)
    set_effective(lambda sets: sets.effective0 & ~(DAC_OVERRIDE | DAC_READ_SEARCH))
    yield out
    set_effective(lambda sets: sets.permitted0)
    for place in (out, *out.rglob("*")):
        place.chmod(0o755)


def sweep(data, out):
    arms = f"{SMALL},{MIDDLE}"
    return "sweep", "patchsize", "--data", data, "--profile", "demo", "--folds", 2, "--arms", arms, "--out", out


def content(out):
    return {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_commands_that_read_work_and_those_that_write_say_so_in_one_line(shared, main, phantoms, tmp_path):
    before, figures = content(shared), shared / "figures" / "patchsize"
    pair = f"patchsize/{SMALL}", f"patchsize/{MIDDLE}"
    for command, text in {
        ("runs",): MIDDLE,
        ("status",): "no driver running: 4 done",
        ("verify", shared): "no fault was found",
        ("compare", *pair): "No evidence of a difference between A and B",
        ("compare-all", "patchsize"): f"No forest plot: {figures}/forest.png: Permission denied; make it writable",
        ("power", "patchsize"): f"No power plot: {figures}/power.png: Permission denied; make it writable",
        ("clean",): "nothing to delete",
    }.items():
        code, stdout, stderr = main(*command, *(() if command[0] == "verify" else ("--out", shared)))
        assert (code, stderr.strip()) == (0, ""), command
        assert text in stdout, command

    code, stdout, stderr = main("report", "patchsize", "--out", shared, "--to", tmp_path / "report")
    assert (code, stdout.splitlines()[0]) == (0, str(tmp_path / "report" / "index.html"))
    warning = stderr.strip().splitlines()[-1]
    assert warning.startswith(
        f"warning: the report is written, but MLflow has not got it: {shared}/artifacts/patchsize/"
    )
    assert warning.endswith("/artifacts/report: Permission denied; make it writable")
    assert (tmp_path / "report" / "index.html").read_text().count(MIDDLE) > 1

    for command, option in ((sweep(phantoms, shared), "--out"), (("report", "patchsize", "--out", shared), "--to")):
        code, stdout, stderr = main(*command)
        place = shared if option == "--out" else shared / "report"
        assert (code, stdout) == (2, "")
        assert stderr == f"error: {option} {place}: cannot write in {shared}; give another folder\n"
    assert content(shared) == before
