import json
import math
import shutil
import sqlite3
from collections import OrderedDict
from dataclasses import asdict, replace
from html import escape

import pytest
from mlflow.tracking._tracking_service import utils

from hemosweep.ablation.catalogue import known_sweeps
from hemosweep.ablation.declaration import Declaration
from hemosweep.comparison.family import compare_family
from hemosweep.tracking import schema, views
from hemosweep.tracking.database import database_path
from hemosweep.tracking.notes import arm_note
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.references import declared_there
from hemosweep.tracking.store import ensure_experiment, open_store
from hemosweep.tracking.verdicts import VerdictRecorder
from hemosweep.workflows.declared import find_declared, recorded_declarations
from tests.recorded import CLEAR, FOUR_FOLDS, SEEDS, SMALL, Book, cases, shifted

DECLARED = Declaration(
    name="gate",
    question="Is it clear?",
    arms=("steady", "clear", "late"),
    baseline="steady",
    comparisons=(("steady", "clear"), ("clear", "late")),
)


@pytest.fixture(scope="module")
def trained(migrated_database, tmp_path_factory):
    """Two arms with three seeds each; the third arm is not trained."""
    out = tmp_path_factory.mktemp("trained") / "runs"
    out.mkdir()
    shutil.copyfile(migrated_database, database_path(out))
    book = Book(out)
    for seed, by in enumerate(SEEDS):
        book.write(f"gate/steady@{seed}", cases(shifted(SMALL, by), FOUR_FOLDS))
        book.write(f"gate/clear@{seed}", cases(shifted(CLEAR, -by, 0.001 * seed), FOUR_FOLDS))
    return out


@pytest.fixture(scope="module")
def recorded(trained, tmp_path_factory):
    """The same, and their comparison."""
    out = shutil.copytree(trained, tmp_path_factory.mktemp("recorded") / "runs")
    return out, record(out)


@pytest.fixture
def empty(migrated_database, tmp_path):
    """An output folder without runs."""
    out = tmp_path / "runs"
    out.mkdir()
    shutil.copyfile(migrated_database, database_path(out))
    return out


@pytest.fixture
def out(trained, tmp_path, monkeypatch):
    """The two arms, to be changed."""
    # As in another process: MLflow remembers where the artifacts of a run are.
    monkeypatch.setattr(utils, "_artifact_repos_cache", OrderedDict())
    return shutil.copytree(trained, tmp_path / "runs")


def record(out, declared=DECLARED):
    family = compare_family(MlflowStore(out), declared.name, declared.comparisons)
    VerdictRecorder(out).record(family, declared)
    return family


def standing(out, arm):
    """The run that stands for an arm."""
    client = open_store(out).client
    experiment = client.get_experiment_by_name("hemosweep/gate")
    query = f"tags.`{schema.TAG_ROW}` = 'arm' AND tags.`{schema.TAG_ARM}` = '{arm}'"
    (run,) = client.search_runs([experiment.experiment_id], query)
    return run


def note(out):
    return open_store(out).client.get_experiment_by_name("hemosweep/gate").tags[schema.TAG_NOTE]


def test_the_run_of_an_arm_has_the_numbers_that_the_end_of_the_sweep_prints(recorded):
    out, family = recorded
    (row,) = family.rows
    run = standing(out, "clear")
    low, high = row.comparison.ci95
    claim_low, claim_high = row.comparison.claim.ci95
    assert {name: run.data.metrics[name] for name in schema.VERDICT_METRICS} == {
        "diff_vs_baseline": round(row.comparison.mean_diff, 3),
        "diff_low": round(low, 3),
        "diff_high": round(high, 3),
        "claim_low": round(claim_low, 3),
        "claim_high": round(claim_high, 3),
        "claim_p_holm": float(f"{row.holm_p:.2g}"),
    }
    assert {name: run.data.tags[name] for name in schema.VERDICT_TAGS} == {
        schema.TAG_BASELINE: "steady",
        schema.TAG_VERDICT: "better than steady",
        schema.TAG_COMPARED_BY: "dsc",
    }


def test_another_store_tells_what_a_labs_own_sweep_has_declared(recorded):
    out, _ = recorded
    address = f"mlflow:sqlite:///{database_path(out)}/hemosweep/gate"
    assert declared_there(address) == {"gate": DECLARED}
    assert find_declared(out.parent / "elsewhere", "gate", named=address) == DECLARED


