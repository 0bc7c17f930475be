"""A comparison of two sides of runs in memory: what is refused, what is warned of, and what stands beside the test."""

import json
from dataclasses import replace

import pytest

from hemosweep.comparison.compare import compare, compare_sides
from hemosweep.comparison.sides import read_sides
from hemosweep.errors import BadInput, NotComparable
from hemosweep.stats import seeds_to_settle
from tests.recorded import CLEAR, FOUR_FOLDS, IDS, MIDDLE, SEEDS, SMALL, cases, healthy, in_memory, shifted

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
    assert groups == {"IVH": 3, "no IVH": 4}, "001 is in neither; A alone knows that 002 has one"


def test_cases_without_a_lesion_are_named_with_what_each_side_predicts_there():
    store = in_memory({"gate/a@0": healthy(SMALL, 1.5), "gate/b@0": healthy(MIDDLE, 3.5)})
    compared = compare(store, "gate/a", "gate/b")
    assert (
        "no lesion in the reference of 002 (false positives: A 1.5 mL, B 3.5 mL), 003 (A 0 mL, B 0 mL)"
        in compared.warnings
    )


CARRIED = {"patchsize/a@0": cases(SMALL, FOUR_FOLDS), "patchsize/b@0": cases(CLEAR, FOUR_FOLDS)}


@pytest.mark.parametrize(("pair", "outcome"), [(PAIR, "trained_models"), (CARRIED, "better")])
def test_the_noise_of_seeds_stands_beside_a_difference_and_leaves_the_claim_as_it_is(pair, outcome):
    noise = {f"noise/baseline@{seed}": cases(shifted(SMALL, by)) for seed, by in enumerate((0.0, 0.1, -0.1))}
    compared = compare(in_memory(pair | noise), "patchsize/a", "patchsize/b")
    assert compared.baseline.name == "noise/baseline, seeds 0, 1, 2"
    assert compared.comparison.seeds.baseline.range == pytest.approx(0.2)
    assert (compared.comparison.seeds.a, compared.comparison.seeds.b) == (None, None)
    a, b = read_sides(in_memory(pair), ("patchsize/a", "patchsize/b"), "dsc", ())
    without = compare_sides(a, b).comparison
    assert compared.comparison == replace(without, seeds=compared.comparison.seeds)
    assert without.outcome == outcome


def test_seeds_of_both_arms_carry_a_claim_and_those_of_one_do_not():
    one_fold = [0] * 8
    a = {f"s/a@{seed}": cases(shifted(SMALL, by), one_fold) for seed, by in enumerate(SEEDS)}
    b = {f"s/b@{seed}": cases(shifted(CLEAR, -by), one_fold) for seed, by in enumerate(SEEDS)}
    both = compare(in_memory(a | b), "s/a", "s/b").comparison
    assert (both.outcome, both.claim.basis, both.claim.num_seeds_a, both.claim.num_seeds_b) == ("better", "seeds", 3, 3)
    for references in (("s/a", "s/b@0"), ("s/a@0", "s/b")):
        one = compare(in_memory(a | b), *references).comparison
        assert (one.outcome, one.claim.basis, one.claim.p) == ("trained_models", None, None)
        assert "there is one fold and not both arms have several seeds" in one.verdict


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


@pytest.mark.parametrize("of", ["a", "b"])
def test_a_patient_on_whom_the_sides_disagree_is_taken_as_not_known_and_told(of):
    one_head, two_heads = (cases(scores).assign(patient_id=IDS) for scores in (SMALL, MIDDLE))
    one_head.loc[:3, "patient_id"] = ["P1", "P1", "P2", "P2"]
    two_heads.loc[:3, "patient_id"] = ["P1", "P1", "P2", "P3"]
    tables = (one_head, two_heads) if of == "a" else (two_heads, one_head)
    compared = compare(in_memory(dict(zip(PAIR, tables, strict=True))), "patchsize/a", "patchsize/b")
    assert "A and B do not agree on the patient of 004; taken as not known" in compared.warnings
    assert compared.comparison.patients.shared == (("001", "002"),)
    assert compared.comparison.patients.test.n == 7


@pytest.mark.parametrize("known_by", ["a", "b"])
def test_an_empty_reference_that_one_side_alone_recorded_is_named(known_by):
    tables = {"s/a@0": cases(SMALL), "s/b@0": cases(MIDDLE)}
    tables[f"s/{known_by}@0"] = healthy(SMALL, 1.5)
    (warning,) = compare(in_memory(tables), "s/a", "s/b").warnings
    volumes = "A 1.5 mL, B 0.5 mL" if known_by == "a" else "A 0.5 mL, B 1.5 mL"
    assert warning.startswith(f"no lesion in the reference of 002 (false positives: {volumes}), 003 (")


@pytest.mark.parametrize("without", ["a", "b"])
def test_a_case_without_lesion_that_one_side_lacks_is_not_named(without):
    tables = {f"s/{arm}@0": healthy(scores, 1.5) for arm, scores in (("a", SMALL), ("b", MIDDLE))}
    tables[f"s/{without}@0"] = tables[f"s/{without}@0"].drop(index=1)
    warning = compare(in_memory(tables), "s/a", "s/b").warnings[-1]
    assert warning == "no lesion in the reference of 003 (false positives: A 0 mL, B 0 mL)"


@pytest.mark.parametrize("described_by", [0, 1])
def test_a_metric_that_only_the_run_beside_a_file_describes_is_described(tmp_path, described_by):
    path = tmp_path / "scores.csv"
    cases(MIDDLE).assign(froc=2.0).to_csv(path, index=False)
    described = json.dumps({"froc": {"label": "FROC", "higher_is_better": False, "lowest": 0.0}})
    store = in_memory({"s/a@0": cases(SMALL).assign(froc=1.0)}, metric_descriptions=described)
    references = ["s/a", str(path)][:: -1 if described_by else 1]
    assert compare(store, *references, metric="froc").comparison.metric.label == "FROC"


