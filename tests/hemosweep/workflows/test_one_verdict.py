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
from hemosweep.stats.verdict import p_text
from hemosweep.sweeps.base import profile
from hemosweep.tracking.database import database_path
from hemosweep.workflows.compare import compare
from hemosweep.workflows.compare_all import compare_all
from hemosweep.workflows.reporting.facts import gather
from hemosweep.workflows.reporting.source import ReportSource
from hemosweep.workflows.sweeping.result import summarise_study
from tests.recorded import CLEAR, FACTS, FOUR_FOLDS, FURTHER, IDS, MIDDLE, SEEDS, SMALL, Book, cases, shifted

SWEEP = find_sweep("patchsize")
A, B = SWEEP.comparisons[0]
C = SWEEP.comparisons[1][1]
ONE_SEED = {A: [SMALL], B: [MIDDLE]}
CARRIED = {A: [SMALL], B: [CLEAR]}
WHOLE = CARRIED | {C: [[round(value + step, 3) for value, step in zip(CLEAR, FURTHER, strict=True)]]}
THREE_SEEDS = {
    A: [shifted(SMALL, by) for by in SEEDS],
    B: [shifted(CLEAR, -by, 0.001 * seed) for seed, by in enumerate(SEEDS)],
}
NOISY_SEEDS = {
    A: [shifted(SMALL, by) for by in (0.0, 0.06, -0.06)],
    B: [shifted(CLEAR, by - 0.03) for by in (0.06, -0.06, 0.0)],
}
TWO_SCANS = [f"P{place // 2}" for place in range(8)]


@dataclass
class Study:
    """Finished arms of `patchsize`, as a sweep has just ended with them and as its store has them."""

    out: object
    results: list
    request: Request


@pytest.fixture
def study(migrated_database, tmp_path):
    """Writes arms into a store, both as runs and as the results of a sweep, and the runs of `noise`."""

    def write(*, arms=None, folds=None, noise=(), patients=None, facts_of_b=None, recorded=True):
        scores = arms or ONE_SEED
        out = tmp_path / "runs"
        out.mkdir()
        shutil.copyfile(migrated_database, database_path(out))
        book = Book(out)
        demo = profile("demo")
        selected = SWEEP.select(demo.config, tuple(scores))
        results = []
        for arm in selected:
            facts = FACTS | (facts_of_b if facts_of_b and arm.name == B else {})
            config = config_as_dict(arm.config)
            for seed, dsc in enumerate(scores[arm.name]):
                table = cases(dsc, folds)
                if patients is not None:
                    table["patient_id"] = patients
                name = f"patchsize/{arm.name}@{seed}"
                if recorded:
                    book.write(name, table, config=config, **facts)
                info = ReplicateInfo(
                    sweep="patchsize",
                    arm=arm.name,
                    seed=seed,
                    digest=name,
                    run_name=arm.name,
                    config=config,
                    tags=facts,
                    environment={"numpy": "2.4.6"},
                )
                results.append(
                    ReplicateResult(
                        replicate=Replicate(arm=arm, seed=seed, run_name=f"{arm.name}@{seed}", fold_runs=()),
                        run_id=book.ids.get(name),
                        cases=case_table(table.to_dict("records")),
                        seconds=1.0,
                        failures=(),
                        info=info,
                    )
                )
        for seed, by in enumerate(noise):
            book.write(f"noise/baseline@{seed}", cases(shifted(SMALL, by), folds), digest=f"noise {seed}")
        seeds = tuple(range(max(map(len, scores.values()))))
        request = Request(sweep=SWEEP, profile=demo, base=demo.config, arms=selected, seeds=seeds, data=None, out=out)
        return Study(out=out, results=results, request=request)

    return write


def on_each_road(study):
    """The rows of the three roads to a family, and the comparisons that `compare` makes of the same pairs."""
    rows = {
        "compare-all": list(compare_all(study.out, "patchsize").rows),
        "end of the sweep": list(summarise_study(study.request, study.results).family.rows),
        "report": [pair.row for pair in gather(ReportSource(study.out, None), SWEEP.declaration).pairs if pair.row],
    }
    pairs = [(row.a, row.b) for row in rows["compare-all"]]
    return rows, [compare(study.out, f"patchsize/{a}", f"patchsize/{b}").comparison for a, b in pairs]


