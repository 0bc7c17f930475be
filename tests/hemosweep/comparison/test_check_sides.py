"""Comparability of two sides: reasons that forbid a comparison, and warnings beside it."""

import json
from dataclasses import replace

import pytest

from hemosweep.comparison.check_sides import check_sides
from hemosweep.comparison.compare import compare
from hemosweep.comparison.sides import read_sides
from tests.recorded import MIDDLE, SMALL, cases, in_memory


def checked(a, b, **facts_of_b):
    store = in_memory({"s/a@0": a, "s/b@0": (b, facts_of_b)})
    return check_sides(*read_sides(store, ("s/a", "s/b"), "dsc", ()))


def test_runs_that_were_made_alike_have_neither_reasons_nor_warnings():
    check = checked(cases(SMALL), cases(MIDDLE))
    assert (check.reasons, check.warnings) == ((), ())


def test_every_reason_is_named():
    check = checked(cases(SMALL), cases(MIDDLE), dataset_digest="x", folds_digest="x", metric_digests="x")
    assert len(check.reasons) == 3


@pytest.mark.parametrize("fact", ["source_digest", "device_kind"])
def test_other_code_and_another_kind_of_device_are_warnings(fact):
    check = checked(cases(SMALL), cases(MIDDLE), **{fact: "another"})
    assert check.reasons == ()
    assert len(check.warnings) == 1


def test_cases_that_were_tested_in_other_folds_are_named_ten_at_most():
    check = checked(cases(SMALL), cases(MIDDLE, folds=[0, 1, 0, 1, 0, 1, 1, 0]))
    (reason,) = check.reasons
    assert reason.startswith("case folds differ: 007 (A: 0, B: 1), 008 (A: 1, B: 0)")


@pytest.mark.parametrize(("at_most", "rest"), [(1, ", and 1 more; "), (2, "; "), (0, "and 2 more; ")])
def test_of_many_cases_in_other_folds_the_first_are_named_and_the_others_counted(monkeypatch, at_most, rest):
    monkeypatch.setattr("hemosweep.comparison.check_sides.MAX_NAMED_CASES", at_most)
    (reason,) = checked(cases(SMALL), cases(MIDDLE, folds=[0, 1, 0, 1, 0, 1, 1, 0])).reasons
    named = ["007 (A: 0, B: 1)", "008 (A: 1, B: 0)"][:at_most]
    assert reason == f"case folds differ: {', '.join(named)}{rest}run both arms with the same stored folds"


def test_seeds_of_one_arm_that_were_not_trained_alike_are_a_warning():
    tables = {f"s/{arm}@{seed}": cases(SMALL) for arm in "ab" for seed in (0, 1)}
    store = in_memory(tables | {"s/b@0": (cases(MIDDLE), {"device_kind": "cuda"})})
    check = check_sides(*read_sides(store, ("s/a", "s/b"), "dsc", ()))
    assert check.reasons == ()
    (warning,) = check.warnings
    assert warning.startswith("not all seeds of B were trained alike: ")
    (warning,) = check_sides(*read_sides(store, ("s/b", "s/a"), "dsc", ())).warnings
    assert warning.startswith("not all seeds of A were trained alike: ")


def test_other_cases_of_the_same_folds_are_a_warning():
    check = checked(cases(SMALL), cases(MIDDLE).iloc[:5])
    assert check.reasons == ()
    (warning,) = check.warnings
    assert warning.startswith("A was tested on 8 cases and B on 5")


def test_a_file_beside_a_run_is_not_checked_and_that_is_told(tmp_path):
    path = tmp_path / "scores.csv"
    cases(MIDDLE).to_csv(path, index=False)
    store = in_memory({"s/a@0": cases(SMALL)})
    beside_a_run = check_sides(*read_sides(store, ("s/a", str(path)), "dsc", ()))
    assert any("does not say which data" in warning for warning in beside_a_run.warnings)
    beside_a_file = check_sides(*read_sides(store, (str(path), str(path)), "dsc", ()))
    assert (beside_a_file.reasons, beside_a_file.warnings) == ((), ())


def digests(**changed):
    return json.dumps({"dsc": "dsc now", "nsd": "nsd now"} | changed)


@pytest.mark.parametrize(("metric", "refused"), [("dsc", False), ("nsd", True)])
def test_only_the_digest_of_the_metric_that_is_asked_for_counts(metric, refused):
    store = in_memory(
        {
            "s/a@0": (cases(SMALL), {"metric_digests": digests()}),
            "s/b@0": (cases(MIDDLE), {"metric_digests": digests(nsd="nsd mended")}),
        }
    )
    check = check_sides(*read_sides(store, ("s/a", "s/b"), metric, ()), metric)
    assert bool(check.reasons) is refused
    if refused:
        (reason,) = check.reasons
        assert reason.startswith("metric digest differs (A: nsd now, B: nsd mended); ")
        assert "hemosweep score" in reason


def test_runs_of_one_earlier_metric_version_are_compared_and_not_with_newer_ones():
    earlier = {"metric_digests": "", "metric_version": "2"}
    store = in_memory(
        {
            "s/a@0": (cases(SMALL), earlier),
            "s/b@0": (cases(MIDDLE), earlier),
            "s/c@0": (cases(MIDDLE), {"metric_digests": digests()}),
        }
    )
    assert check_sides(*read_sides(store, ("s/a", "s/b"), "dsc", ())).reasons == ()
    (reason,) = check_sides(*read_sides(store, ("s/a", "s/c"), "dsc", ())).reasons
    assert reason.startswith("metric digest differs (A: version 2, B: dsc now); ")


