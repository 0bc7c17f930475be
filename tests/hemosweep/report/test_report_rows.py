"""The rows of a report's tables, with answers by hand."""

import pandas as pd
import pytest

from hemosweep.report.document.facts import ArmFacts, PairFacts, RunFacts, SweepFacts
from hemosweep.report.document.provenance import hours, provenance_tables
from hemosweep.report.document.statistics_tables import claim_table, seed_table, test_table
from hemosweep.report.document.sweep_tables import glance_table, group_table, verdict_table
from hemosweep.report.paper.printed import paper_difference, paper_place
from hemosweep.report.paper.verdicts import our_verdict, paper_verdict
from hemosweep.stats.multiple_testing import adjusted
from hemosweep.stats.paired import paired_comparison
from hemosweep.stats.replicates import SeedSpread

test_table.__test__ = False  # its name is a table's, not a test's
MINUS, NARROW = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"
UNET = [0.5, 0.6, 0.7, 0.8]
SE_UNET = [0.6, 0.7, 0.8, 0.94]
IVH = ["yes", "yes", "no", "no"]


def cases(dsc):
    return pd.DataFrame({"case_id": [f"{place:03}" for place in range(len(dsc))], "ivh": IVH, "score": dsc})


def scores(dsc):
    return {f"{place:03}": value for place, value in enumerate(dsc)}


FOLDS = {"000": 0, "001": 0, "002": 1, "003": 2}


def facts(*, num_declared=1, **changes):
    comparison = paired_comparison(scores(UNET), scores(SE_UNET), folds_a=FOLDS, folds_b=FOLDS)
    row = adjusted([("unet", "se_unet")], [comparison], num_declared)[0]
    fields = {
        "name": "se",
        "question": "Better?",
        "arms": (
            ArmFacts(name="unet", seeds=(0,), cases=cases(UNET)),
            ArmFacts(name="se_unet", seeds=(0, 1), cases=cases(SE_UNET)),
        ),
        "pairs": (PairFacts(a="unet", b="se_unet", row=row),),
        "runs": (),
    }
    return SweepFacts(**(fields | changes))


def test_a_row_has_the_papers_figures_beside_ours():
    first, second = verdict_table(facts()).rows
    # Mean 0.65, squared deviations 2 (0.15² + 0.05²) = 0.05, over 3: sd 0.129.
    dash = "–"
    assert first == ("unet", "0.765 ± 0.217", "0.650 ± 0.129", *[dash] * 5)
    # Differences 0.1, 0.1, 0.1, 0.14: mean 0.11, sd 0.02, standard error 0.01, t = 11, and t(0.975, 3) = 3.182.
    assert second[:6] == ("se_unet", "0.828 ± 0.127", "0.760 ± 0.145", "unet", "+0.063", "+0.110 [+0.078, +0.142]")
    assert second[6] == f"better (p{NARROW}<{NARROW}0.01)"
    # Fold means 0.1, 0.1, 0.14 of two, one and one case differ from 0.11 by 0.01, 0.01 and 0.03: the variance of the
    # mean is 3 / 2 of (4 * 0.0001 + 0.0001 + 0.0009) / 16, t = 9.602 with 2 degrees of freedom, p = 1 - t / √(2 + t²).
    assert second[7] == f"better (Holm{NARROW}p{NARROW}={NARROW}0.0107)"


def test_groups_and_extremes_have_the_papers_columns_where_it_prints_any():
    table = group_table(facts())
    assert [column.full_name for column in table.columns] == [
        "Arm", "Cases", "Seeds", "IVH, paper", "IVH, ours", "No IVH, paper", "No IVH, ours", "Max, paper", "Max, ours",
        "Min, ours",
    ]  # fmt: skip
    assert table.rows[1] == (
        "se_unet", "4", "2", "0.683 ± 0.118", "0.650 ± 0.071", "0.852 ± 0.112", "0.870 ± 0.099", "0.968", "0.940",
        "0.600",
    )  # fmt: skip


