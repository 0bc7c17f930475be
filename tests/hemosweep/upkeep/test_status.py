"""The status of an output folder, from what real writers leave in it."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from hemosweep.ablation.sweep import Arm
from hemosweep.engine.lock import driver_lock
from hemosweep.engine.plan import Replicate, write_plan
from hemosweep.errors import BadInput
from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.lock import hold
from hemosweep.testing.fold_runs import seal_untrained
from hemosweep.upkeep.status import read_progress, read_status
from tests.present import present_source


@pytest.fixture
def spec(tiny_spec):
    """Fold runs of ten epochs that the present source code names."""

    def make(digest, *, fold=0, seed=0):
        return replace(tiny_spec(digest=digest, fold=fold, seed=seed, max_epochs=10), source=present_source())

    return make


class Folder:
    """A fold run's folder as driver and child write it, step by step."""

    def __init__(self, out, spec):
        self.path = out / "fold_runs" / spec.digest
        spec.write(self.path)
        self.journal = Journal(self.path / "events.jsonl")

    def train(self, *epochs, seconds=10.0):
        self.journal.write("started", device="cpu", threads=1, torch="none")
        for epoch in epochs:
            fields = {"train_loss": 1.0, "val_loss": 1 / epoch, "val_dsc": 0.1 * epoch, "seconds": seconds}
            self.journal.write("epoch", epoch=epoch, **fields)
        return self

    def fail(self):
        self.journal.write("failed", kind="out_of_memory", message="no memory for 3 GiB")
        return self

    def finish(self):
        self.journal.write("stopped", reason="max_epochs", best_epoch=1)
        test = json.loads((self.path / "spec.json").read_text())["test"]
        seal_untrained(self.path, [{"case_id": case["case_id"], "dsc": 0.5} for case in test])
        return self


def plan(out, sweep, arm, *specs):
    whole = Arm(name=arm, params={}, config=specs[0].config)
    write_plan(out, sweep, "demo", [Replicate(arm=whole, seed=specs[0].seed, run_name=arm, fold_runs=specs)])


def states(out):
    return {fold_run.digest: fold_run.state for fold_run in read_status(out).fold_runs}


def only(out, **options):
    (fold_run,) = read_status(out, **options).fold_runs
    return fold_run


def test_each_fold_run_is_in_the_state_that_its_folder_tells(tmp_path, spec):
    plan(tmp_path, "se", "with", *(spec(f"d{fold}", fold=fold) for fold in range(6)))
    Folder(tmp_path, spec("d0")).train(1).finish()
    Folder(tmp_path, spec("d1")).train(1, 2)
    Folder(tmp_path, spec("d2")).train(1).fail()
    running = Folder(tmp_path, spec("d3")).train(1)
    Folder(tmp_path, spec("d4"))
    Folder(tmp_path, replace(spec("of another code"), source="changed")).train(1).fail()
    with hold(running.path / "lock"):
        status = read_status(tmp_path)
    assert {f.digest: f.state for f in status.fold_runs} == {
        "d3": "running",
        "d2": "failed",
        "d1": "stopped",
        "d4": "waiting",
        "d5": "waiting",
        "of another code": "older",
        "d0": "done",
    }
    assert [f.state for f in status.fold_runs] == [
        *("running", "failed", "stopped", "waiting", "waiting", "older", "done"),
    ]
    assert status.count("stopped", "waiting") == 3


def test_a_running_fold_run_names_its_process_epoch_loss_pace_and_time_left(tmp_path, spec):
    folder = Folder(tmp_path, spec("d0", fold=3, seed=7)).train(1, 2, 4)
    with hold(folder.path / "lock"):
        fold_run = only(tmp_path)
        assert fold_run.process == (folder.path / "lock").read_text().strip()
    assert (fold_run.seed, fold_run.fold, fold_run.progress.epoch, fold_run.max_epochs) == (7, 3, 4, 10)
    assert (fold_run.progress.val_loss, fold_run.progress.val_dsc) == (0.25, 0.4)
    assert fold_run.progress.epoch_s == 10.0
    assert 50.0 <= fold_run.eta_s <= 60.0, "six epochs of ten seconds, less what of the fifth is over"


def test_one_that_was_killed_is_stopped_and_has_no_time_left(tmp_path, spec):
    folder = Folder(tmp_path, spec("d0")).train(1)
    code = "import sys; from pathlib import Path; from hemosweep.foldrun.lock import hold\n"
    code += "with hold(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(folder.path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        assert only(tmp_path).process.startswith(f"process {process.pid} on ")
        process.kill()
    fold_run = only(tmp_path)
    assert (fold_run.state, fold_run.process, fold_run.eta_s) == ("stopped", None, None)


def test_one_that_has_trained_is_being_tested_and_has_no_epochs_left(tmp_path, spec):
    folder = Folder(tmp_path, spec("d0")).train(1, 2)
    folder.journal.write("stopped", reason="patience", best_epoch=1)
    folder.journal.write("tested", case_id="d", dsc=0.5, seconds=1.0)
    with hold(folder.path / "lock"):
        fold_run = only(tmp_path)
    assert (fold_run.progress.trained, fold_run.progress.num_tested, fold_run.num_test_cases) == (True, 1, 2)
    assert fold_run.eta_s is None


def test_a_new_attempt_keeps_the_last_failure_in_mind_but_has_not_failed(tmp_path, spec):
    folder = Folder(tmp_path, spec("d0")).train(1).fail()
    assert only(tmp_path).progress.failure == "out_of_memory: no memory for 3 GiB"
    folder.train()
    fold_run = only(tmp_path)
    assert fold_run.state == "stopped"
    assert fold_run.progress.failure == "out_of_memory: no memory for 3 GiB"


