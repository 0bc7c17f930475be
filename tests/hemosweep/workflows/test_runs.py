"""`hemosweep runs` of runs in memory."""

from dataclasses import replace

from hemosweep.workflows.runs import list_runs
from tests.recorded import IDS, MIDDLE, SMALL, cases, in_memory

STORE = in_memory({"se/unet@0": cases(SMALL), "loss/focal@0": (cases(MIDDLE), {"subset": "folds 0 of 5 only"})})


def test_runs_are_listed_oldest_first_with_the_keys_of_the_interface():
    first, second = list_runs(STORE).as_json()
    assert list(first) == [
        "run_id", "sweep", "arm", "seed", "status", "dsc_mean", "dsc_std", "profile", "subset", "repeat", "external"
    ]  # fmt: skip
    assert (first["sweep"], first["arm"], second["subset"]) == ("se", "unet", "folds 0 of 5 only")


def test_cases_come_with_finished_runs_alone():
    (row,) = list_runs(STORE, "se", with_cases=True).as_json()
    assert [case["case_id"] for case in row["cases"]] == IDS
    assert list(row["cases"][0]) == ["case_id", "fold", "ivh", "dsc"]
    running = replace(STORE, runs=tuple(replace(run, status="RUNNING") for run in STORE.runs))
    assert [row["cases"] for row in list_runs(running, with_cases=True).as_json()] == [[], []]


def test_lines_show_a_dash_for_what_does_not_exist_and_the_folds_of_a_trial():
    with_dsc = replace(STORE, runs=(replace(STORE.runs[0], dsc_mean=0.8125, dsc_std=0.1), STORE.runs[1]))
    _, first, second = list_runs(with_dsc).as_lines()
    assert "0.812 ± 0.1" in first
    assert "folds 0 of 5" in second
    assert second.rstrip().endswith("–")
