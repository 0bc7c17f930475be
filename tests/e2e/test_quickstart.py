"""`hemosweep quickstart` from a data set to a report, as a user runs it."""

import shlex
from dataclasses import replace

import pytest

from hemosweep.cli.app import app
from hemosweep.sweeps import base
from hemosweep.workflows.quickstart import quickstart_steps
from tests.e2e.conftest import parsers
from tests.e2e.test_documents import parse


def test_each_step_is_a_command(tmp_path, monkeypatch):
    monkeypatch.setattr("hemosweep.cli.options.check_data_folder", lambda path: None)  # A step before makes it.
    for step in quickstart_steps(None, tmp_path, lesion_label=2):
        parse(parsers(app), step.arguments)
        assert shlex.split(step.command)[1:] == list(step.arguments)


def test_a_step_that_fails_ends_it_with_its_own_message_and_exit_code(main, tmp_path):
    code, printed, error = main("quickstart", tmp_path / "missing", "--out", tmp_path / "runs")
    alone = main("data", "check", tmp_path / "missing")
    assert (code, error) == (alone[0], f"{alone[2]}stopped at step 1 of 6; the same command goes on there\n")
    assert code == 2
    assert f"1/6 Check every case\n  hemosweep data check {tmp_path / 'missing'}" in printed
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_it_ends_with_a_report_and_the_same_command_trains_nothing_again(main, phantoms, tmp_path, monkeypatch):
    demo = base.demo()
    short = replace(demo.config, training=replace(demo.config.training, max_epochs=2))
    monkeypatch.setitem(base.PROFILES, "demo", lambda: replace(demo, config=short))
    out = tmp_path / "runs"
    code, printed, error = main("quickstart", phantoms, "--out", out)
    assert code == 0, error
    for step in quickstart_steps(phantoms, out):
        assert step.command in printed
    assert "forecast for se (demo profile)" in printed
    assert printed.rstrip().endswith(f"open it in a browser: {out / 'report' / 'index.html'}")
    assert (out / "report" / "index.html").is_file()
    assert (out / "preview.png").is_file()
    fold_runs = {path: path.stat().st_mtime_ns for path in (out / "fold_runs").glob("*/done.json")}
    assert len(fold_runs) == 4
    assert main("quickstart", phantoms, "--out", out)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "fold_runs").glob("*/done.json")} == fold_runs
