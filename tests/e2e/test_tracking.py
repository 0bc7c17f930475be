"""A sweep that records at another MLflow server, too, and `hemosweep sync`, by the command line in this process."""

import shutil

import pytest

from hemosweep.tracking.backend import MlflowClient
from hemosweep.tracking.sync import process
from tests.e2e.stand_in import MIDDLE, SMALL, Child, stand_in, with_store
from tests.e2e.test_bad_input import assert_refused
from tests.mlflow_servers import content

SWEEP = "hemosweep/patchsize"


@pytest.fixture
def out(migrated_database, tmp_path):
    return with_store(tmp_path / "results of mine", migrated_database)


@pytest.fixture
def sweep(main, phantoms, out, monkeypatch):
    """Runs the first two arms in two folds, without training: seven runs, one of them has the case page. Returns exit
    code, standard output, standard error."""
    stand_in(monkeypatch, Child(), boxplot=lambda *a, **options: a[1].touch())
    monkeypatch.setattr(process, "LAST_PASS_S", 250.0)  # The recorder imports MLflow, on a machine that is busy.

    def sweep(*options):
        command = ("sweep", "patchsize", "--data", phantoms, "--profile", "demo", "--out", out)
        return main(*command, "--folds", 2, "--arms", f"{SMALL},{MIDDLE}", *options)

    return sweep


@pytest.fixture
def other(migrated_database, tmp_path):
    """Address of another store."""
    path = tmp_path / "other" / "mlflow.db"
    path.parent.mkdir()
    shutil.copyfile(migrated_database, path)
    return f"sqlite:///{path}"


def test_what_is_no_server_is_refused_before_anything_is_made(main, phantoms, tmp_path, monkeypatch):
    command = ("sweep", "patchsize", "--data", phantoms, "--profile", "demo", "--out", tmp_path / "new")
    assert_refused(
        main(*command, "--tracking", "localhost:5000"), "--tracking localhost:5000: the address has no http:/"
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:secret@lab:5000/?secret")
    assert_refused(main(*command), "MLFLOW_TRACKING_URI http://lab:5000/: ", "or give --tracking none")
    assert not (tmp_path / "new").exists()
    assert_refused(main("sync", "--out", tmp_path / "new"), "has no runs; start one with")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sweep_records_at_the_server_of_the_environment_and_sync_finds_nothing_left(
    sweep, main, out, other, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
    code, _, stderr = sweep()
    assert code == 0, stderr
    assert f"tracking: {out}, and a copy at {other} (MLFLOW_TRACKING_URI; --tracking none for none)\n" in stderr
    assert stderr.endswith(f"tracking: 7 of 7 recorded at {other}\n")
    assert content(MlflowClient(other), SWEEP) == content(MlflowClient(f"sqlite:///{out / 'mlflow.db'}"), SWEEP)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    code, stdout, stderr = main("sync", "--out", out)
    assert (code, stdout) == (0, f"7 of 7 recorded at {other} (0 new or changed)\n")
    assert stderr.startswith(f"tracking: {other} (the last time)\n")
    # The next sweep has nothing to record either.
    assert sweep("--tracking", other)[2].endswith(f"tracking: 7 of 7 recorded at {other}\n")
    assert "tracking" not in sweep("--tracking", "none")[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sweep_whose_server_is_down_is_done_as_ever_with_one_warning(sweep, main, out):
    code, _, stderr = sweep("--tracking", "http://ann:s3cr3t-7f3a@127.0.0.1:9/")
    assert code == 0
    assert stderr.count("warning: http://127.0.0.1:9 cannot be reached (Connection refused); training goes on") == 1
    assert stderr.count("cannot be reached") == 1
    last = f"tracking: 0 of 7 recorded at http://127.0.0.1:9; the rest goes there by: hemosweep sync --out '{out}'\n"
    assert stderr.endswith(last)
    code, stdout, stderr = main("sync", "--out", out, "--json")
    assert code == 1
    assert '"recorded": 0' in stdout
    assert (
        "error: http://127.0.0.1:9 cannot be reached (Connection refused); the same command records the rest" in stderr
    )
    for path in out.rglob("*"):
        assert not path.is_file() or b"s3cr3t-7f3a" not in path.read_bytes()
