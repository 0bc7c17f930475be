"""Seed noise for a comparison: the runs of the sweep `noise` that fit, each counted once."""

from hemosweep.comparison.seed_noise import find_baseline
from hemosweep.comparison.sides import read_sides
from tests.recorded import MIDDLE, SMALL, cases, in_memory, shifted

NOISE = {f"noise/baseline@{seed}": cases(shifted(SMALL, by)) for seed, by in enumerate((0.0, 0.02, -0.02))}
PAIR = {"s/a@0": cases(SMALL), "s/b@0": cases(MIDDLE)}


def baseline_of(tables, a="s/a", b="s/b"):
    store = in_memory(tables)
    return find_baseline(store, *read_sides(store, (a, b), "dsc", ()), "dsc")


def test_the_seeds_of_the_sweep_noise_are_the_baseline():
    baseline = baseline_of(PAIR | NOISE)
    assert [run.seed for run in baseline.runs] == [0, 1, 2]
    assert baseline.seeds[1]["001"] == 0.52
    assert baseline.warnings == ()


def test_without_noise_runs_or_with_one_alone_there_is_none():
    assert baseline_of(PAIR).runs == ()
    assert baseline_of(PAIR | {"noise/baseline@0": cases(SMALL)}).runs == ()


def test_noise_of_other_data_does_not_fit_and_that_is_told():
    tables = {name: (table, {"dataset_digest": "another"}) for name, table in NOISE.items()}
    baseline = baseline_of(PAIR | tables)
    assert baseline.runs == ()
    assert baseline.warnings == ("no seed noise from noise/baseline: its runs differ from these in dataset digest",)


def test_two_files_have_no_baseline(tmp_path):
    path = tmp_path / "scores.csv"
    cases(MIDDLE).to_csv(path, index=False)
    assert baseline_of(NOISE, str(path), str(path)).runs == ()


def test_a_noise_run_that_is_both_sides_of_the_comparison_is_not_counted_once_more():
    baseline = baseline_of(NOISE, "noise/baseline@0", "noise/baseline@1")
    assert baseline.runs == ()  # of three seeds two are compared
