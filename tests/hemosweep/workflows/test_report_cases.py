"""The way of the cases into a report, and the groups that its results are split by."""

import math

import pandas as pd
import pytest

from hemosweep.comparison.family import compare_family
from hemosweep.data.case import Case
from hemosweep.workflows.reporting.cases import LESION_VOLUME, case_flow, groupings
from hemosweep.workflows.reporting.data_sets import DataSet
from tests.recorded import IDS, MIDDLE, SMALL, cases, in_memory

VOLUMES_ML = [3.0, 1.0, 9.0, 27.0, 8.0, 2.0, 12.5, 0.5]
PAIR = (("a", "b"),)


def table(scores, **columns):
    return cases(scores).assign(**{"reference_ml": VOLUMES_ML, "patient_id": IDS} | columns)


def facts(a, b):
    """The tables of two arms, and their comparison."""
    family = compare_family(in_memory({"s/a@0": a, "s/b@0": b}), "s", PAIR)
    return {"a": [a], "b": [b]}, family


def data_set(tmp_path, free=None, further=()):
    """A data set of the recorded cases, and further ones; those with a name in capitals have an angiography."""
    listed = [
        Case(
            case_id=case_id,
            patient_id=f"P{case_id}",
            ivh=None,
            ct_path=tmp_path,
            lesion_path=tmp_path,
            cta_path=tmp_path if case_id.isupper() else None,
        )
        for case_id in (*IDS, *further)
    ]
    return DataSet(listed, free or {}, is_phantom=False)


def steps(flow):
    return [(step.name, step.num_cases, step.num_patients, dict(step.left_out)) for step in flow]


def test_cases_that_all_arms_share_are_three_steps(tmp_path):
    assert steps(case_flow(*facts(table(SMALL), table(MIDDLE)), data_set(tmp_path))) == [
        ("in the data set", 8, 8, {}),
        ("tested by every finished arm", 8, 8, {}),
        ("compared, a and b", 8, 8, {}),
    ]


def test_every_case_that_is_left_out_is_named_with_the_reason(tmp_path):
    a = table(SMALL)
    a.loc[1, ["dsc", "reference_ml"]] = [math.nan, 0.0]
    b = table(MIDDLE).iloc[:-1]
    data = data_set(tmp_path, further=("without", "WITH"))
    assert steps(case_flow(*facts(a, b), data)) == [
        (
            "in the data set",
            10,
            10,
            {"not in these runs, without angiography": ("without",), "not in these runs": ("WITH",)},
        ),
        ("tested by a", 8, 8, {"without a DSC, as the reference has no lesion": ("002",)}),
        ("tested by b", 7, 7, {"not tested there": ("008",)}),
        ("compared, a and b", 6, 6, {"not scored in both": ("002", "008")}),
    ]


def test_patients_are_counted_where_they_are_known():
    of_two = table(SMALL, patient_id=["P1", "P1", "P2", "P2", "P3", "P3", "P4", "P4"])
    flow = case_flow(*facts(of_two, of_two), None)
    assert [step.num_patients for step in flow] == [4, 4]
    assert [step.num_patients for step in case_flow(*facts(*[table(SMALL, patient_id="n/a")] * 2), None)] == [
        None,
        None,
    ]


def test_without_a_finished_run_there_is_nothing_to_tell():
    store = in_memory({"s/c@0": cases(SMALL)})
    family = compare_family(store, "s", PAIR)
    assert case_flow({}, family, None) == groupings({}, family, None) == ()


def test_thirds_of_the_lesion_volume_have_the_differences_of_their_cases():
    (grouping,) = groupings(*facts(table(SMALL), table(MIDDLE)), None)
    assert grouping.name == LESION_VOLUME
    # 0.5, 1, 2 | 3, 8, 9 | 12.5, 27 mL, by hand.
    assert grouping.groups == {
        "smallest third, 0.5 to 2 mL": frozenset({"008", "002", "006"}),
        "middle third, 3 to 9 mL": frozenset({"001", "005", "003"}),
        "largest third, 12.5 to 27 mL": frozenset({"007", "004"}),
    }
    smallest, middle, largest = grouping.differences["a", "b"]
    assert (smallest.n, middle.n, largest.n) == (3, 3, 2)
    assert smallest.mean_diff == pytest.approx((-0.02 + 0.02 + 0.03) / 3)
    assert middle.mean_diff == pytest.approx((0.05 + 0.06 + 0.08) / 3)
    assert largest.mean_diff == pytest.approx((0.09 + 0.01) / 2)
    assert smallest.ci95[0] < smallest.mean_diff < smallest.ci95[1]


def test_fewer_than_six_lesions_of_known_volume_are_not_split():
    few = table(SMALL, reference_ml=[1.0, 2.0, 3.0, 4.0, 5.0, 0.0, math.nan, 0.0])
    assert groupings(*facts(few, few), None) == ()


def test_a_free_column_splits_the_cases_where_they_share_its_values(tmp_path):
    free = {
        case_id: {
            "centre": "north" if place < 5 else "south",
            "scanner": "one",
            "age": str(40 + place),
            "lesion_type": "lobar" if place % 2 else "n/a",
        }
        for place, case_id in enumerate(IDS)
    }
    found = groupings(*facts(table(SMALL), table(MIDDLE)), data_set(tmp_path, free))
    assert [grouping.name for grouping in found] == [LESION_VOLUME, "centre"], (
        "one value, ages and one type split nothing"
    )
    assert found[1].groups == {"north": frozenset(IDS[:5]), "south": frozenset(IDS[5:])}
    assert found[1].differences["a", "b"][1].mean_diff == pytest.approx((0.03 + 0.09 - 0.02) / 3)


def test_of_many_values_the_rarest_are_one_group(tmp_path):
    names = [f"case {number}" for number in range(16)]
    long = in_long(names)
    centres = [*"aaaabbbccddeeffg"]
    free = {case_id: {"centre": centre} for case_id, centre in zip(names, centres, strict=True)}
    listed = DataSet([case_named(name, tmp_path) for name in names], free, is_phantom=False)
    (_, grouping) = groupings({"a": [long]}, compare_family(in_memory({"s/a@0": long}), "s", PAIR), listed)
    assert list(grouping.groups) == ["a", "b", "c", "d", "others"]
    assert len(grouping.groups["others"]) == 5


def in_long(names):
    twice = table(SMALL)
    return pd.concat([twice, twice], ignore_index=True).assign(case_id=names, patient_id=names)


def case_named(name, folder):
    return Case(case_id=name, patient_id=name, ivh=None, ct_path=folder, lesion_path=folder)
