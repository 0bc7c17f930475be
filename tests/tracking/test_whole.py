"""Runs whose tags somebody deleted or edited in MLflow's pages are passed over and named, and a sweep mends them."""

import logging

import pytest

from hemosweep.tracking import schema
from hemosweep.tracking.reader import MlflowStore
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.store import open_store

ARM_FAULTS = [
    *((name, None, f"it has no tag {name}") for name in ("hemosweep.sweep", "hemosweep.arm", "hemosweep.seed")),
    (schema.TAG_SEED, "abc", "its tag hemosweep.seed is 'abc', not a whole number"),
    (schema.TAG_SWEEP, "se", "its tag hemosweep.sweep is 'se'"),
    (schema.TAG_REPLICATE, None, "it has no tag hemosweep.replicate"),
    (schema.TAG_LEVEL, None, "it has no tag hemosweep.level"),
    (schema.TAG_LEVEL, "arms", "its tag hemosweep.level is 'arms'"),
]
FOLD_FAULTS = [
    *((name, None, f"it has no tag {name}") for name in ("hemosweep.fold", "hemosweep.fold_run", "mlflow.parentRunId")),
    (schema.TAG_FOLD, "first", "its tag hemosweep.fold is 'first', not a whole number"),
    (schema.TAG_LEVEL, None, "it has no tag hemosweep.level"),
]


def edit(client, run_id, tag, value):
    if value is None:
        client.delete_tag(run_id, tag)
    else:
        client.set_tag(run_id, tag, value)


@pytest.fixture
def folder(fold_folder):
    return fold_folder(0, 2)


@pytest.fixture
def ids(out, replicate, cases, folder):
    """Runs of two arms that are finished, each with a fold."""
    recorder = Recorder(out)
    ids = [recorder.begin_replicate(replicate(arm)) for arm in ("dice", "focal")]
    for run_id in ids:
        recorder.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
        recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
    return ids


def fold_of(client, run_id):
    experiment = client.get_experiment_by_name("hemosweep/loss").experiment_id
    (fold,) = client.search_runs([experiment], f"tags.`{schema.TAG_PARENT}` = '{run_id}'")
    return fold.info.run_id


@pytest.mark.parametrize(("tag", "value", "reason"), ARM_FAULTS)
def test_an_arm_that_is_not_whole_is_named_once_and_the_others_are_listed(out, ids, caplog, tag, value, reason):
    edit(open_store(out).client, ids[0], tag, value)
    store = MlflowStore(out)
    with caplog.at_level(logging.WARNING):
        assert [run.run_id for run in store.list_runs()] == [ids[1]]
        assert [run.run_id for run in store.list_runs("loss")] == [ids[1]]
    assert caplog.messages == [
        f"run dice ({ids[0][:8]}) of loss is not whole: {reason}; it is passed over: mend the tag, or delete the run "
        "(hemosweep ui)"
    ]
    (partial,) = store.list_partial()
    assert (partial.run_id, partial.is_fold) == (ids[0], False)


@pytest.mark.parametrize(("tag", "value", "reason"), FOLD_FAULTS)
def test_a_fold_that_is_not_whole_is_named_and_the_others_are_listed(out, ids, folder, caplog, tag, value, reason):
    client = open_store(out).client
    fold = fold_of(client, ids[0])
    edit(client, fold, tag, value)
    store = MlflowStore(out)
    with caplog.at_level(logging.WARNING):
        assert list(store.list_folds()) == [ids[1]]
        assert [run.run_id for run in store.list_runs()] == ids
    (message,) = caplog.messages
    assert message.startswith(f"run dice · fold 0 ({fold[:8]}) of loss is not whole: {reason}; ")
    (partial,) = store.list_partial()
    assert (partial.is_fold, partial.digest) == (True, None if tag == schema.TAG_FOLD_RUN else folder.digest)


def test_a_run_of_somebody_else_in_the_experiment_is_no_run_of_ours(out, ids, caplog):
    client = open_store(out).client
    client.create_run(client.get_experiment_by_name("hemosweep/loss").experiment_id, tags={"mine": "yes"})
    with caplog.at_level(logging.WARNING):
        assert [run.run_id for run in MlflowStore(out).list_runs()] == ids
    assert (caplog.messages, MlflowStore(out).list_partial()) == ([], [])


@pytest.mark.parametrize(
    ("tag", "value", "reason"), [fault for fault in ARM_FAULTS if fault[0] != schema.TAG_REPLICATE]
)
def test_the_next_sweep_mends_an_arm_that_is_not_whole(out, ids, replicate, folder, tag, value, reason):
    client = open_store(out).client
    before = client.get_run(ids[0]).data.tags
    edit(client, ids[0], tag, value)
    assert Recorder(out).begin_replicate(replicate("dice"), {folder.digest: folder.path}) == ids[0]
    assert client.get_run(ids[0]).data.tags == before


@pytest.mark.parametrize(("tag", "value", "reason"), FOLD_FAULTS)
def test_the_next_sweep_replaces_an_arm_with_a_fold_that_is_not_whole(
    out, ids, replicate, cases, folder, tag, value, reason
):
    client = open_store(out).client
    edit(client, fold_of(client, ids[0]), tag, value)
    recorder = Recorder(out)
    run_id = recorder.begin_replicate(replicate("dice"), {folder.digest: folder.path})
    recorder.record_fold(run_id, fold=0, digest=folder.digest, folder=folder.path)
    recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
    store = MlflowStore(out)
    assert [run.run_id for run in store.list_runs()] == [ids[1], run_id]
    assert set(store.list_folds()) == {ids[1], run_id}
    assert len(store.list_partial()) == (tag == schema.TAG_PARENT), (
        "a fold without a parent can only be deleted by hand"
    )


def test_a_tag_that_is_no_json_says_nothing_and_stops_nothing(out, ids):
    client = open_store(out).client
    client.set_tag(ids[0], "hemosweep.metric_digests", "no JSON")
    client.set_tag(ids[0], "hemosweep.metric_descriptions", '{"dsc": 3}')
    assert [run.run_id for run in MlflowStore(out).list_runs()] == ids