def test_the_keys_say_which_runs_were_compared_and_what_was_overridden():
    scores = {"a": SMALL, "b": MIDDLE}
    seeds = {f"s/{arm}@{seed}": cases(shifted(scores[arm], 0.01 * seed)) for arm in "ab" for seed in (0, 1)}
    noise = {f"noise/baseline@{seed}": cases(shifted(SMALL, by)) for seed, by in enumerate((0.0, 0.1))}
    other = {"dataset_digest": "another"}
    tables = {name: (table, other if name.startswith("s/b") else {}) for name, table in (seeds | noise).items()}
    compared = compare(in_memory(tables), "s/a", "s/b", allow_incomparable=True)
    values = compared.as_json()
    assert (values["a"], values["b"]) == ("s/a, seeds 0, 1", "s/b, seeds 0, 1")
    assert (values["run_id_a"], values["run_id_b"]) == (None, None), "several runs have no single id"
    assert values["run_ids_a"] == [f"{number:032x}" for number in (0, 1)]
    assert values["run_ids_b"] == [f"{number:032x}" for number in (2, 3)]
    assert values["baseline_run_ids"] == [f"{number:032x}" for number in (4, 5)]
    assert values["incomparable_reasons_overridden"] == list(compared.overridden) != []
    assert values["warnings"] == [*compared.warnings, *compared.comparison.warnings]
    lines = compared.as_lines()
    assert lines[1] == "B  s/b, seeds 0, 1  (00000000, 00000000)"
    assert any("noise/baseline, seeds 0, 1" in line for line in lines)
    assert lines[-2:] == ["", compared.comparison.verdict]


def test_every_warning_about_the_sides_and_their_scores_is_a_line(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("case_id,dsc\n001,0.5\n002,0.6\n003,\n")
    compared = compare(in_memory({"s/a@0": cases(SMALL)}), str(path), "s/a")
    assert compared.warnings
    assert compared.comparison.warnings
    told = [line.removeprefix("warning: ") for line in compared.as_lines() if line.startswith("warning: ")]
    assert told == [*compared.warnings, *compared.comparison.warnings]
    assert compared.as_lines()[0] == f"A  {path}", "a file has no id of a run"


def test_cases_that_one_side_tested_in_other_folds_are_named(tmp_path):
    paths = []
    for name, folds in (("a", [0, 0, 1, 1, 2, 2, 3, 3]), ("b", [0, 1, 0, 1, 2, 2, 3, 3])):
        paths.append(tmp_path / f"{name}.csv")
        cases(SMALL if name == "a" else CLEAR, folds).to_csv(paths[-1], index=False)
    compared = compare(in_memory({}), *map(str, paths))
    assert any(warning.startswith("in different folds in A and B: ") for warning in compared.all_warnings)


def test_runs_of_other_repeats_are_matched_by_the_folds_that_each_side_has():
    split = {0: "00112233", 1: "01122330", 3: "12233001", 5: "10022113"}  # 1 and 5 put the same cases together.
    tables = {}
    for repeat, folds in split.items():
        arm, scores = ("a", SMALL) if repeat < 2 else ("b", CLEAR)
        facts = {"folds_digest": f"of {repeat}"} | ({"repeat": str(repeat)} if repeat else {})
        tables[f"s/{arm}@{repeat}"] = (cases(scores, list(map(int, folds))), facts)
    compared = compare(in_memory(tables), "s/a", "s/b", allow_incomparable=True)
    assert compared.comparison.claim.num_repeats == 1


def test_a_case_of_a_run_that_has_a_lesion_is_not_taken_for_one_that_is_empty_in_both_masks(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("id,blood_dice,blood_haus95\n" + "".join(f"{case},1.0,0.0\n" for case in IDS))
    store = in_memory({"s/a@0": cases(SMALL).assign(reference_ml=[0.0, *[2.5] * 7])})
    compared = compare(store, "s/a", str(path))
    (warning,) = [text for text in compared.warnings if "empty in both masks" in text]
    assert "it may be so in 001: look" in warning


def test_what_would_settle_a_difference_has_its_hours_where_the_trainings_are_timed():
    # 0.06 in three folds and -0.03 in one, as one seed of each arm has it.
    one_lower = [round(dsc + step, 3) for dsc, step in zip(SMALL, (*[0.060, 0.061] * 3, -0.030, -0.029), strict=True)]
    tables = {"s/a@0": cases(SMALL, FOUR_FOLDS), "s/b@0": cases(one_lower, FOUR_FOLDS)}
    timed, untimed = (
        compare(in_memory(tables, seconds=seconds), "s/a", "s/b").comparison for seconds in (5400.0, None)
    )
    assert timed.outcome == "trained_models"
    more = seeds_to_settle(timed.claim, timed.mean_diff, num_cases=8) - 1
    # An hour and a half for a seed of A, and as much for one of B.
    assert timed.verdict.endswith(
        f"about {more} more seeds of each arm, {3 * more} h 00 min of training, would settle it."
    )
    assert untimed.verdict.endswith(f"about {more} more seeds of each arm would settle it.")
    first, second = in_memory(tables, seconds=5400.0).runs
    partly = replace(in_memory(tables), runs=(first, replace(second, train_seconds=None)))
    assert compare(partly, "s/a", "s/b").comparison.verdict == untimed.verdict, "one side alone is no sum"
