"""The tables of a sweep's cases: what is left out, and results by group."""

from dataclasses import replace

import pandas as pd

from hemosweep.report.document.case_tables import flow_table, group_tables
from hemosweep.report.document.facts import ArmFacts, FlowStep, Grouping, SweepFacts
from hemosweep.report.terminal.table import MINUS
from hemosweep.stats.groups import GroupDifference

DSC = {"s1": 0.5, "s2": 0.7, "s3": 0.9, "s4": float("nan")}
EMPTY = SweepFacts(name="se", question="?", arms=(), pairs=(), runs=())


def difference(n, mean, ci95):
    return GroupDifference(name="", n=n, mean_a=None, mean_b=None, mean_diff=mean, sd_diff=None, ci95=ci95)


def test_a_step_names_its_cases_the_first_ten_and_counts_the_others():
    ids = tuple(f"s{number:02}" for number in range(12))
    steps = (
        FlowStep(name="in the data set", num_cases=14, num_patients=None, left_out={"not in these runs": ids}),
        FlowStep(name="tested", num_cases=2, num_patients=1, left_out={}),
    )
    table = flow_table(replace(EMPTY, flow=steps))
    assert table.rows[0][1:3] == ("14", "–")
    assert table.rows[0][3] == f"12 not in these runs: {', '.join(ids[:10])} and 2 more"
    assert table.rows[1] == ("tested", "2", "1", "none")


def test_without_steps_or_groups_there_is_no_table():
    assert flow_table(EMPTY) is None
    assert group_tables(EMPTY) == ()


def test_a_group_has_the_mean_of_each_arm_and_an_interval_from_three_cases_on():
    cases = pd.DataFrame({"case_id": list(DSC), "score": list(DSC.values()), "ivh": "n/a"})
    grouping = Grouping(
        name="centre",
        groups={"north": frozenset({"s1", "s2"}), "south": frozenset({"s3"}), "west": frozenset({"s4"})},
        differences={
            ("a", "b"): (
                difference(2, 0.1, (-0.9, 1.1)),
                difference(3, -0.05, (-0.06, -0.04)),
                difference(0, None, None),
            )
        },
    )
    (table,) = group_tables(
        replace(EMPTY, arms=(ArmFacts(name="a", cases=cases), ArmFacts(name="b")), groupings=(grouping,))
    )
    assert [column.full_name for column in table.columns] == [
        "Group",
        "n",
        "DSC, mean ± sd, a",
        f"Difference in DSC [95% CI], b {MINUS} a",
    ]
    assert table.rows == (
        ("north", "2", "0.600 ± 0.141", "+0.100"),
        ("south", "1", "0.900", f"{MINUS}0.050 [{MINUS}0.060, {MINUS}0.040]"),
        ("west", "1", "–", "–"),
    )
