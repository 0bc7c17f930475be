"""One pair of arms on each of the four roads to a verdict: `compare`, `compare-all`, the end of a sweep, the report."""

import shutil
from dataclasses import dataclass

import pytest

from hemosweep.ablation.catalogue import find_sweep
from hemosweep.config import config_as_dict
from hemosweep.engine.plan import Replicate
from hemosweep.engine.request import Request
from hemosweep.engine.results import ReplicateResult
from hemosweep.engine.tracker import ReplicateInfo
from hemosweep.errors import NotComparable
from hemosweep.scores.table import case_table
from hemosweep.stats.paired import to_json
from hemosweep.sweeps.base import profile
from hemosweep.tracking.database import database_path
from hemosweep.workflows.compare import compare
from hemosweep.workflows.compare_all import compare_all
from hemosweep.workflows.reporting.facts import ReportSource, gather
from hemosweep.workflows.sweeping.result import summarise_study
from tests.recorded import FACTS, IDS, MIDDLE, SMALL, Book, cases, shifted

SWEEP = find_sweep("patchsize")
A, B = SWEEP.comparisons[0]


@dataclass
class Study:
    """Two finished arms of `patchsize`, as a sweep has just ended with them and as its store has them."""

    out: object
    results: list
    request: Request
    noise: list


@pytest.fixture
def study(migrated_database, tmp_path):
    """Writes two arms into a store, both as runs and as the results of a sweep, and the runs of `noise`."""

    def write(*, noise=(), patients=None, facts_of_b=None, recorded=True):
        out = tmp_path / "runs"
        out.mkdir()
        shutil.copyfile(migrated_database, database_path(out))
        book = Book(out)
        demo = profile("demo")
        arms = SWEEP.select(demo.config, (A, B))
        results = []
        for arm, scores in zip(arms, (SMALL, MIDDLE), strict=True):
            facts = FACTS | (facts_of_b if facts_of_b and arm.name == B else {})
            table = cases(scores)
            if patients is not None:
                table["patient_id"] = patients
            config = config_as_dict(arm.config)
            if recorded:
                book.write(f"patchsize/{arm.name}@0", table, config=config, **facts)
            info = ReplicateInfo(
                sweep="patchsize",
                arm=arm.name,
                seed=0,
                digest=f"patchsize/{arm.name}@0",
                run_name=arm.name,
                config=config,
                tags=facts,
                environment={"numpy": "2.4.6"},
            )
            results.append(
                ReplicateResult(
                    replicate=Replicate(arm=arm, seed=0, run_name=arm.name, fold_runs=()),
                    run_id=book.ids.get(f"patchsize/{arm.name}@0"),
                    cases=case_table(table.to_dict("records")),
                    seconds=1.0,
                    failures=(),
                    info=info,
                )
            )
        for seed, by in enumerate(noise):
            book.write(f"noise/baseline@{seed}", cases(shifted(SMALL, by)), digest=f"noise {seed}")
        request = Request(sweep=SWEEP, profile=demo, base=demo.config, arms=arms, seeds=(0,), data=None, out=out)
        return Study(out=out, results=results, request=request, noise=list(noise))

    return write


def on_each_road(study):
    """The comparison's JSON by road, and the family's verdict where the road has one."""
    family = compare_all(study.out, "patchsize")
    ended = summarise_study(study.request, study.results)
    (pair, *_) = gather(ReportSource(study.out, None), SWEEP.declaration).pairs
    numbers = {
        "compare": to_json(compare(study.out, f"patchsize/{A}", f"patchsize/{B}").comparison),
        "compare-all": to_json(family.rows[0].comparison),
        "end of the sweep": to_json(ended.family.rows[0].comparison),
        "report": to_json(pair.row.comparison),
    }
    verdicts = {"compare-all": family.rows[0], "end of the sweep": ended.family.rows[0], "report": pair.row}
    return numbers, {road: (row.verdict, row.holm_p, row.bh_p) for road, row in verdicts.items()}


@pytest.mark.parametrize(
    ("situation", "outcome"),
    [
        ({}, "better"),
        ({"noise": (0.0, 0.1, -0.1)}, "within_seed_noise"),
        ({"noise": (0.0, 0.001, -0.001)}, "better"),
        ({"patients": [f"P{int(case_id) // 2}" for case_id in IDS]}, "better"),
    ],
    ids=["without noise runs", "with noise runs", "with noise runs of little noise", "two scans of some patients"],
)
def test_all_roads_come_to_one_verdict_and_one_set_of_numbers(study, situation, outcome):
    numbers, verdicts = on_each_road(study(**situation))
    assert numbers["compare"]["outcome"] == outcome
    for road, values in numbers.items():
        assert values == numbers["compare"], road
    assert len(set(verdicts.values())) == 1, verdicts


def test_all_roads_refuse_what_is_not_comparable_for_the_same_reason(study):
    found = study(facts_of_b={"dataset_digest": "another"})
    with pytest.raises(NotComparable) as by_compare:
        compare(found.out, f"patchsize/{A}", f"patchsize/{B}")
    with pytest.raises(NotComparable) as by_compare_all:
        compare_all(found.out, "patchsize")
    ended = summarise_study(found.request, found.results)
    (pair, *_) = gather(ReportSource(found.out, None), SWEEP.declaration).pairs
    reason = str(by_compare.value)
    assert str(by_compare_all.value) == f"{A} to {B}: {reason}"
    assert ended.family.refused == (f"{A} to {B}: {reason}",)
    assert (pair.verdict, pair.reason.lower()) == ("not comparable", f"{reason}.".lower())


def test_two_scans_of_a_patient_are_warned_of_and_tested_over_patients_by_runs_as_by_files(study, tmp_path):
    patients = [f"P{int(case_id) // 2}" for case_id in IDS]
    found = study(patients=patients)
    by_runs = compare(found.out, f"patchsize/{A}", f"patchsize/{B}")
    files = []
    for name, scores in (("a.csv", SMALL), ("b.csv", MIDDLE)):
        table = cases(scores)
        table["patient_id"] = patients
        table.to_csv(tmp_path / name, index=False)
        files.append(str(tmp_path / name))
    by_files = compare(found.out, *files)
    assert by_runs.comparison.patients is not None
    assert to_json(by_runs.comparison) == to_json(by_files.comparison)
    assert any("cases of one patient count as independent pairs" in warning for warning in by_runs.all_warnings)


def test_a_sweep_that_could_not_be_recorded_is_compared_all_the_same(study):
    found = study(recorded=False)
    (row,) = summarise_study(found.request, found.results).family.rows
    assert (row.comparison.n, row.comparison.outcome) == (8, "better")
