"""Seed noise for a comparison: the runs of the sweep `noise` that fit, each counted once."""

from dataclasses import replace

import pytest

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


@pytest.mark.parametrize("file_is", ["a", "b"])
def test_a_noise_run_beside_a_file_counts_as_one_of_the_seeds(tmp_path, file_is):
    path = tmp_path / "scores.csv"
    cases(MIDDLE).to_csv(path, index=False)
    sides = (str(path), "noise/baseline@0") if file_is == "a" else ("noise/baseline@0", str(path))
    assert [run.seed for run in baseline_of(NOISE, *sides).runs] == [0, 1, 2]


def test_the_seeds_that_are_compared_are_not_counted_once_more():
    more = {f"noise/baseline@{seed}": cases(shifted(SMALL, 0.01 * seed)) for seed in (3, 4)}
    shared = {"s/a@0": cases(SMALL), "s/a@1": cases(MIDDLE), "s/b@0": cases(MIDDLE), "s/b@1": cases(SMALL)}
    store = in_memory(shared | NOISE | more)
    # A run of a sweep with the configuration of a noise run has its digest: it is the same training.
    runs = tuple(replace(run, digest="noise/baseline@2") if run.full_name == "s/b@1" else run for run in store.runs)
    store = replace(store, runs=runs)
    baseline = find_baseline(store, *read_sides(store, ("s/a", "s/b"), "dsc", ()), "dsc")
    assert [run.seed for run in baseline.runs] == [0, 1, 3, 4]


def test_of_two_noise_runs_with_one_seed_the_newest_that_fits_counts():
    store = in_memory(PAIR | NOISE | {"noise/other@1": cases(MIDDLE)}, configs={"noise/other@1": {"arm": "baseline"}})
    baseline = find_baseline(store, *read_sides(store, ("s/a", "s/b"), "dsc", ()), "dsc")
    assert [(run.arm, run.seed) for run in baseline.runs] == [("baseline", 0), ("other", 1), ("baseline", 2)]


def test_noise_runs_that_are_not_finished_or_of_another_configuration_do_not_count():
    store = in_memory(PAIR | NOISE, configs={"noise/baseline@0": {"arm": "another"}})
    pair = read_sides(store, ("s/a", "s/b"), "dsc", ())
    assert [run.seed for run in find_baseline(store, *pair, "dsc").runs] == [1, 2]
    killed = tuple(replace(run, status="KILLED") if run.full_name.endswith("line@2") else run for run in store.runs)
    store = in_memory(PAIR | NOISE)
    store = replace(store, runs=killed)
    assert [run.seed for run in find_baseline(store, *pair, "dsc").runs] == [0, 1]


def test_the_newest_noise_run_says_in_what_they_do_not_fit():
    facts = {0: {"source_digest": "another"}, 1: {"dataset_digest": "another", "profile": "paper"}}
    tables = {f"noise/baseline@{seed}": (cases(SMALL), own) for seed, own in facts.items()}
    (warning,) = baseline_of(PAIR | tables).warnings
    assert warning.endswith("its runs differ from these in dataset digest, profile")
