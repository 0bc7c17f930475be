"""The rows of a report's tables, with answers by hand."""

import pandas as pd
import pytest

from hemosweep.report.document.facts import ArmFacts, PairFacts, RunFacts, SweepFacts
from hemosweep.report.document.provenance import hours, provenance_tables
from hemosweep.report.document.sweep_tables import glance_table, group_table, seed_table, test_table, verdict_table
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
    return pd.DataFrame({"case_id": [f"{place:03}" for place in range(len(dsc))], "ivh": IVH, "dsc": dsc})


def scores(dsc):
    return {f"{place:03}": value for place, value in enumerate(dsc)}


def facts(**changes):
    row = adjusted([("unet", "se_unet")], [paired_comparison(scores(UNET), scores(SE_UNET))])[0]
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
    assert second[7] == f"better (Holm{NARROW}p{NARROW}={NARROW}0.0016)"


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
    (row,) = test_table(facts()).rows
    # t = 11 with 3 degrees of freedom: p = 0.0016.
    assert row[:10] == ("unet → se_unet", "4", "+0.110 [+0.078, +0.142]", "11.00", "3", "0.0016", "***", "0.0016",
                        "0.0016", "5.50")  # fmt: skip


def test_seeds_are_told_one_by_one():
    spread = SeedSpread(num_seeds=2, num_cases=18, means=(0.7, 0.72), sd=0.0141, range=0.02)
    table = seed_table(facts(noise=("noise/baseline, seeds 0, 1", spread)))
    assert table.rows == (("noise/baseline, seeds 0, 1", "18", "0.700, 0.720", "0.014", "0.020"),)
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
    results = [
        paired_comparison(scores(base), scores([a + d for a, d in zip(base, own, strict=True)])) for own in differences
    ]
    return adjusted([("a", str(place)) for place in range(len(results))], results)


def test_our_verdict_is_taken_back_where_holm_does_so():
    # The first has p = 0.033 by itself, and 0.066 among two.
    weak = [0.03, 0.0, 0.02, -0.01, 0.03, 0.01, 0.0, 0.02]
    none = [0.01, -0.01, 0.02, -0.02, 0.01, -0.01, 0.02, -0.02]
    first, second = rows_of(weak, none)
    assert 0.025 < first.comparison.p < 0.05
    assert our_verdict(first).startswith("not significant after Holm (")
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
