"""A comparison of two sides of runs in memory: what is refused, what is warned of, and what stands beside the test."""

from dataclasses import replace

import pytest

from hemosweep.comparison.compare import compare, compare_sides
from hemosweep.comparison.sides import read_sides
from hemosweep.errors import BadInput, NotComparable
from tests.recorded import MIDDLE, SMALL, cases, healthy, in_memory, shifted

PAIR = {"patchsize/a@0": cases(SMALL), "patchsize/b@0": cases(MIDDLE)}


def test_the_keys_of_the_test_come_before_those_of_the_sides():
    values = compare(in_memory(PAIR), "patchsize/a", "patchsize/b").as_json()
    names = list(values)
    assert names.index("p") < names.index("warnings") < names.index("a") < names.index("baseline_run_ids")
    assert (values["a"], values["b"]) == ("patchsize/a@0", "patchsize/b@0")
    assert (values["run_id_a"], values["run_ids_b"]) == (f"{0:032x}", [f"{1:032x}"])


def test_the_lines_begin_with_the_sides_and_end_with_the_verdict():
    compared = compare(in_memory(PAIR), "patchsize/a", "patchsize/b")
    lines = compared.as_lines()
    assert lines[0].startswith("A  patchsize/a@0  (00000000)")
    assert lines[-1] == compared.comparison.verdict


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ("dataset_digest", "data set content differs"),
        ("folds_digest", "case folds differ"),
        ("metric_digests", "metric digest differs"),
        ("checkpoint_rule", "checkpoint rule differs"),
    ],
)
def test_runs_that_differ_in_what_decides_are_refused_unless_that_is_overridden(fact, said):
    store = in_memory(PAIR | {"patchsize/b@0": (cases(MIDDLE), {fact: "another"})})
    with pytest.raises(NotComparable, match=said):
        compare(store, "patchsize/a", "patchsize/b")
    overridden = compare(store, "patchsize/a", "patchsize/b", allow_incomparable=True)
    assert len(overridden.overridden) == 1
    assert overridden.comparison.outcome == "not_comparable"
    assert any(line.startswith("NOT COMPARABLE, overridden: ") for line in overridden.as_lines())


def test_a_fact_on_which_the_sides_disagree_is_taken_as_not_known_and_told():
    b = cases(MIDDLE)
    b.loc[0, "ivh"], b.loc[1, "ivh"] = "no", "n/a"
    compared = compare(in_memory(PAIR | {"patchsize/b@0": b}), "patchsize/a", "patchsize/b")
    assert "A and B do not agree on the IVH label of 001; taken as not known" in compared.warnings
    groups = {group.name: group.n for group in compared.comparison.groups}
    assert groups["IVH"] == 3


def test_cases_without_a_lesion_are_named_with_what_each_side_predicts_there():
    store = in_memory({"gate/a@0": healthy(SMALL, 1.5), "gate/b@0": healthy(MIDDLE, 3.5)})
    compared = compare(store, "gate/a", "gate/b")
    assert (
        "no lesion in the reference of 002 (false positives: A 1.5 mL, B 3.5 mL), 003 (A 0 mL, B 0 mL)"
        in compared.warnings
    )


def test_the_noise_of_seeds_stands_beside_a_difference_where_a_store_has_it():
    noise = {f"noise/baseline@{seed}": cases(shifted(SMALL, by)) for seed, by in enumerate((0.0, 0.1, -0.1))}
    compared = compare(in_memory(PAIR | noise), "patchsize/a", "patchsize/b")
    assert compared.comparison.outcome == "within_seed_noise"
    assert compared.baseline.name == "noise/baseline, seeds 0, 1, 2"
    a, b = read_sides(in_memory(PAIR), ("patchsize/a", "patchsize/b"), "dsc", ())
    assert compare_sides(a, b).comparison.outcome == "better"


def test_scores_that_no_metric_can_take_are_refused():
    store = in_memory(PAIR | {"patchsize/b@0": cases([55.0, *MIDDLE[1:]])})
    with pytest.raises(BadInput, match="outside"):
        compare(store, "patchsize/a", "patchsize/b")


def test_an_unknown_run_names_the_nearest():
    with pytest.raises(BadInput, match="nearest: patchsize/a@0"):
        compare(in_memory({"patchsize/a@0": cases(SMALL)}), "patchsize/aa", "patchsize/a")


def test_a_run_that_is_not_finished_is_refused():
    store = in_memory(PAIR)
    running = tuple(replace(run, status="RUNNING") if run.arm == "b" else run for run in store.runs)
    with pytest.raises(BadInput, match="run patchsize/b@0 is RUNNING, not finished; run its sweep again first"):
        compare(replace(store, runs=running), "patchsize/a", "patchsize/b")