def test_what_another_store_has_declared_counts_there_before_the_sweep_of_this_name_here(empty):
    theirs = replace(DECLARED, name="patchsize")
    experiment = ensure_experiment(open_store(empty), "patchsize").experiment_id
    open_store(empty).client.set_experiment_tag(experiment, schema.TAG_DECLARATION, json.dumps(asdict(theirs)))
    address, elsewhere = f"mlflow:sqlite:///{database_path(empty)}", empty.parent / "elsewhere"
    assert find_declared(elsewhere, "patchsize", named=f"{address}/hemosweep/patchsize") == theirs
    assert recorded_declarations(elsewhere, address) == {"patchsize": theirs}
    for here in (find_declared(elsewhere, "patchsize"), find_declared(elsewhere, "loss", named=address)):
        assert here == known_sweeps()[here.name].sweep.declaration


def test_the_baseline_is_called_so_and_has_no_difference(recorded):
    out, _ = recorded
    run = standing(out, "steady")
    assert run.data.tags[schema.TAG_VERDICT] == "baseline"
    assert not set(schema.VERDICT_METRICS) & set(run.data.metrics)
    assert schema.TAG_BASELINE not in run.data.tags


def test_values_that_do_not_exist_are_left_out(empty):
    out, book = empty, Book(empty)
    for arm in ("steady", "clear"):  # The same in every case: there is no test and no p.
        book.write(f"gate/{arm}@0", cases(SMALL, FOUR_FOLDS))
    record(out)
    run = standing(out, "clear")
    assert run.data.metrics["diff_vs_baseline"] == 0.0
    assert "claim_p_holm" not in run.data.metrics
    assert run.data.tags[schema.TAG_VERDICT] == "not testable against steady"
    assert all(map(math.isfinite, run.data.metrics.values()))


def test_recorded_again_when_the_sweep_went_on_it_replaces_the_verdict_and_nothing_is_doubled(out):
    record(out)
    assert standing(out, "clear").data.tags[schema.TAG_VERDICT] == "better than steady"
    book = Book(out)
    for seed, by in enumerate(SEEDS):
        book.write(f"gate/late@{seed}", cases(shifted(CLEAR, by, 0.01), FOUR_FOLDS))
    family = record(out)
    before = rows(out)
    VerdictRecorder(out).record(family, DECLARED)
    assert rows(out) == before
    late = standing(out, "late").data
    assert (late.tags[schema.TAG_BASELINE], late.tags[schema.TAG_VERDICT]) == (
        "clear",
        "no evidence of a difference from clear",
    )
    assert late.metrics["claim_p_holm"] == float(f"{family.rows[1].holm_p:.2g}")
    assert "late **no evidence of a difference from clear**" in note(out)


def test_the_verdict_of_an_only_seed_moves_to_the_group_that_a_second_one_makes(empty):
    out, book = empty, Book(empty)
    for arm, scores in (("steady", SMALL), ("clear", CLEAR)):
        info_name = f"gate/{arm}@0"
        book.write(info_name, cases(scores, FOUR_FOLDS))
    client = open_store(out).client
    only = book.ids["gate/clear@0"]
    for run_id in book.ids.values():  # As of a sweep with one seed.
        group = client.get_run(run_id).data.tags[schema.TAG_PARENT]
        client.delete_run(group)
        client.delete_tag(run_id, schema.TAG_PARENT)
    record(out)
    assert "diff_vs_baseline" in client.get_run(only).data.metrics
    for arm, scores in (("steady", SMALL), ("clear", CLEAR)):
        for seed in (0, 1):
            book.write(f"gate/{arm}@{seed}", cases(shifted(scores, 0.001 * seed), FOUR_FOLDS))
    record(out)
    seed = client.get_run(only)
    assert not set(schema.VERDICT_METRICS) & set(seed.data.metrics)
    assert not set(schema.VERDICT_TAGS) & set(seed.data.tags)
    assert client.get_metric_history(only, "diff_vs_baseline") == []
    assert seed.data.tags[schema.TAG_NOTE].startswith("Arm **clear** of ablation **gate**, seed 0.\n")
    group = standing(out, "clear")
    assert (group.info.run_id, "diff_vs_baseline" in group.data.metrics) == (seed.data.tags[schema.TAG_PARENT], True)


