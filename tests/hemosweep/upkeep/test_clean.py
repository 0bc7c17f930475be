"""Files of an output folder that can be deleted, and those that never are, on folders made by the real writers."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from hemosweep.ablation.sweep import Arm
from hemosweep.config import PreprocessingConfig
from hemosweep.engine.lock import driver_lock
from hemosweep.engine.plan import Replicate, is_done, write_plan
from hemosweep.errors import BadInput
from hemosweep.foldrun.lock import hold
from hemosweep.foldrun.spec import CaseInput
from hemosweep.preprocessing.derivatives import derivatives_folder
from hemosweep.testing.fold_runs import seal_untrained
from hemosweep.upkeep.clean import (
    Recorded,
    find_removable,
    refuse_in_use,
    remove,
)
from hemosweep.upkeep.leftovers import DERIVATIVES_NAME, RECENT_S, remove_leftovers
from tests.present import present_source

PREPROCESSING = ("0" * 16, "1" * 16)
CASES = ("sub-001-aa", "sub-002-bb", "sub-003-cc")


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


@pytest.fixture
def fold_run(tiny_spec):
    """Writes a fold run that is done: its spec, a checkpoint of 1000 bytes, its scores and its marker."""

    def write(out, letter, *, source=None, cases=(), root=None):
        inputs = tuple(
            CaseInput(case_id=case, ivh="no", path=str((root or out / DERIVATIVES_NAME) / PREPROCESSING[0] / case))
            for case in (f"{name}.npz" for name in cases)
        )
        spec = replace(tiny_spec(digest=letter * 16), source=source or present_source(), test=inputs)
        folder = out / "fold_runs" / spec.digest
        spec.write(folder)
        (folder / "weights.pt").write_bytes(b"0" * 1000)
        (folder / "predictions").mkdir()
        (folder / "predictions" / "a.nii.gz").write_bytes(b"0" * 24)
        seal_untrained(folder, [{"case_id": case.case_id, "dsc": 0.5} for case in inputs])
        return spec

    return write


def plan(out, *specs):
    arm = Arm(name="with", params={}, config=specs[0].config)
    write_plan(out, "se", "demo", [Replicate(arm=arm, seed=0, run_name="with", fold_runs=specs)])


def find(out, data=None, *, finished="", unfinished="", sweeps=(), force=False):
    recorded = Recorded(
        finished=frozenset(letter * 16 for letter in finished),
        unfinished=frozenset(letter * 16 for letter in unfinished),
        sweeps=frozenset(sweeps),
    )
    return find_removable(out, data, recorded, sweep_names=("se", "loss"), force=force)


def letters(items):
    return "".join(sorted(item.paths[0].name[0] for item in items if item.kind in ("fold_run", "needed_fold_run")))


def kinds(found):
    return sorted({item.kind for item in found.removable})


def age(folder):
    """Let everything be older than what may be in the making."""
    then = time.time() - RECENT_S - 60.0
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (then, then), follow_symlinks=False)


def derive(root, names=CASES, digest=PREPROCESSING[0]):
    for name in names:
        for suffix in (".npz", ".png"):
            path = root / digest / f"{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"0" * 100)
    age(root)


# --- Fold runs --------------------------------------------------------------------------------------------------------


def test_a_fold_run_that_no_run_has_can_be_deleted_with_its_size(out, fold_run):
    fold_run(out, "a")
    (item,) = find(out).removable
    assert (item.kind, item.name) == ("fold_run", "a" * 16)
    files = [path for path in item.paths[0].rglob("*") if path.is_file()]
    assert item.num_bytes == sum(path.stat().st_size for path in files) > 1024
    remove(item)
    assert list((out / "fold_runs").iterdir()) == []
    assert find(out).removable == ()


def test_a_fold_run_is_needed_by_a_finished_run_and_while_it_can_go_on_by_any_run_or_plan(out, fold_run):
    for letter in "abc":
        fold_run(out, letter)
    for letter in "def":
        fold_run(out, letter, source="changed")
    plan(out, fold_run(out, "0"), replace(fold_run(out, "1"), source=present_source()))
    found = find(out, finished="ad", unfinished="be")
    assert letters(found.removable) == "cef"
    assert letters(found.needed) == "01abd"
    names = {item.name for item in (*found.removable, *found.needed)}
    assert {"se/with fold 0", "c" * 16, f"{'e' * 16}, of older source code"} <= names


def test_a_plan_of_older_source_code_needs_nothing(out, fold_run):
    plan(out, fold_run(out, "a", source="changed"))
    (item,) = find(out).removable
    assert item.name == "se/with fold 0, of older source code"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sweep": "se"}'])
def test_with_a_plan_that_cannot_be_read_nothing_is_said_to_be_idle(out, fold_run, content):
    plan(out, fold_run(out, "a"))
    (out / "sweeps" / "se.json").write_text(content)
    with pytest.raises(BadInput, match=r"sweeps/se\.json: damaged.*start its sweep again"):
        find(out)
    assert letters(find(out, force=True).removable) == "a"


def test_force_adds_what_runs_and_plans_need(out, fold_run):
    fold_run(out, "a")
    fold_run(out, "b")
    plan(out, fold_run(out, "c"))
    found = find(out, finished="a", force=True)
    assert letters(found.removable) == "abc"
    assert sorted(item.kind for item in found.removable) == ["fold_run", "needed_fold_run", "needed_fold_run"]
    assert found.needed == ()


@pytest.mark.parametrize("content", [None, "", "[]", '{"digest": "a", "conf'])
def test_a_fold_run_whose_spec_cannot_be_read_is_kept_for_any_run_that_has_it(out, content):
    folder = out / "fold_runs" / ("a" * 16)
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "spec.json").write_text(content)
    assert letters(find(out).removable) == "a"
    assert letters(find(out, unfinished="a").needed) == "a"


def test_what_has_no_digest_for_a_name_is_not_ours(out):
    for name in ("thesis", "a" * 15, "A" * 16, "a" * 17):
        (out / "fold_runs" / name).mkdir(parents=True)
    assert find(out, force=True).removable == ()


def test_links_are_never_followed(out, fold_run, tmp_path):
    elsewhere = tmp_path / "scratch"
    fold_run(elsewhere, "a", cases=CASES)
    (elsewhere / "note.txt").write_text("mine")
    fold_run(out, "b")
    (out / "fold_runs" / ("b" * 16) / "scratch").symlink_to(elsewhere)
    (out / "fold_runs" / ("a" * 16)).symlink_to(elsewhere / "fold_runs" / ("a" * 16))
    derive(out / DERIVATIVES_NAME)
    found = find(out, force=True)
    assert letters(found.removable) == "b"
    assert kinds(found) == ["fold_run"], "what a linked fold run reads stays"
    assert found.removable[0].num_bytes < 5000
    for item in found.removable:
        remove(item)
    assert (elsewhere / "note.txt").read_text() == "mine"
    assert (out / "fold_runs" / ("a" * 16) / "done.json").is_file()


def test_a_folder_of_fold_runs_that_is_a_link_is_left_alone_and_what_it_reads_stays(out, fold_run, tmp_path):
    fold_run(tmp_path / "scratch", "a", cases=CASES, root=out / DERIVATIVES_NAME)
    (out / "fold_runs").symlink_to(tmp_path / "scratch" / "fold_runs")
    derive(out / DERIVATIVES_NAME)
    assert find(out, force=True).removable == ()


# --- Deletion ---------------------------------------------------------------------------------------------------------

KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from hemosweep.upkeep.clean import Recorded, find_removable, remove
def killed(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)
os.rmdir = killed
(item,) = find_removable(Path(sys.argv[1]), None, Recorded(), sweep_names=(), force=False).removable
remove(item)
"""


