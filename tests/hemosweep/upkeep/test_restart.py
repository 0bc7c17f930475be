"""Starting over: every fold run of a sweep is away before the first of them is deleted, or none is touched."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from hemosweep.ablation.sweep import Arm
from hemosweep.engine.plan import Replicate, fold_run_folder
from hemosweep.errors import BadInput
from hemosweep.foldrun.lock import hold
from hemosweep.foldrun.spec import write_json
from hemosweep.upkeep import restart as fresh
from hemosweep.upkeep.clean import Recorded, find_removable
from hemosweep.upkeep.restart import delete_fold_runs

DIGESTS = tuple(letter * 16 for letter in "abc")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def replicates(out, tiny_spec):
    """Two arms: one of the fold runs a and b, one of b, which they share, and c; a is done, b has begun."""
    specs = [tiny_spec(digest=digest, fold=fold) for fold, digest in enumerate(DIGESTS)]
    for spec in specs[:2]:
        folder = fold_run_folder(out, spec)
        spec.write(folder)
        (folder / "checkpoint.pt").write_bytes(b"0" * 1000)
        (folder / "predictions").mkdir()
    write_json(fold_run_folder(out, specs[0]) / "scores.json", [])
    write_json(fold_run_folder(out, specs[0]) / "done.json", {})
    arm = Arm(name="with", params={}, config=specs[0].config)
    return [Replicate(arm=arm, seed=seed, run_name="with", fold_runs=(specs[seed], specs[seed + 1])) for seed in (0, 1)]


def names(out):
    return sorted(path.name for path in (out / "fold_runs").iterdir())


def take(replicates, out):
    """Messages: how many there were, and the warnings."""
    gone, warnings = [], []
    delete_fold_runs(replicates, out, gone=gone.append, warn=warnings.append)
    return gone, warnings


def test_what_is_done_and_what_has_begun_is_deleted_once_and_counted_and_the_rest_stays(out, replicates, tiny_spec):
    other = tiny_spec(digest="d" * 16)
    other.write(fold_run_folder(out, other))
    assert take(replicates, out) == ([2], [])
    assert names(out) == ["d" * 16]
    assert take(replicates, out) == ([0], [])


def test_an_output_folder_without_fold_runs_has_none_to_take_away(out, replicates):
    shutil.rmtree(out)
    assert take(replicates, out) == ([0], [])
    assert not out.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from hemosweep.upkeep import restart as fresh
os.rmdir = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
fold_runs = tuple(SimpleNamespace(digest=digest) for digest in sys.argv[2:])
fresh.delete_fold_runs(
    [SimpleNamespace(fold_runs=fold_runs)], Path(sys.argv[1]), gone=lambda num: print(num, flush=True), warn=print
)
"""


def test_a_deletion_that_is_killed_leaves_no_fold_run_to_reuse_and_clean_finds_the_rest(out, replicates):
    command = [sys.executable, "-c", KILLED, str(out), *DIGESTS]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "2\n"), killed.stderr
    assert names(out) == [f".tmp-{digest}" for digest in DIGESTS[:2]]
    found = find_removable(out, None, Recorded(), sweep_names=(), force=False)
    assert [item.kind for item in found.removable] == ["temporary"] * 2
    assert take(replicates, out) == ([0], [])


def test_none_is_touched_while_a_process_works_on_one(out, replicates):
    folder = out / "fold_runs" / DIGESTS[1]
    with (
        hold(folder / "lock"),
        pytest.raises(BadInput, match=f"^{folder}: process {os.getpid()} on .*; nothing was deleted"),
    ):
        take(replicates, out)
    assert names(out) == list(DIGESTS[:2])


@pytest.mark.parametrize("stopped", [BadInput, KeyboardInterrupt, OSError])
def test_all_are_put_back_where_the_last_of_them_cannot_be_taken(out, replicates, monkeypatch, stopped):
    put_aside = fresh.put_aside

    def put_aside_but_one(folder):
        if folder.name == DIGESTS[1]:
            raise stopped("somebody has just begun")
        return put_aside(folder)

    monkeypatch.setattr(fresh, "put_aside", put_aside_but_one)
    with pytest.raises(stopped):
        take(replicates, out)
    assert names(out) == list(DIGESTS[:2])
    assert (out / "fold_runs" / DIGESTS[0] / "done.json").is_file()


def test_what_cannot_be_deleted_costs_space_and_not_the_sweep(out, replicates, monkeypatch):
    def refuse(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "rmdir", refuse)
    gone, warnings = take(replicates, out)
    assert gone == [2]
    assert len(warnings) == 2
    assert "could not be deleted (Permission denied)" in warnings[0]
    assert "hemosweep clean" in warnings[0]
    assert names(out) == [f".tmp-{digest}" for digest in DIGESTS[:2]]


def test_a_link_is_taken_away_and_what_it_leads_to_is_not(out, replicates, tmp_path):
    folder = out / "fold_runs" / DIGESTS[0]
    scratch = folder.rename(tmp_path / "scratch")
    folder.symlink_to(scratch)
    assert take(replicates, out) == ([2], [])
    assert names(out) == []
    assert (scratch / "checkpoint.pt").is_file()