@pytest.mark.parametrize(
    ("situation", "outcomes", "basis"),
    [
        ({"arms": CARRIED, "folds": FOUR_FOLDS}, ["better"], "folds"),
        ({"arms": {A: [CLEAR], B: [SMALL]}, "folds": FOUR_FOLDS}, ["worse"], "folds"),
        ({}, ["trained_models"], "folds"),
        ({"arms": CARRIED, "folds": [0] * 8}, ["trained_models"], None),
        ({"arms": THREE_SEEDS, "folds": FOUR_FOLDS}, ["better"], "seeds"),
        ({"arms": THREE_SEEDS, "folds": [0] * 8}, ["better"], "seeds"),
        ({"arms": THREE_SEEDS, "folds": FOUR_FOLDS, "facts_of_b": {"looks": "3, 6 and 12"}}, ["better"], "seeds"),
        ({"arms": NOISY_SEEDS, "folds": FOUR_FOLDS}, ["trained_models"], "seeds"),
        ({"noise": (0.0, 0.001, -0.001)}, ["trained_models"], "folds"),
        ({"arms": CARRIED, "folds": FOUR_FOLDS, "noise": (0.0, 0.1, -0.1)}, ["better"], "folds"),
        ({"arms": WHOLE, "folds": FOUR_FOLDS}, ["better", "no_evidence"], "folds"),
        ({"arms": CARRIED, "folds": FOUR_FOLDS, "patients": TWO_SCANS}, ["better"], "folds"),
        ({"arms": {A: [SMALL], B: [SMALL]}, "folds": FOUR_FOLDS}, ["not_testable"], None),
    ],
    ids=[
        *("one seed each in four folds", "a worse arm", "one seed each in two folds", "one seed each in one fold"),
        *(
            "seeds of both in four folds",
            "seeds of both in one fold",
            "seeds by looks",
            "seeds of both that differ more than the arms",
        ),
        *("seeds of the baseline alone", "seeds of the baseline that differ more than the arms", "the whole family"),
        *("two scans of each patient", "the same scores"),
    ],
)
def test_all_roads_come_to_one_verdict_and_one_set_of_numbers(study, situation, outcomes, basis):
    rows, compared = on_each_road(study(**situation))
    assert [comparison.outcome for comparison in compared] == outcomes
    assert {comparison.claim.basis for comparison in compared} == {basis}
    num_seeds = len(situation.get("noise", ()))
    for comparison in compared:
        assert (0 if comparison.seeds.baseline is None else comparison.seeds.baseline.num_seeds) == num_seeds
    for road, own in rows.items():
        assert [to_json(row.comparison) for row in own] == [to_json(comparison) for comparison in compared], road
        assert [row.as_json() for row in own] == [row.as_json() for row in rows["compare-all"]], road
        assert [row.outcome for row in own] == outcomes, road


@pytest.mark.parametrize(
    ("situation", "family_outcome"),
    [
        ({"arms": CARRIED, "folds": FOUR_FOLDS}, "better"),
        # p of this claim is 0.028: it holds by itself, and not as one of two.
        ({"arms": {A: [SMALL], B: [shifted(CLEAR, -0.04)]}, "folds": FOUR_FOLDS}, "trained_models"),
    ],
    ids=["a claim that holds in the family", "a claim that does not hold in the family"],
)
def test_all_roads_count_a_declared_comparison_that_is_not_finished(study, situation, family_outcome):
    rows, (compared,) = on_each_road(study(**situation))
    assert compared.outcome == "better"
    for road, (row,) in rows.items():
        assert (row.a, row.b) == (A, B), f"{road}: {C} is not trained"
        assert row.holm_p == row.bh_p == pytest.approx(2 * compared.claim.p), road
        assert row.outcome == family_outcome, road
    assert len({row.verdict for own in rows.values() for row in own}) == 1


@pytest.mark.parametrize(
    ("b", "ends"),
    [(CLEAR, "the claim holds, p "), (shifted(CLEAR, -0.04), "the claim does not hold, p = 0.0")],
)
def test_a_comparison_by_itself_says_what_its_claim_becomes_in_the_family(study, b, ends):
    out = study(arms={A: [SMALL], B: [b]}, folds=FOUR_FOLDS).out
    there_are = "patchsize declares 2 comparisons (hemosweep compare-all patchsize)"
    for one, other in ((A, B), (B, A)):
        found = compare(out, f"patchsize/{one}", f"patchsize/{other}")
        assert found.as_lines()[-1].startswith(f"{there_are}: after Holm's correction for all of them {ends}")
    (row,) = compare_all(out, "patchsize").rows
    assert found.in_family.endswith(f"{p_text(row.holm_p)}.")


def test_a_comparison_without_a_claim_or_a_family_says_nothing_of_one(study):
    assert compare(study().out, f"patchsize/{A}", f"patchsize/{B}").in_family == ""


def test_of_some_seeds_no_p_of_the_family_is_given(study):
    out = study(arms=THREE_SEEDS, folds=FOUR_FOLDS).out
    found = compare(out, f"patchsize/{A}@0", f"patchsize/{B}@0")
    assert found.comparison.outcome == "better"
    assert found.in_family.endswith(": a claim counts after a correction for all of them.")


def test_with_seeds_of_one_arm_alone_the_roads_that_know_them_agree(study):
    found = study(arms={A: THREE_SEEDS[A], B: [CLEAR]}, folds=FOUR_FOLDS)
    rows, (compared,) = on_each_road(found)
    assert (compared.claim.num_seeds_a, compared.claim.num_seeds_b, compared.claim.basis) == (3, 1, "folds")
    assert compared.outcome == "better"
    for road in ("compare-all", "report"):
        (row,) = rows[road]
        assert to_json(row.comparison) == to_json(compared), road
        assert row.holm_p == pytest.approx(2 * compared.claim.p), road
    assert rows["end of the sweep"] == [], "two seeds of this sweep are not there"


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


@pytest.mark.parametrize("patients", [TWO_SCANS, [f"P{int(case_id) // 2}" for case_id in IDS]])
def test_two_scans_of_a_patient_are_warned_of_and_tested_over_patients_by_runs_as_by_files(study, tmp_path, patients):
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
    found = study(arms=CARRIED, folds=FOUR_FOLDS, recorded=False)
    (row,) = summarise_study(found.request, found.results).family.rows
    assert (row.comparison.n, row.comparison.outcome, row.outcome) == (8, "better", "better")
    assert row.holm_p == pytest.approx(2 * row.comparison.claim.p)
