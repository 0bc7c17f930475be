import pytest

from hemosweep.tracking import schema
from hemosweep.tracking.sync.content import RECORDED
from hemosweep.tracking.sync.copying import Copier
from hemosweep.tracking.sync.destination import find_destination
from hemosweep.tracking.sync.snapshot import Snapshot


@pytest.fixture
def copy(record, other):
    uri, _ = other
    with Snapshot(record.out) as snapshot:
        yield Copier(snapshot, find_destination(uri)).copy


def test_the_other_server_gets_the_whole_record_with_ids_of_its_own_and_nothing_twice(record, other, copy):
    _, client = other
    # Ids that differ from those of the output folder.
    client.create_experiment("somebody's")
    tally = copy()
    assert (tally.recorded, tally.total, tally.written) == (3, 3, 3)
    assert record.at(client) == record.content()
    (arm,) = record.copies(client, record.arm)
    (fold,) = record.copies(client, record.folds()[0].info.run_id)
    assert arm.info.run_id != record.arm
    assert fold.data.tags[schema.TAG_PARENT] == arm.info.run_id
    assert arm.data.tags["hemosweep.best_fold"] == fold.info.run_id
    assert arm.data.tags[schema.TAG_NOTE] == f"[here](#/experiments/{arm.info.experiment_id}/runs/{arm.info.run_id})"
    assert arm.data.tags["mlflow.user"]
    assert (copy().written, len(record.at(client)[1])) == (0, 3)


def test_what_changes_later_travels_and_what_others_wrote_on_the_server_stays(record, other, copy):
    _, client = other
    record.client.set_tag(record.arm, "reviewed", "no")
    record.client.set_tag(record.arm, "hemosweep.failure", "one")
    copy()
    (arm,) = record.copies(client, record.arm)
    client.set_tag(arm.info.run_id, "on the server", "stays")
    for tag in ("reviewed", "hemosweep.failure"):
        record.client.delete_tag(record.arm, tag)
    record.client.log_text(record.arm, "new", "later/new.txt")
    record.client.log_metric(record.arm, "strange", 7.0, timestamp=5, step=0)
    record.client.update_run(record.arm, status="RUNNING", name="another")
    assert copy().written == 1
    client.delete_tag(arm.info.run_id, "on the server")
    assert record.at(client) == record.content()


def test_a_second_copy_which_a_late_request_made_is_deleted_and_the_children_follow_the_first(record, other, copy):
    _, client = other
    copy()
    (arm,) = record.copies(client, record.arm)
    late = client.create_run(arm.info.experiment_id, tags=arm.data.tags)
    client.delete_tag(arm.info.run_id, RECORDED)
    assert len(record.copies(client, record.arm)) == 2
    copy()
    assert [one.info.run_id for one in record.copies(client, record.arm)] == [late.info.run_id]
    assert len(record.at(client)[1]) == 3
    (fold,) = record.copies(client, record.folds()[0].info.run_id)
    assert fold.data.tags[schema.TAG_PARENT] == late.info.run_id


def test_a_run_that_is_deleted_or_restored_here_is_so_there_and_one_deleted_there_stays_so(record, other, copy):
    _, client = other
    copy()
    first, second = (fold.info.run_id for fold in record.folds())
    record.client.delete_run(first)
    copy()
    assert record.copies(client, first) == []
    record.client.restore_run(first)
    copy()
    assert record.at(client) == record.content()
    client.delete_run(record.copies(client, second)[0].info.run_id)
    tally = copy()
    assert (tally.recorded, tally.total, tally.deleted) == (3, 3, 1)
    assert record.copies(client, second) == []