def test_an_attempt_goes_on_from_its_checkpoint_not_from_the_last_epoch_told(tmp_path, spec):
    folder = Folder(tmp_path, spec("d0")).train(1, 2, 3)
    folder.journal.write("started", device="cpu", threads=1, torch="none")
    folder.journal.write("resumed", epoch=2)
    assert only(tmp_path).progress.epoch == 2


@pytest.mark.parametrize("ended_by", ["paused", "tested"])
def test_tested_cases_count_once_however_their_process_ended_and_not_beyond_another_epoch(ended_by):
    names = ("started", "stopped", "tested", ended_by, "started", "stopped", "tested")
    events = [{"event": name, "case_id": "a"} for name in names] + [{"event": "tested", "case_id": "b"}]
    assert read_progress(events).num_tested == 2
    assert read_progress([*events, {"event": "epoch", "epoch": 1}]).num_tested == 0


def test_the_pace_is_that_of_the_last_five_epochs():
    events = [{"event": "epoch", "epoch": n, "seconds": s} for n, s in enumerate([100, 1, 2, 3, 4, 5], start=1)]
    assert read_progress(events).epoch_s == 3.0


def test_a_fold_run_that_several_sweeps_share_names_them_all(tmp_path, spec):
    plan(tmp_path, "loss", "dice", spec("d0", fold=1))
    plan(tmp_path, "se", "with", spec("d0", fold=0))
    fold_run = only(tmp_path)
    assert [(by.replicate, by.fold) for by in fold_run.asked_by] == [("loss/dice", 1), ("se/with", 0)]
    assert fold_run.name == "loss/dice fold 1"


def test_one_that_no_plan_names_goes_by_its_digest_seed_and_fold(tmp_path, spec):
    Folder(tmp_path, spec("d0", fold=3, seed=7)).train(1)
    assert only(tmp_path).name == "d0 seed 7 fold 3"


def test_a_plan_of_other_source_code_has_nothing_waiting(tmp_path, spec):
    plan(tmp_path, "se", "with", replace(spec("d0"), source="changed"), replace(spec("d1"), source="changed"))
    Folder(tmp_path, replace(spec("d1"), source="changed")).train(1)
    assert states(tmp_path) == {"d1": "older"}


def test_done_ones_are_counted_and_their_journals_read_only_when_asked_for(tmp_path, spec):
    Folder(tmp_path, spec("d0")).train(1, 2).finish()
    assert only(tmp_path).progress.epoch == 0
    assert only(tmp_path, with_done=True).progress.epoch == 2


def test_without_its_seal_it_is_not_done(tmp_path, spec):
    (Folder(tmp_path, spec("d0")).train(1).finish().path / "done.json").unlink()
    assert only(tmp_path).state == "stopped"


@pytest.mark.parametrize("name", ["scores.json", "weights.pt", "spec.json"])
def test_with_a_broken_seal_it_has_failed_and_the_file_is_named(tmp_path, spec, name):
    (Folder(tmp_path, spec("d0")).train(1).finish().path / name).unlink()
    broken = only(tmp_path)
    assert broken.state == "failed"
    assert broken.progress.failure == f"broken seal: {name} is missing"


def test_a_truncated_journal_counts_as_far_as_it_goes(tmp_path, spec):
    folder = Folder(tmp_path, spec("d0")).train(1, 2)
    whole = (folder.path / "events.jsonl").read_bytes()
    for length in range(len(whole)):
        (folder.path / "events.jsonl").write_bytes(whole[:length])
        assert only(tmp_path).progress.epoch in (0, 1, 2)


@pytest.mark.parametrize("content", [None, "", '{"digest": "d0", "conf', "[]", "{}", '{"config": 3, "test": null}'])
def test_a_half_written_folder_is_listed_by_what_is_known(tmp_path, content):
    folder = tmp_path / "fold_runs" / "d0"
    folder.mkdir(parents=True)
    (folder / ".tmp-spec.json").write_text("{")
    if content is not None:
        (folder / "spec.json").write_text(content)
    assert (only(tmp_path).name, only(tmp_path).state) == ("d0", "waiting")


def test_what_is_no_fold_run_is_left_out(tmp_path):
    (tmp_path / "fold_runs" / ".tmp-d0").mkdir(parents=True)
    (tmp_path / "fold_runs" / "note.txt").write_text("mine")
    assert read_status(tmp_path).fold_runs == ()


def test_the_driver_is_named_while_it_holds_the_folder(tmp_path):
    assert read_status(tmp_path).driver is None
    with driver_lock(tmp_path):
        assert read_status(tmp_path).driver == (tmp_path / "driver.lock").read_text().strip()
    assert read_status(tmp_path).driver is None


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="nowhere: no such folder"):
        read_status(tmp_path / "nowhere")


def test_the_status_as_json_lists_the_done_ones_only_when_asked_for(tmp_path, spec):
    Folder(tmp_path, spec("d0")).train(1).finish()
    Folder(tmp_path, spec("d1")).train(1)
    status = read_status(tmp_path, with_done=True)
    assert [f["digest"] for f in status.as_json(with_done=False)["fold_runs"]] == ["d1"]
    told = json.loads(json.dumps(status.as_json(with_done=True), allow_nan=False))
    assert [f["digest"] for f in told["fold_runs"]] == ["d1", "d0"]
    assert told["num"] == {"running": 0, "failed": 0, "stopped": 1, "waiting": 0, "older": 0, "done": 1}


def test_the_command_needs_none_of_what_takes_seconds_to_import():
    heavy = {"torch", "mlflow", "optuna", "pandas", "scipy", "nibabel", "matplotlib", "SimpleITK", "numpy"}
    code = f"import sys, hemosweep.cli.app, hemosweep.workflows.status; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