def test_undefined_cases_are_counted_and_missing_arms_say_why():
    arms = (
        ArmFacts(name="unet", seeds=(0,), cases=cases([0.5, float("nan"), 0.7, 0.8])),
        ArmFacts(name="se_unet", missing="not finished (fold 1 failed)"),
    )
    own = facts(arms=arms, pairs=(PairFacts(a="unet", b="se_unet", verdict="not finished", reason="Not compared."),))
    assert group_table(own).rows[0][1] == "4 (1 undefined)"
    row = verdict_table(own).rows[1]
    assert (row[1], row[2], row[7]) == ("0.828 ± 0.127", "not finished (fold 1 failed)", "not finished")
    assert test_table(own).rows[0][:2] == ("unet → se_unet", "not finished")
    assert glance_table([own]).rows[0][-1] == "not finished"


def test_raw_stars_stand_apart_from_the_familys_p_values():
    table = test_table(facts())
    # t = 11 with 3 degrees of freedom: p = 0.0016; of the signs of four, 2 patterns of 16 are as extreme.
    assert table.rows == (
        ("unet → se_unet", "4", "+0.110 [+0.078, +0.142]", "11.00", "3", "0.0016", "***", "5.50", "0.1250"),
    )
    assert [column.full_name for column in table.columns] == [
        "A → B", "n", f"B {MINUS} A [95% CI]", "t", "df", "p", "stars", "dz", "Wilcoxon p"
    ]  # fmt: skip
    assert not {"Holm", "B-H"} & {column.name for column in table.columns}


def test_the_claims_have_a_table_of_their_own_with_their_p_values_in_the_family():
    table = claim_table(facts())
    assert [column.full_name for column in table.columns] == [
        "A → B", "counted", "95% CI", "df", "p", "p in the family, Holm", "p in the family, B-H"
    ]  # fmt: skip
    # The variance of the mean is 0.00013125, as above, and t(0.975, 2) = 4.3027: 0.0493 to either side of 0.11.
    counted = "cases and trainings by 3 folds"
    assert table.rows == (("unet → se_unet", counted, "[+0.061, +0.159]", "2.0", "0.0107", "0.0107", "0.0107"),)
    assert "over the 1 declared comparison;" in table.caption


def test_a_declared_comparison_that_is_not_there_counts_in_the_familys_p_values():
    whole = facts(num_declared=2)
    unfinished = PairFacts(a="unet", b="another", verdict="not finished", reason="Not compared.")
    own = facts(pairs=(*whole.pairs, unfinished))
    table = claim_table(own)
    assert table.rows[0][4:] == ("0.0107", "0.0213", "0.0213")
    assert table.rows[1] == ("unet → another", "not finished", *["–"] * 5)
    assert "over the 2 declared comparisons;" in table.caption
    assert test_table(own).rows[1] == ("unet → another", "not finished", *["–"] * 7)


def test_a_comparison_without_folds_and_seeds_has_no_claim_in_the_table():
    row = adjusted([("unet", "se_unet")], [paired_comparison(scores(UNET), scores(SE_UNET))], 1)[0]
    own = facts(pairs=(PairFacts(a="unet", b="se_unet", row=row),))
    assert test_table(own).rows[0][5:7] == ("0.0016", "***")
    assert claim_table(own).rows == (("unet → se_unet", *["–"] * 6),)
    assert verdict_table(own).rows[1][7] == "higher on these trained models, no claim"


def test_seeds_are_told_one_by_one():
    spread = SeedSpread(num_seeds=2, num_cases=18, means=(0.7, 0.72), sd=0.0141, sd_ci95=(0.0063, 0.451), range=0.02)
    table = seed_table(facts(noise=("noise/baseline, seeds 0, 1", spread)))
    assert table.rows == (("noise/baseline, seeds 0, 1", "18", "0.700, 0.720", "0.014 [0.006, 0.451]", "0.020"),)
    assert seed_table(facts()) is None