def test_seeds_of_an_arm_stand_together_where_the_metric_that_is_asked_for_is_the_same():
    tables = {f"s/{arm}@{seed}": cases(SMALL) for arm in "ab" for seed in (0, 1)}
    tables["s/b@1"] = (cases(MIDDLE), {"metric_digests": digests(nsd="nsd mended")})
    tables |= {name: (table, {"metric_digests": digests()}) for name, table in tables.items() if name != "s/b@1"}
    store = in_memory(tables)
    _, b = read_sides(store, ("s/a", "s/b"), "dsc", ())
    assert len(b.runs) == 2


def test_a_metric_of_a_lab_is_described_by_the_run():
    described = {"froc": {"label": "FROC", "higher_is_better": False, "lowest": 0.0}}
    table = cases(SMALL).assign(froc=1.0)
    store = in_memory({"s/a@0": table}, metric_descriptions=json.dumps(described))
    compared = compare(store, "s/a", "s/a", metric="froc")
    assert (compared.comparison.metric.label, compared.comparison.metric.lowest) == ("FROC", 0.0)


def test_sides_that_different_programs_scored_are_a_warning_that_names_both(tmp_path):
    scored = [{"prediction_file": f"{case_id}.nii.gz", "metrics": {"1": {"Dice": 0.5}}} for case_id in ("001", "002")]
    of_nnunet, of_mist, of_none = tmp_path / "summary.json", tmp_path / "results.csv", tmp_path / "scores.csv"
    of_nnunet.write_text(json.dumps({"metric_per_case": scored}))
    of_mist.write_text("id,tumor_dice\n001,0.5\n002,0.6\n")
    of_none.write_text("case_id,dsc\n001,0.5\n002,0.6\n")
    store = in_memory({"s/a@0": cases(SMALL)})

    def programs(a, b):
        check = check_sides(*read_sides(store, (str(a), str(b)), "dsc", ()))
        return [warning.partition(":")[0] for warning in check.warnings if " was scored by " in warning]

    assert programs(of_nnunet, of_mist) == ["A was scored by nnU-Net and B by MIST"]
    assert programs(of_mist, of_nnunet) == ["A was scored by MIST and B by nnU-Net"]
    assert programs("s/a", of_nnunet) == ["A was scored by hemosweep and B by nnU-Net"]
    assert programs(of_nnunet, of_nnunet) == programs(of_none, of_mist) == programs(of_mist, of_none) == []


def test_the_file_that_does_not_say_where_it_is_from_is_the_one_that_is_named(tmp_path):
    path = tmp_path / "scores.csv"
    cases(MIDDLE).to_csv(path, index=False)
    store = in_memory({"s/a@0": cases(SMALL)})
    for references in (("s/a", str(path)), (str(path), "s/a")):
        (warning,) = check_sides(*read_sides(store, references, "dsc", ())).warnings
        assert warning.startswith(f"{path} does not say which data")


def test_a_fact_that_a_run_did_not_record_is_named_with_its_run():
    check = checked(cases(SMALL), cases(MIDDLE), checkpoint_rule="")
    (reason,) = check.reasons
    assert reason.startswith("checkpoint rule differs (A: best validation loss, B: not recorded for 00000000)")


@pytest.mark.parametrize(("version_a", "shown"), [("1.9", "1.9"), (None, "not installed")])
def test_another_version_of_a_package_is_a_warning_and_one_that_is_not_recorded_too(version_a, shown):
    store = in_memory({"s/a@0": cases(SMALL), "s/b@0": cases(MIDDLE)})
    versions = {"a": version_a, "b": "2.0"}
    runs = tuple(
        replace(run, tags=run.tags | ({"env.torch": versions[run.arm]} if versions[run.arm] else {}))
        for run in store.runs
    )
    check = check_sides(*read_sides(replace(store, runs=runs), ("s/a", "s/b"), "dsc", ()))
    assert check.warnings == (f"torch differs (A: {shown}, B: 2.0); use one environment to rule it out",)


def test_the_facts_of_an_arm_are_those_of_its_newest_run():
    tables = {f"s/{arm}@{seed}": cases(SMALL) for arm in "ab" for seed in (0, 1)}
    tables["s/b@1"] = (cases(MIDDLE), {"device_kind": "cuda"})
    check = check_sides(*read_sides(in_memory(tables), ("s/a", "s/b"), "dsc", ()))
    other, alike = check.warnings
    assert other.startswith("device kind differs (A: cpu, B: cuda)")
    assert alike == "not all seeds of B were trained alike: device kind differ"


EXTERNAL = {
    "external": "true",
    "tool": "nnU-Net",
    "tool_version": "2",
    "checkpoint_rule": "its own",
    "source_digest": "",
}


def test_the_seeds_of_an_external_arm_are_not_said_to_differ():
    store = in_memory({"s/a@0": cases(SMALL), **{f"s/b@{seed}": (cases(MIDDLE), EXTERNAL) for seed in range(2)}})
    check = check_sides(*read_sides(store, ("s/a", "s/b"), "dsc", ()))
    assert check.reasons == ()
    (warning,) = check.warnings
    assert warning.startswith("B was trained by nnU-Net 2, ")


def test_the_seed_noise_is_that_of_the_side_that_is_not_external():
    tables = {"s/b@0": (cases(MIDDLE), EXTERNAL), "s/a@0": cases(SMALL)}
    tables |= {f"noise/baseline@{seed}": cases(SMALL) for seed in range(2)}
    compared = compare(in_memory(tables), "s/b", "s/a")
    assert [run.full_name for run in compared.baseline.runs] == ["noise/baseline@0", "noise/baseline@1"]