def test_the_verdict_leaves_the_run_that_a_newer_one_of_its_arm_replaces(empty):
    out, book = empty, Book(empty)
    client = open_store(out).client
    earlier = {}
    for data in ("old", "new"):
        for arm, scores in (("steady", SMALL), ("clear", CLEAR)):
            name = f"gate/{arm}@0"
            book.write(name, cases(scores, FOUR_FOLDS), digest=f"{name} {data}", dataset_digest=data)
            group = client.get_run(book.ids[name]).data.tags[schema.TAG_PARENT]
            if arm == "steady":  # As of a sweep with one seed.
                client.delete_run(group)
                client.delete_tag(book.ids[name], schema.TAG_PARENT)
            if data == "old":
                earlier[arm] = book.ids[name] if arm == "steady" else group
        record(out)
    assert {standing(out, arm).info.run_id for arm in earlier}.isdisjoint(earlier.values())
    for arm, place in (("steady", "seed 0"), ("clear", "over its seeds")):
        run = client.get_run(earlier[arm])
        assert not set(schema.VERDICT_METRICS) & set(run.data.metrics)
        assert not set(schema.VERDICT_TAGS) & set(run.data.tags)
        assert run.data.tags[schema.TAG_ROW] == schema.ROW_EARLIER
        note = run.data.tags[schema.TAG_NOTE]
        assert note.startswith(f"Arm **{arm}** of ablation **gate**, {place}: an earlier run. [Another one](#/")
        assert standing(out, arm).info.run_id in note
    before = rows(out)
    record(out)
    assert rows(out) == before


def test_the_descriptions_have_question_table_verdicts_and_links(recorded):
    out, family = recorded
    experiment = note(out)
    first = experiment.splitlines()[0]
    assert first.startswith("Ablation **gate**: Is it clear? clear **better than steady**; late **open: late not fin")
    assert f"|\xa0{family.rows[0].comparison.n}\xa0|" in experiment.replace(" ", "")
    assert f"steady → clear: {escape(family.rows[0].verdict)}" in experiment
    ids = [standing(out, arm).info.run_id for arm in ("steady", "clear")]
    assert views.compare_page(standing(out, "clear").info.experiment_id, ids) in experiment
    arm = standing(out, "clear").data.tags[schema.TAG_NOTE]
    assert arm.splitlines()[0] == "Arm **clear** of ablation **gate**, over its seeds: **better than steady**."
    assert all(run_id in arm for run_id in ids)


def test_the_verdict_stays_on_the_page_while_the_sweep_goes_on(out):
    record(out)
    before = note(out)
    Book(out).write("gate/clear@3", cases(CLEAR, FOUR_FOLDS))
    assert note(out) == before


def test_the_forest_plot_and_every_number_are_artifacts_of_the_baseline(out, tmp_path):
    picture = tmp_path / "drawn.png"
    picture.write_bytes(b"png")
    family = compare_family(MlflowStore(out), "gate", DECLARED.comparisons)
    VerdictRecorder(out).record(replace(family, forest=picture), DECLARED)
    folder = out / "artifacts" / "gate" / standing(out, "steady").info.run_id / "artifacts"
    assert (folder / schema.ARTIFACT_FOREST).read_bytes() == b"png"
    written = json.loads((folder / schema.ARTIFACT_COMPARISONS).read_text())
    assert written["comparisons"][0]["family_outcome"] == "better"
    assert str(tmp_path) not in (folder / schema.ARTIFACT_COMPARISONS).read_text()
    assert f"{standing(out, 'steady').info.run_id}/artifacts/figures/forest.png" in note(out)


def test_an_arm_whose_compared_runs_are_not_in_the_store_gets_no_verdict(out):
    family = compare_family(MlflowStore(out), "gate", DECLARED.comparisons)
    client = open_store(out).client
    for run in MlflowStore(out).list_runs():
        if run.arm == "clear":
            client.delete_run(run.run_id)
    VerdictRecorder(out).record(family, DECLARED)
    assert "clear" in note(out)
    groups = client.search_runs(
        [client.get_experiment_by_name("hemosweep/gate").experiment_id], f"tags.`{schema.TAG_ARM}` = 'clear'"
    )
    assert all(schema.TAG_VERDICT not in run.data.tags for run in groups)


def test_a_description_of_many_comparisons_ends_after_a_line_within_mlflows_limit(recorded):
    _, family = recorded
    (pair,) = [pair for pair in family.pairs if pair.a == "steady"]
    many = replace(family, pairs=(pair,) * 200)
    text = arm_note(many, "steady", "seed 0", experiment_id="7", runs={}, is_group=False)
    *_, last, empty, rest = text.split("\n")
    assert 7000 < len(text) <= 8000
    assert (last[0], last[-1], empty) == ("|", "|", "")
    assert rest == "The rest is in `comparisons.json`, among the artifacts of the baseline's run."


def rows(out):
    with sqlite3.connect(database_path(out)) as database:
        tables = ("runs", "metrics", "latest_metrics", "tags", "experiment_tags")
        return {table: sorted(database.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}