@pytest.mark.parametrize(
    ("place", "verdict"),
    [
        (("se", "unet", "se_unet"), "better (p < 0.01)"),
        (("patchsize", "32x32x16", "48x48x24"), "worse (p < 0.01)"),
        (("augmentation", "3000", "3000->18000"), "not significant (p > 0.05)"),
        (("augmentation", "3000", "1000->6000"), "not stated"),
        (("sampling", "none", "brain+lesion"), "not stated"),
    ],
)
def test_the_papers_verdict_is_its_bound_and_the_way_of_its_difference(place, verdict):
    assert paper_verdict(*place).replace(NARROW, " ") == verdict


def rows_of(*differences):
    base = [0.5 + 0.01 * place for place in range(8)]
    folds = {case_id: place for place, case_id in enumerate(scores(base))}
    results = [
        paired_comparison(
            scores(base), scores([a + d for a, d in zip(base, own, strict=True)]), folds_a=folds, folds_b=folds
        )
        for own in differences
    ]
    return adjusted([("a", str(place)) for place in range(len(results))], results, len(results))


def test_our_verdict_is_taken_back_where_holm_does_so():
    # A fold a case: p is that over cases. The first has p = 0.033 by itself, and 0.066 among two.
    weak = [0.03, 0.0, 0.02, -0.01, 0.03, 0.01, 0.0, 0.02]
    none = [0.01, -0.01, 0.02, -0.02, 0.01, -0.01, 0.02, -0.02]
    first, second = rows_of(weak, none)
    assert first.comparison.claim.p == pytest.approx(first.comparison.p)
    assert 0.025 < first.comparison.p < 0.05
    assert our_verdict(first).startswith("not significant after Holm, higher on these trained models (")
    assert our_verdict(second).startswith("no evidence of a difference (")
    assert our_verdict(rows_of(weak)[0]).startswith("better (")


def test_what_cannot_be_tested_says_so_in_words():
    same, constant = rows_of([0.0] * 8, [0.05] * 8)
    assert our_verdict(same) == "not testable: identical in every case"
    assert our_verdict(constant) == "not testable: the same difference in every case"


def test_the_papers_difference_is_rounded_as_its_means_are():
    assert paper_difference("loss", "focal", "dice_ce") == 0.045
    assert paper_difference("loss", "focal", "another") is None
    assert (paper_place("sampling"), paper_place("noise")) == ("Table 3", None)


def run(arm, **tags):
    return RunFacts(
        arm=arm,
        seed=0,
        run_id="0123456789abcdef",
        replicate="rep",
        config_digest="cfg",
        tags={"hemosweep.dataset_digest": "data", "env.numpy": "2.4"} | tags,
        folds=(0, 1, 2),
        num_cases=18,
        devices=({"device": "cpu", "threads": "2"},) * 3,
        seconds=1800.0,
    )


def test_provenance_names_who_differs_and_adds_the_hours_up():
    common, runs = provenance_tables(facts(runs=(run("unet"), run("se_unet", **{"env.git_commit": "abc"}))))
    said = dict(common.rows)
    assert said["Data set digest"] == "data"
    assert said["Commit"] == "– (unet@0); abc (se_unet@0)"
    assert (said["Hours trained"], said["Trained on"], said["Packages"]) == ("1", "cpu, 2 threads", "numpy 2.4")
    assert runs.rows[0] == ("unet", "0", "01234567", "cfg", "rep", "3", "18", "0.5")
    assert hours(36.0) == "0.01"


def test_provenance_counts_the_cases_without_a_voxel_of_a_region() -> None:
    told = "hyperdense: 13 of 18 cases, whose negatives are all of lesion_border"
    common, _ = provenance_tables(facts(runs=(run("final", **{"hemosweep.empty_regions": told}),)))
    assert dict(common.rows)["Cases without a voxel of a sampling region"] == told
    common, _ = provenance_tables(facts(runs=(run("final"),)))
    assert "Cases without a voxel of a sampling region" not in dict(common.rows)