def test_a_deletion_that_is_killed_leaves_no_fold_run_and_is_made_up_for_by_the_next(out, fold_run):
    spec = fold_run(out, "a")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(out)], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [path.name for path in (out / "fold_runs").iterdir()] == [f".tmp-{'a' * 16}"]
    assert not is_done(out, spec)
    fold_run(out, "a")  # Trained once more meanwhile.
    found = find(out)
    assert kinds(found) == ["fold_run", "temporary"]
    for item in found.removable:
        remove(item)
    assert list((out / "fold_runs").iterdir()) == []


def test_a_fold_run_that_a_process_has_begun_to_work_on_is_not_deleted(out, fold_run):
    fold_run(out, "a")
    (item,) = find(out).removable
    with hold(item.paths[0] / "lock"), pytest.raises(BadInput, match=f"process {os.getpid()} on .* works here"):
        remove(item)
    assert (item.paths[0] / "done.json").is_file()


def test_a_folder_with_a_driver_or_a_fold_run_at_work_is_refused_in_the_process_name(out, fold_run):
    fold_run(out, "a")
    refuse_in_use(out)
    with driver_lock(out), pytest.raises(BadInput, match=f"^{out}: process {os.getpid()} on .* nothing was deleted"):
        refuse_in_use(out)
    folder = out / "fold_runs" / ("a" * 16)
    with hold(folder / "lock"), pytest.raises(BadInput, match=f"^{folder}: process {os.getpid()} on "):
        refuse_in_use(out)


