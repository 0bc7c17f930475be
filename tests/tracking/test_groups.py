import sqlite3

import pytest

from hemosweep.runs import find_replicates
from hemosweep.tracking import schema
from hemosweep.tracking.database import database_path
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.store import search_runs


@pytest.fixture
def recorder(out):
    return Recorder(out)


def level(recorder, run_id, name):
    experiment = recorder._client.get_run(run_id).info.experiment_id
    return search_runs(recorder._store, [experiment], f"tags.`{schema.TAG_LEVEL}` = '{name}'")


def finish(recorder, info, cases, by=0.0, status="FINISHED"):
    run_id = recorder.begin_replicate(info)
    recorder.finish_replicate(run_id, cases=cases.assign(dsc=cases["dsc"] + by), figures={}, status=status)
    return run_id


def seed_of(replicate, seed, **changes):
    return replicate(seed=seed, run_name=f"dice@{seed}", **changes)


def test_the_seeds_of_an_arm_lie_below_its_group_with_mean_and_sd(recorder, replicate, cases):
    seeds = [finish(recorder, seed_of(replicate, seed), cases, by) for seed, by in enumerate((0.0, 0.02, 0.01))]
    (group,) = level(recorder, seeds[0], schema.LEVEL_GROUP)
    runs = [recorder._client.get_run(run_id) for run_id in seeds]
    assert {run.data.tags[schema.TAG_PARENT] for run in runs} == {group.info.run_id}
    assert {run.data.tags[schema.TAG_ROW] for run in runs} == {schema.ROW_SEED}
    assert (group.info.run_name, group.info.status, group.data.tags[schema.TAG_ROW]) == ("dice", "FINISHED", "arm")
    metrics = group.data.metrics
    assert metrics["dsc_mean"] == pytest.approx(0.51)
    assert (metrics["dsc"], metrics["dsc_seed_sd"], metrics["num_seeds"], metrics["num_cases"]) == (0.51, 0.01, 3, 4)
    assert group.data.params == runs[0].data.params


def test_one_seed_has_no_group_and_no_sd(recorder, replicate, cases):
    run_id = finish(recorder, replicate(), cases)
    run = recorder._client.get_run(run_id)
    assert level(recorder, run_id, schema.LEVEL_GROUP) == []
    assert (run.data.tags[schema.TAG_ROW], run.data.metrics["dsc"]) == (schema.ROW_ARM, 0.5)
    assert schema.METRIC_SEED_SD not in run.data.metrics


def test_a_seed_that_was_the_only_one_moves_below_the_group_that_a_second_one_makes(recorder, replicate, cases):
    first = finish(recorder, replicate(), cases)
    again = [finish(recorder, seed_of(replicate, seed), cases, 0.02 * seed) for seed in (0, 1)]
    assert again[0] == first
    (group,) = level(recorder, first, schema.LEVEL_GROUP)
    run = recorder._client.get_run(first)
    assert (run.info.run_name, run.data.tags[schema.TAG_PARENT]) == ("dice@0", group.info.run_id)
    assert run.data.tags[schema.TAG_ROW] == schema.ROW_SEED
    assert group.data.metrics["num_seeds"] == 2


def test_a_group_counts_its_finished_seeds_only_and_fails_with_one(recorder, replicate, cases):
    finish(recorder, seed_of(replicate, 0), cases)
    failed = finish(recorder, seed_of(replicate, 1), cases.iloc[:2], status="FAILED")
    (group,) = level(recorder, failed, schema.LEVEL_GROUP)
    assert (group.info.status, group.data.metrics["num_seeds"]) == ("FAILED", 1)
    assert schema.METRIC_SEED_SD not in group.data.metrics


def test_an_interrupted_group_is_killed_and_taken_up_again(out, recorder, replicate, cases):
    run_id = recorder.begin_replicate(seed_of(replicate, 0))
    recorder.interrupt()
    assert [run.info.status for run in level(recorder, run_id, schema.LEVEL_GROUP)] == ["KILLED"]
    again = Recorder(out)
    again.begin_replicate(seed_of(replicate, 0))
    assert [run.info.status for run in level(again, run_id, schema.LEVEL_GROUP)] == ["RUNNING"]
    finish(again, seed_of(replicate, 0), cases)
    assert [run.info.status for run in level(again, run_id, schema.LEVEL_GROUP)] == ["FINISHED"]


@pytest.mark.parametrize("changes", [{"config": {"depth": 4}}, {"tags": {"dataset_digest": "other"}}])
def test_seeds_of_another_configuration_or_data_set_have_a_group_of_their_own(recorder, replicate, cases, changes):
    finish(recorder, seed_of(replicate, 0), cases)
    other = finish(recorder, seed_of(replicate, 1, **changes), cases)
    assert len(level(recorder, other, schema.LEVEL_GROUP)) == 2


def test_a_deleted_group_is_made_anew_and_stops_no_seed(recorder, replicate, cases):
    run_id = finish(recorder, seed_of(replicate, 0), cases)
    (group,) = level(recorder, run_id, schema.LEVEL_GROUP)
    recorder._client.delete_run(group.info.run_id)
    recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
    finish(recorder, seed_of(replicate, 0), cases)
    (made,) = level(recorder, run_id, schema.LEVEL_GROUP)
    assert made.info.run_id != group.info.run_id
    assert recorder._client.get_run(run_id).data.tags[schema.TAG_PARENT] == made.info.run_id


def test_a_replay_leaves_the_same_rows_and_the_reader_lists_seeds_and_folds_as_before(
    out, replicate, fold_folder, cases, caplog
):
    folder = fold_folder(0, 2)

    def replay():
        recorder = Recorder(out)
        for seed in (0, 1):
            run_id = recorder.begin_replicate(seed_of(replicate, seed))
            recorder.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
            recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
        with sqlite3.connect(database_path(out)) as database:
            tables = ("runs", "tags", "metrics", "params", "inputs", "datasets")
            return {table: sorted(database.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}

    assert replay() == replay()
    store = MlflowStore(out)
    runs = find_replicates(store, "loss/dice")
    assert [run.run_name for run in runs] == ["dice@0", "dice@1"]
    assert {len(store.list_folds()[run.run_id]) for run in runs} == {1}
    assert len(store.list_runs()) == 2
    assert (store.list_partial(), caplog.text) == ([], "")
