"""Commands beside a run of which somebody deleted or edited a tag in MLflow's pages: the others are read as ever."""

import json
import shutil

import pytest

from hemosweep.tracking.store import open_store

EDITS = [("hemosweep.seed", "abc"), ("hemosweep.arm", None), ("hemosweep.replicate", None), ("hemosweep.level", None)]


@pytest.fixture
def out(recorded, tmp_path):
    return shutil.copytree(recorded.out, tmp_path / "runs")


@pytest.fixture
def edited(out, recorded):
    """Edits a tag of the run patchsize/24x24x8@0, or deletes it."""

    def edited(tag, value):
        client, run_id = open_store(out).client, recorded.ids["patchsize/24x24x8@0"]
        if value is None:
            client.delete_tag(run_id, tag)
        else:
            client.set_tag(run_id, tag, value)
        return run_id

    return edited


@pytest.mark.parametrize(("tag", "value"), EDITS)
def test_runs_and_compare_of_other_arms_go_on_and_name_the_run_once(main, out, edited, tag, value):
    before = json.loads(main("runs", "--out", out, "--json")[1])
    run_id = edited(tag, value)
    code, stdout, stderr = main("runs", "--out", out, "--json", "--cases")
    assert code == 0
    assert {run["run_id"] for run in json.loads(stdout)} == {run["run_id"] for run in before} - {run_id}
    (line,) = stderr.splitlines()
    assert line.startswith(f"warning: run 24x24x8@0 ({run_id[:8]}) of patchsize is not whole: ")
    assert line.endswith("; it is passed over: mend the tag, or delete the run (hemosweep ui)")
    assert tag in line
    code, stdout, stderr = main("compare", "patchsize/32x32x16", "patchsize/48x48x24", "--out", out, "--json")
    assert (code, json.loads(stdout)["status"], stderr.splitlines()) == (0, "ok", [line])


def test_a_run_that_is_asked_for_and_not_whole_is_said_to_be_so(main, out, edited):
    edited("hemosweep.seed", None)
    code, stdout, stderr = main("compare", "patchsize/24x24x8", "patchsize/32x32x16", "--out", out)
    assert (code, stdout) == (2, "")
    warning, error = stderr.splitlines()
    assert "not whole: it has no tag hemosweep.seed" in warning
    assert error.startswith(f"error: {out} has no run 'patchsize/24x24x8'")


def test_a_case_table_that_cannot_be_read_is_named_and_the_other_tables_are_printed(main, out, recorded):
    run_id = recorded.ids["patchsize/24x24x8@0"]
    (table,) = out.glob(f"artifacts/*/{run_id}/artifacts/cases.json")
    table.write_text("{")
    code, stdout, stderr = main("runs", "--out", out, "--sweep", "patchsize", "--json", "--cases")
    assert code == 0
    assert stderr == f"warning: {table}: damaged; delete its run (hemosweep ui), and start its sweep again\n"
    cases = {run["run_id"]: run["cases"] for run in json.loads(stdout)}
    assert [owner for owner, rows in cases.items() if not rows and owner == run_id] == [run_id]
    assert len(cases[recorded.ids["patchsize/32x32x16@0"]]) == 8