# --- Preprocessed cases -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["runs", "runs/phantom-demo", "data"])
def test_preprocessed_cases_that_no_fold_run_reads_can_be_deleted(out, fold_run, tmp_path, place):
    root = tmp_path / place / DERIVATIVES_NAME
    fold_run(out, "a", cases=CASES[:1], root=root)
    derive(root)
    derive(root, digest=PREPROCESSING[1])
    (root / PREPROCESSING[1] / "note.txt").write_text("mine")
    found = find(out, tmp_path / "data" if place == "data" else None, finished="a")
    assert [(item.kind, item.name, item.num_bytes) for item in found.removable] == [
        ("derivatives", f"{PREPROCESSING[0]}, 4 of 6 files", 400),
        ("derivatives", f"{PREPROCESSING[1]}, 6 of 6 files", 600),
    ]
    assert len(found.remarks) == (place == "data")
    for item in found.removable:
        remove(item)
    left = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    first = f"{PREPROCESSING[0]}/{CASES[0]}"
    assert left == [f"{first}.npz", f"{first}.png", f"{PREPROCESSING[1]}/note.txt"]


def test_a_folder_of_preprocessed_cases_goes_with_the_last_of_them(out):
    derive(out / DERIVATIVES_NAME)
    (item,) = find(out).removable
    remove(item)
    assert list((out / DERIVATIVES_NAME).iterdir()) == []


def test_cases_of_a_data_set_that_is_not_named_are_not_looked_at(out, tmp_path):
    derive(tmp_path / "data" / DERIVATIVES_NAME)
    assert find(out).removable == ()


def test_cases_stay_read_when_the_folder_has_moved(out, fold_run, tmp_path):
    fold_run(out, "a", cases=CASES)
    derive(out / DERIVATIVES_NAME)
    moved = out.rename(tmp_path / "moved")
    assert find(moved, finished="a").removable == ()


def test_cases_that_only_a_fold_run_to_be_deleted_reads_go_with_it(out, fold_run):
    fold_run(out, "a", cases=CASES)
    derive(out / DERIVATIVES_NAME)
    assert kinds(find(out)) == ["derivatives", "fold_run"]
    assert find(out, finished="a").removable == ()
    assert kinds(find(out, finished="a", force=True)) == ["derivatives", "needed_fold_run"]


def test_cases_that_a_plan_waits_for_stay_before_its_fold_runs_begin(out, tiny_spec):
    root = out / DERIVATIVES_NAME
    inputs = tuple(
        CaseInput(case_id=name, ivh="no", path=str(root / PREPROCESSING[0] / f"{name}.npz")) for name in CASES
    )
    parts = dict.fromkeys(("train", "validation", "test"), inputs)
    plan(out, replace(tiny_spec(digest="a" * 16), source=present_source(), **parts))
    derive(root)
    derive(root, digest=PREPROCESSING[1])
    (item,) = find(out).removable
    assert item.name == f"{PREPROCESSING[1]}, 6 of 6 files"


def test_a_folder_that_somebody_may_be_preprocessing_into_is_left_alone_and_that_is_said(out):
    derive(out / DERIVATIVES_NAME)
    (out / DERIVATIVES_NAME / PREPROCESSING[0] / f"{CASES[0]}.npz").write_bytes(b"now")
    found = find(out)
    assert found.removable == ()
    assert found.remarks == (f"{out / DERIVATIVES_NAME} was changed within the last 15 minutes and is not deleted",)


def test_a_derivatives_folder_that_is_a_link_is_left_alone(out, tmp_path):
    derive(tmp_path / "scratch" / DERIVATIVES_NAME)
    (out / "derivatives").symlink_to(tmp_path / "scratch" / "derivatives")
    assert find(out).removable == ()


