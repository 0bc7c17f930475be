"""The declared comparisons of a sweep as one family, from runs in memory."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from hemosweep.comparison.family import compare_all, compare_family
from hemosweep.errors import BadInput, NotComparable
from tests.recorded import CLEAR, FOUR_FOLDS, LARGE, MIDDLE, SMALL, cases, in_memory, shifted

LATER = {"patchsize/x@0": cases(SMALL), "patchsize/y@0": cases(MIDDLE)}
COMPARISONS = (("24x24x8", "32x32x16"), ("32x32x16", "48x48x24"))
ARMS = {
    "patchsize/24x24x8@0": cases(SMALL),
    "patchsize/32x32x16@0": cases(MIDDLE),
    "patchsize/48x48x24@0": cases(LARGE),
}


def test_each_declared_pair_is_the_paired_t_test_of_b_minus_a_with_the_papers_bound_beside_it():
    family = compare_family(in_memory(ARMS), "patchsize", COMPARISONS)
    for row, (a, b) in zip(family.rows, ((SMALL, MIDDLE), (MIDDLE, LARGE)), strict=True):
        expected = stats.ttest_rel(b, a)
        assert row.comparison.t == pytest.approx(expected.statistic)
        assert row.comparison.p == pytest.approx(expected.pvalue)
    assert [(row.a, row.b, row.paper_p) for row in family.rows] == [
        ("24x24x8", "32x32x16", "<0.001"),
        ("32x32x16", "48x48x24", "<0.01"),
    ]


def test_the_claims_are_adjusted_and_not_the_p_values_over_cases():
    family = compare_family(in_memory(ARMS), "patchsize", COMPARISONS)
    claims = [row.comparison.claim.p for row in family.rows]
    assert [row.holm_p for row in family.rows] == [
        pytest.approx(2 * min(claims)), pytest.approx(max(claims[1], 2 * claims[0]))
    ]  # fmt: skip
    assert [row.bh_p for row in family.rows] == [
        pytest.approx(min(2 * claims[0], claims[1])), pytest.approx(max(claims))
    ]  # fmt: skip
    assert all(claim > row.comparison.p for claim, row in zip(claims, family.rows, strict=True))


def test_the_papers_bound_is_not_shown_for_a_pair_or_a_metric_that_it_does_not_print():
    store = in_memory(ARMS)
    (backwards,) = compare_family(store, "patchsize", (COMPARISONS[0][::-1],)).rows
    assert backwards.paper_p is None
    assert {row.paper_p for row in compare_family(store, "patchsize", COMPARISONS, metric="hd95_mm").rows} == {None}


def test_a_pair_whose_arm_is_not_trained_is_missing_and_counts_in_the_family_all_the_same():
    store = in_memory({name: table for name, table in ARMS.items() if "48x48" not in name})
    family = compare_all(store, "patchsize", COMPARISONS)
    assert family.missing == ("32x32x16 to 48x48x24: 48x48x24 not finished; run make sweep-patchsize",)
    claim_p = family.rows[0].comparison.claim.p
    assert (family.rows[0].holm_p, family.rows[0].bh_p) == (pytest.approx(2 * claim_p), pytest.approx(2 * claim_p))
    assert {name: family.as_json()[name] for name in ("num_tests", "num_declared")} == {
        "num_tests": 1,
        "num_declared": 2,
    }
    assert family.row_of(family.pairs[1]) is None
    assert family.comparisons == (family.pairs[0].comparison,)


@pytest.mark.parametrize(
    ("trained", "missing"), [("32x32x16", "24x24x8"), ("24x24x8", "32x32x16"), (None, "24x24x8 and 32x32x16")]
)
def test_the_arms_that_are_not_trained_are_named(trained, missing):
    other = {"patchsize/48x48x24@0": cases(LARGE), "patchsize/x@0": cases(SMALL)}
    store = in_memory(other | ({} if trained is None else {f"patchsize/{trained}@0": cases(MIDDLE)}))
    family = compare_all(store, "patchsize", (COMPARISONS[0], ("x", "48x48x24")))
    assert family.missing == (f"24x24x8 to 32x32x16: {missing} not finished; run make sweep-patchsize",)


def test_an_arm_that_ran_on_only_some_folds_is_named_unless_the_other_did_so_too():
    part = {"subset": "folds 1 of 2 only"}
    tables = {f"patchsize/{arm}@0": cases(SMALL) for arm in COMPARISONS[0]}
    in_part = {name: (table, part) for name, table in tables.items()}
    for name in tables:
        family = compare_all(in_memory(ARMS | LATER | {name: in_part[name]}), "patchsize", (COMPARISONS[0], ("x", "y")))
        arm = name.removeprefix("patchsize/").removesuffix("@0")
        assert family.missing == (f"24x24x8 to 32x32x16: {arm} has folds 1 of 2 only; run make sweep-patchsize",)
    assert compare_all(in_memory(in_part), "patchsize", COMPARISONS[:1]).missing == ()


@pytest.mark.parametrize("metric", ["dsc", "hd95_mm"])
def test_a_family_knows_its_sweep_and_its_metric(metric):
    store = in_memory({name: table.assign(hd95_mm=table["dsc"] * 10) for name, table in ARMS.items()})
    family = compare_family(store, "patchsize", COMPARISONS, metric=metric)
    assert (family.sweep, family.metric) == ("patchsize", metric)


def test_several_seeds_are_averaged_per_case_before_the_test():
    seeds = {
        f"loss/{arm}@{seed}": cases(shifted(of, by, 0.01 * seed))
        for arm, of in (("a", SMALL), ("b", MIDDLE))
        for seed, by in enumerate((0.0, 0.04))
    }
    (row,) = compare_family(in_memory(seeds), "loss", (("a", "b"),)).rows
    mean = [(one + two) / 2 for one, two in zip(SMALL, shifted(SMALL, 0.04, 0.01), strict=True)]
    assert row.comparison.mean_a == pytest.approx(sum(mean) / len(mean))


@pytest.mark.parametrize(("seeds_a", "seeds_b"), [((1,), (0, 1)), ((0, 2), (2,)), ((3,), (0, 1)), ((0, 1), (1, 2, 3))])
def test_all_seeds_of_each_arm_are_compared_however_many_the_other_has(seeds_a, seeds_b):
    names = [*(f"loss/a@{seed}" for seed in seeds_a), *(f"loss/b@{seed}" for seed in seeds_b)]
    shift = {name: 0.01 * place for place, name in enumerate(names)}
    store = in_memory({name: cases(shifted(SMALL, by, 0.01)) for name, by in shift.items()})
    (pair,) = compare_family(store, "loss", (("a", "b"),)).comparisons
    assert [run.seed for run in pair.a.runs] == [*seeds_a]
    assert [run.seed for run in pair.b.runs] == [*seeds_b]
    assert (pair.comparison.claim.num_seeds_a, pair.comparison.claim.num_seeds_b) == (len(seeds_a), len(seeds_b))
    mean_a, mean_b = (
        sum(shift[f"loss/{arm}@{seed}"] for seed in seeds) / len(seeds)
        for arm, seeds in (("a", seeds_a), ("b", seeds_b))
    )
    assert pair.comparison.mean_diff == pytest.approx(mean_b - mean_a)
    assert pair.warnings == ()


def test_runs_of_other_data_are_refused_and_named():
    store = in_memory(ARMS | {"patchsize/48x48x24@0": (cases(LARGE), {"dataset_digest": "another"})})
    family = compare_family(store, "patchsize", COMPARISONS)
    assert len(family.rows) == 1
    (refused,) = family.refused
    assert refused.startswith("32x32x16 to 48x48x24: not comparable: ")
    with pytest.raises(NotComparable, match="32x32x16 to 48x48x24: not comparable"):
        compare_all(store, "patchsize", COMPARISONS)
    overridden = compare_all(store, "patchsize", COMPARISONS, allow_incomparable=True)
    assert any(line.startswith("NOT COMPARABLE, overridden: 32x32x16 to 48x48x24") for line in overridden.as_lines())


def test_a_pair_that_cannot_be_compared_is_told_and_the_others_are_compared_where_that_is_asked_for():
    store = in_memory(ARMS | {"patchsize/48x48x24@0": cases(LARGE).drop(columns="dsc")})
    with pytest.raises(BadInput, match="no metric 'dsc'"):
        compare_family(store, "patchsize", COMPARISONS)
    family = compare_family(store, "patchsize", COMPARISONS, keep_going=True)
    assert [bool(pair.failed) for pair in family.pairs] == [False, True]
    assert len(family.rows) == 1


def test_a_sweep_that_declares_nothing_or_has_nothing_trained_is_refused():
    store = in_memory({"patchsize/24x24x8@0": cases(SMALL)})
    with pytest.raises(BadInput, match="declares no comparison; compare runs with hemosweep compare A B"):
        compare_all(store, "noise", ())
    with pytest.raises(BadInput, match="no comparison has both arms finished; run make sweep-patchsize first"):
        compare_all(store, "patchsize", COMPARISONS)


def test_a_row_has_the_arms_of_the_pair_and_the_runs_that_were_compared():
    family = compare_family(in_memory(ARMS), "patchsize", COMPARISONS)
    values = family.as_json()
    names = ("sweep", "metric", "num_tests", "num_declared", "missing", "forest")
    assert {name: values[name] for name in names} == {
        "sweep": "patchsize",
        "metric": "dsc",
        "num_tests": 2,
        "num_declared": 2,
        "missing": [],
        "forest": None,
    }
    first, last = values["comparisons"]
    assert (first["a"], first["b"]) == COMPARISONS[0]
    assert (first["side_a"], first["side_b"]) == ("patchsize/24x24x8@0", "patchsize/32x32x16@0")
    assert (last["run_id_a"], last["run_id_b"]) == (f"{1:032x}", f"{2:032x}")
    for row, compared in zip(family.rows, values["comparisons"], strict=True):
        assert (compared["holm_p"], compared["bh_p"], compared["paper_p"]) == (row.holm_p, row.bh_p, row.paper_p)
        assert (compared["p"], compared["claim"]["p"]) == (row.comparison.p, row.comparison.claim.p)
        assert (compared["family_outcome"], compared["family_verdict"]) == (row.outcome, row.verdict)
    with_picture = replace(family, forest=Path("reports/forest.png"))
    assert with_picture.as_json()["forest"] == "reports/forest.png"
    assert "Forest plot: reports/forest.png" in with_picture.as_lines()
    assert "No forest plot: no space" in replace(family, no_pictures="no space").as_lines()


def test_the_lines_of_a_family_have_the_verdicts_the_remarks_and_what_is_missing():
    noise = {f"noise/baseline@{seed}": cases(shifted(SMALL, by)) for seed, by in enumerate((0.0, 0.01, -0.01))}
    tables = {name: table for name, table in ARMS.items() if "48x48" not in name} | noise
    tables["patchsize/32x32x16@0"] = (cases(MIDDLE), {"device_kind": "cuda"})
    family = compare_family(in_memory(tables), "patchsize", COMPARISONS)
    lines = family.as_lines()
    (row,) = family.rows
    assert f"24x24x8 to 32x32x16: {row.verdict}" in lines
    told = "Claims count cases, seeds and folds; Holm and Benjamini-Hochberg adjust them over {} declared comparison{}."
    assert told.format(2, "s") in lines
    alone = compare_family(in_memory(tables), "patchsize", COMPARISONS[:1])
    assert told.format(1, "") in alone.as_lines()
    assert "Seeds (A/A) of noise/baseline, seeds 0, 1, 2: mean " in "\n".join(lines)
    (warning,) = family.comparisons[0].all_warnings
    assert f"warning: 24x24x8 to 32x32x16: {warning}" in lines
    assert lines[-1] == f"Missing: {family.missing[0]}"


def test_a_family_is_styled_where_that_is_asked_for():
    family = compare_family(in_memory(ARMS), "patchsize", COMPARISONS)
    plain, styled = ("\n".join(family.as_lines(styled=styled)) for styled in (False, True))
    assert "\x1b[" not in plain
    assert re.sub("\x1b\\[[0-9;]*m", "", styled).split() == plain.split()
    assert "\x1b[" in styled
    assert family.as_lines() == plain.split("\n")


SEEDS = {
    f"loss/{arm}@{seed}": cases(shifted(scores, 0.01 * seed, 0.01))
    for arm, scores in (("a", SMALL), ("b", MIDDLE))
    for seed in (0, 1)
}


def test_seed_noise_of_the_arms_alone_has_no_line_of_a_baseline():
    family = compare_family(in_memory(SEEDS), "loss", (("a", "b"),))
    seeds = family.comparisons[0].comparison.seeds
    assert (seeds.a.num_seeds, seeds.b.num_seeds, seeds.baseline) == (2, 2, None)
    assert not any("A/A" in line for line in family.as_lines())


def test_a_claim_that_holm_does_not_bear_out_is_one_about_the_trained_models():
    # By itself p of the claim is 0.0012: it bears 40 comparisons, and not 41.
    tables = {"s/a@0": cases(SMALL, FOUR_FOLDS), "s/b@0": cases(CLEAR, FOUR_FOLDS)}
    for num_declared, outcome in ((40, "better"), (41, "trained_models")):
        (row,) = compare_family(in_memory(tables), "s", (("a", "b"),), num_declared=num_declared).rows
        assert row.holm_p == row.bh_p == pytest.approx(num_declared * row.comparison.claim.p)
        assert (row.comparison.outcome, row.outcome, row.taken_back) == ("better", outcome, outcome != "better")
    assert row.verdict.startswith(f"Not significant within this family of comparisons (Holm p = {row.holm_p:.4f}). By")


@pytest.mark.parametrize("compare", [compare_family, compare_all])
def test_equivalence_is_tested_within_the_margin_that_is_given(compare):
    assert compare(in_memory(ARMS), "patchsize", COMPARISONS).rows[0].comparison.equivalence is None
    for row in compare(in_memory(ARMS), "patchsize", COMPARISONS, margin=0.2).rows:
        assert row.comparison.equivalence.margin == 0.2


@pytest.mark.parametrize("status", ["RUNNING", "KILLED", "FAILED"])
def test_an_arm_whose_only_run_is_not_finished_is_missing(status):
    store = in_memory(ARMS)
    runs = tuple(replace(run, status=status) if run.arm == "48x48x24" else run for run in store.runs)
    family = compare_family(replace(store, runs=runs), "patchsize", COMPARISONS)
    assert family.missing == ("32x32x16 to 48x48x24: 48x48x24 not finished; run make sweep-patchsize",)
    assert len(family.rows) == 1


@pytest.mark.parametrize(("metric", "seeds_of_a"), [("dsc", [1]), ("nsd", [0, 1])])
def test_seeds_that_were_scored_alike_in_the_metric_belong_together(metric, seeds_of_a):
    digests = json.dumps({"dsc": "dsc of an earlier version", "nsd": "nsd now"})
    store = in_memory(SEEDS | {"loss/a@0": (SEEDS["loss/a@0"], {"metric_digests": digests})})
    store = replace(
        store, rows={run_id: [row | {"nsd": row["dsc"]} for row in rows] for run_id, rows in store.rows.items()}
    )
    (compared,) = compare_family(store, "loss", (("a", "b"),), metric=metric).comparisons
    assert [run.seed for run in compared.a.runs] == seeds_of_a
    assert [run.seed for run in compared.b.runs] == [0, 1]
