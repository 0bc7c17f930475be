"""A sweep whose fold runs are trained by the executor of a lab's file, by the command line."""

import json
from pathlib import Path

import pytest

EXECUTOR = Path(__file__).parent / "lab" / "one_at_a_time.py"


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_sweep_trains_with_the_executor_of_a_file(run, phantoms, tmp_path):
    out = tmp_path / "runs"
    command = ("sweep", "patchsize", "--data", phantoms, "--profile", "demo", "--arms", "24x24x8", "--folds", 2)
    options = ("--only-folds", 0, "--executor", f"{EXECUTOR}:cpu", "--out", out, "--json")
    done = run(*command, *options)
    assert done.returncode == 0, done.stderr
    (arm,) = json.loads(done.stdout)["arms"]
    assert 0.0 <= arm["dsc"][0] <= 1.0
    (folder,) = (out / "fold_runs").iterdir()
    events = [json.loads(line)["event"] for line in (folder / "events.jsonl").read_text().splitlines()]
    assert (events.count("started"), events.count("done")) == (1, 1)


def test_an_address_that_the_executor_refuses_is_one_line(run, phantoms, tmp_path):
    command = ("sweep", "patchsize", "--data", phantoms, "--profile", "demo", "--arms", "24x24x8", "--folds", 2)
    refused = run(*command, "--executor", f"{EXECUTOR}:abacus", "--out", tmp_path / "runs")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].endswith("one_at_a_time.py:abacus: give cpu or the number of a GPU")


def test_a_file_that_fails_is_one_line_before_anything_is_read(main, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("from hemosweep import lost\n")
    code, out, err = main("sweep", "patchsize", "--executor", path, "--out", tmp_path / "runs")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"error: {path}:1: ImportError: ")
    assert not (tmp_path / "runs").exists()