def test_preprocessed_cases_lie_where_preprocessing_puts_them(out, tmp_path):
    assert derivatives_folder(tmp_path, out, PreprocessingConfig()).parent == tmp_path / DERIVATIVES_NAME


# --- The rest ---------------------------------------------------------------------------------------------------------


def test_half_written_files_can_be_deleted_and_those_of_fold_runs_at_once(out, fold_run):
    fold_run(out, "a")
    names = ["folds/.tmp-b.json", "sweeps/.tmp-se.json", "figures/se/.tmp-c.png", "phantom-demo/sub-1/ct/.tmp-d.nii.gz"]
    names += [str(DERIVATIVES_NAME / PREPROCESSING[0] / ".tmp-e.npz"), "predictions/.tmp-f.nii.gz"]
    names.append(".tmp-0123-calibrations.json")
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(b"0" * 10)
    here = out / "fold_runs" / ("a" * 16)
    guarded = [here / ".tmp-checkpoint.pt", here / "predictions" / ".tmp-a.nii.gz"]
    for path in guarded:
        path.write_bytes(b"0" * 10)
    found = find(out, finished="a", sweeps=["se"])
    assert {item.paths[0] for item in found.removable} == set(guarded), "the others may be in the making"
    age(out)
    found = find(out, finished="a", sweeps=["se"])
    assert {item.paths[0] for item in found.removable} == {*guarded, *(out / name for name in names)}
    assert kinds(found) == ["temporary"]
    assert sum(item.num_bytes for item in found.removable) == 90
    for item in found.removable:
        remove(item)
    assert list(out.rglob(".tmp-*")) == []
    assert (here / "done.json").is_file()


def test_half_written_files_of_a_fold_run_to_be_deleted_count_once(out, fold_run):
    fold_run(out, "a")
    (out / "fold_runs" / ("a" * 16) / ".tmp-checkpoint.pt").write_bytes(b"0" * 10)
    assert kinds(find(out)) == ["fold_run"]


def test_temporary_files_of_others_are_not_ours(out):
    for name in (".tmp-mine", "artifacts/.tmp-mlflow", "notes/.tmp-mine"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("mine")
    (out / "folds").symlink_to(out / "notes")
    age(out)
    assert find(out, force=True).removable == ()


def test_figures_of_a_sweep_that_has_neither_run_nor_plan_can_be_deleted(out, fold_run):
    for name in ("se", "loss", "thesis"):
        (out / "figures" / name).mkdir(parents=True)
        (out / "figures" / name / "boxplot.png").write_bytes(b"0" * 10)
    assert {(item.kind, item.name, item.num_bytes) for item in find(out, sweeps=["se"]).removable} == {
        ("figures", "loss", 10)
    }
    plan(out, fold_run(out, "a"))
    (item,) = (item for item in find(out).removable if item.kind == "figures")
    assert item.name == "loss"
    remove(item)
    assert sorted(path.name for path in (out / "figures").iterdir()) == ["se", "thesis"]


@pytest.mark.parametrize("missing", ["runs", "data"])
def test_a_folder_that_is_not_there_is_refused(tmp_path, missing):
    (tmp_path / {"runs": "data", "data": "runs"}[missing]).mkdir()
    with pytest.raises(BadInput, match=f"{missing}: no such folder"):
        find(tmp_path / "runs", tmp_path / "data")


def test_a_driver_removes_what_killed_processes_left_half_written_but_nothing_that_may_be_in_use(out, fold_run):
    dead, alive = (out / "fold_runs" / fold_run(out, letter).digest for letter in "ab")
    for folder in (dead, alive):
        (folder / ".tmp-checkpoint.pt").write_bytes(b"half")
    (out / "fold_runs" / f".tmp-{'c' * 16}" / "predictions").mkdir(parents=True)
    (out / "folds").mkdir()
    (out / "folds" / ".tmp-old.json").write_bytes(b"half")
    age(out)
    (out / "folds" / ".tmp-new.json").write_bytes(b"half")
    whole = {path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".tmp-")}
    with hold(alive / "lock"):
        remove_leftovers(out)
    left = {path for path in out.rglob("*") if path.is_file()} - {alive / "lock"}
    assert left == whole | {alive / ".tmp-checkpoint.pt", out / "folds" / ".tmp-new.json"}
    assert not (out / "fold_runs" / f".tmp-{'c' * 16}").exists()
