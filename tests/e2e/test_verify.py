"""`hemosweep verify`, and what each command does with a fold run whose files are no longer those that were sealed."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from hemosweep.foldrun.seal import RECORDS, is_finished
from hemosweep.tracking.database import database_path
from hemosweep.tracking.schema import ARTIFACT_CASES_TABLE
from tests.e2e.stand_in import SMALL, Child, stand_in, with_store


@pytest.fixture
def child(monkeypatch):
    child = Child()
    stand_in(monkeypatch, child)
    return child


@pytest.fixture
def sweep(main, phantoms, child, tmp_path):
    """Runs an arm in two folds, without training: exit code, standard output, standard error."""
    command = ("sweep", "patchsize", "--data", phantoms, "--profile", "demo", "--folds", 2, "--arms", SMALL, "--json")
    return lambda: main(*command, "--out", tmp_path / "runs")


@pytest.fixture
def out(sweep, migrated_database, tmp_path):
    folder = with_store(tmp_path / "runs", migrated_database)
    code, _, stderr = sweep()
    assert code == 0, stderr
    return folder


@pytest.fixture
def verify(main, out):
    def verify(*options):
        code, stdout, stderr = main("verify", out, *options)
        assert stderr.strip() == "" or "checking fold runs" in stderr
        return code, stdout.splitlines()

    return verify


def fold_run(out):
    return min((out / "fold_runs").iterdir())


def edit_a_score(folder):
    """Make the first DSC 0.99, and leave all else as it is."""
    values = json.loads((folder / "scores.json").read_text())
    values["rows"][0]["dsc"] = 0.99
    (folder / "scores.json").write_text(json.dumps(values, indent=1) + "\n")


def recorded(main, out):
    code, stdout, _ = main("runs", "--out", out, "--json", "--cases")
    assert code == 0
    (run,) = json.loads(stdout)
    return run["status"], run["dsc_mean"], [case["dsc"] for case in run["cases"]]


def test_an_undisturbed_folder_has_no_fault(verify, out):
    code, lines = verify()
    assert code == 0, lines
    assert lines[-2].startswith(f"{out}: 2 sealed fold runs are whole (")
    assert lines[-2].endswith("; 1 recorded runs were compared with them")
    assert lines[-1] == "no fault was found"
    code, lines = verify("--json")
    result = json.loads("\n".join(lines))
    assert code == 0
    assert {fold_run["state"] for fold_run in result["fold_runs"].values()} == {"whole"}
    assert result["faults"] == {}


@pytest.mark.parametrize(
    "name", ["spec.json", "scores.json", "weights.pt", "events.jsonl", "predictions/*", "done.json"]
)
@pytest.mark.parametrize("change", ["changed", "removed"])
def test_a_file_that_was_changed_or_removed_is_named_and_the_exit_code_is_1(verify, out, name, change):
    folder = fold_run(out)
    path = min(folder.glob(name))
    if change == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"#")
    code, lines = verify()
    if name == "done.json" and change == "removed":  # It may never have been done.
        assert code == 0
        assert "1 sealed fold runs are whole" in lines[-2]
        assert "1 are not done" in lines[-2]
        return
    assert code == 1
    (fault,) = lines[:-2]
    assert fault.startswith(f"patchsize/{SMALL} fold ")
    assert str(path.relative_to(folder)) in fault
    assert lines[-1] == "1 fault was found"


def test_an_edited_score_is_a_named_failure_of_the_sweep_and_is_neither_reused_nor_recorded(main, sweep, child, out):
    before = recorded(main, out)
    edit_a_score(fold_run(out))
    child.trained.clear()
    code, stdout, stderr = sweep()
    assert code == 1
    assert child.trained == []
    (failure,) = json.loads(stdout)["failures"]
    assert failure.startswith(f"{SMALL} fold ")
    assert "scores.json has" in failure
    assert (
        failure.endswith(
            "was sealed with; restore it from a copy, or let `hemosweep score` make the scores anew from the kept "
            "predictions"
        )
        or "and was sealed with" in failure
    )
    status, _, dsc = recorded(main, out)
    assert status == "FAILED"
    assert 0.99 not in dsc
    assert main("status", "--out", out)[1].count("broken seal: scores.json has") == 1

    code, stdout, stderr = main("score", "--all", "--out", out)
    assert code == 0, stderr
    assert stdout.startswith("scored 3 cases of 1 fold run in ")
    assert sweep()[0] == 0
    assert child.trained == []
    assert recorded(main, out) == before
    assert main("verify", out)[0] == 0


def test_a_folder_whose_prediction_was_replaced_is_trained_again_once_it_is_deleted(main, sweep, child, out):
    before = recorded(main, out)
    folder = fold_run(out)
    min((folder / "predictions").iterdir()).write_bytes(b"another")
    child.trained.clear()
    code, stdout, _ = sweep()
    assert code == 1
    (failure,) = json.loads(stdout)["failures"]
    assert "delete this folder and run its sweep again, which trains it again" in failure
    code, _, stderr = main("score", "--all", "--out", out)
    assert code == 1
    assert "predictions/" in stderr
    shutil.rmtree(folder)
    assert sweep()[0] == 0
    assert len(child.trained) == 1
    assert recorded(main, out) == before


def test_the_report_names_a_broken_seal_beside_the_scores(main, out, phantoms, tmp_path):
    edit_a_score(fold_run(out))
    code, _, stderr = main("report", "patchsize", "--out", out, "--data", phantoms, "--to", tmp_path / "report")
    assert code == 0, stderr
    (page,) = (tmp_path / "report").glob("*.md")
    assert f"Do not use the scores of {SMALL}, seed 0: in its fold " in page.read_text()


def test_a_recorded_score_that_was_edited_is_found_and_the_sweep_records_it_anew(main, sweep, verify, out):
    (table,) = out.glob(f"artifacts/*/*/artifacts/{ARTIFACT_CASES_TABLE}")
    values = json.loads(table.read_text())
    values["data"][0][values["columns"].index("dsc")] = 0.99
    table.write_text(json.dumps(values))
    with closing(sqlite3.connect(database_path(out))) as database, database:
        database.execute("UPDATE latest_metrics SET value = 0.99 WHERE key = 'dsc_mean'")
    code, lines = verify()
    assert code == 1
    first, second = lines[:-2]
    assert first.startswith(f"patchsize/{SMALL}@0: the recorded scores of 1 of 3 cases of fold 0 differ; run its sweep")
    assert second.startswith(f"patchsize/{SMALL}@0: its recorded mean DSC is not that of its cases; run its sweep")
    assert sweep()[0] == 0
    assert verify()[0] == 0


def test_a_database_that_is_damaged_is_named(verify, out):
    path = out / "optuna.db"
    content = bytearray(path.read_bytes())
    content[4096:8192] = bytes(4096)
    path.write_bytes(content)
    code, lines = verify()
    assert code == 1
    assert lines[0].startswith("optuna.db: ")


def test_a_folder_that_is_not_there_or_of_nothing(main, tmp_path):
    code, stdout, stderr = main("verify", tmp_path / "nowhere")
    assert (code, stdout) == (2, "")
    assert stderr.strip().splitlines()[-1] == (
        f"error: {tmp_path / 'nowhere'}: no such folder; give the folder of a sweep's results"
    )
    (tmp_path / "empty").mkdir()
    code, stdout, _ = main("verify", tmp_path / "empty")
    assert code == 0
    assert stdout.splitlines()[-1] == "no fault was found"


def test_a_fold_run_under_the_name_of_another_is_refused(main, sweep, child, verify, out):
    first, second = sorted((out / "fold_runs").iterdir())
    shutil.rmtree(second)
    shutil.copytree(first, second)
    code, lines = verify()
    assert code == 1
    assert f"done.json is the seal of another fold run, {first.name}" in lines[0]
    child.trained.clear()
    code, stdout, _ = sweep()
    assert code == 1
    assert f"is the seal of another fold run, {first.name}" in json.loads(stdout)["failures"][0]
    assert is_finished(first, *RECORDS)
