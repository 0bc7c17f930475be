import math
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hemosweep.errors import BadInput
from hemosweep.tracking import schema
from hemosweep.tracking.changes import remove_metrics
from hemosweep.tracking.database import database_path
from hemosweep.tracking.store import open_store, transaction
from hemosweep.tracking.sync.content import HOST, ORIGIN, RECORDED, WITHDRAWN
from hemosweep.tracking.sync.copying import Copier
from hemosweep.tracking.sync.destination import find_destination
from hemosweep.tracking.sync.faults import Outage
from hemosweep.tracking.sync.passes import Passes
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
    before = dict(os.environ)
    tally = copy()
    assert dict(os.environ) == before
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


def test_a_server_that_shows_the_record_itself_gets_no_copy_of_it(record, tmp_path):
    path = tmp_path / "shown.db"
    shutil.copyfile(database_path(record.out), path)
    before = path.read_bytes()
    with Snapshot(record.out) as snapshot, pytest.raises(BadInput, match=r"shown\.db: shows this very record"):
        Copier(snapshot, find_destination(f"sqlite:///{path}")).copy()
    assert path.read_bytes() == before


def test_a_file_that_is_no_store_is_one_line(record, tmp_path):
    path = tmp_path / "page.db"
    path.write_text("<html>" * 100)
    with Snapshot(record.out) as snapshot, pytest.raises(BadInput, match=r"page\.db: file is not a database"):
        Copier(snapshot, find_destination(f"sqlite:///{path}")).copy()


def test_a_record_that_is_a_copy_itself_is_copied_once(record, other, copy):
    _, client = other
    marks = {ORIGIN: "1/2", RECORDED: '{"tags": []}', HOST: "node3", WITHDRAWN: "diff"}
    for name, text in marks.items():
        record.client.set_tag(record.arm, name, text)
    copy()
    assert (copy().written, len(record.at(client)[1])) == (0, 3)
    (arm,) = record.copies(client, record.arm)
    assert all(arm.data.tags.get(name) != text for name, text in marks.items())


def test_a_run_that_is_again_as_before_an_interrupted_pass_is_so_there(record, other, copy, refuse_tag):
    _, client = other
    before = (folder_of(record.client.get_run(record.arm)) / schema.ARTIFACT_CONFIG).read_text()
    copy()
    record.client.log_text(record.arm, "changed", schema.ARTIFACT_CONFIG)
    record.client.set_tag(record.arm, "seen", "yes")
    refuse_tag("seen")
    with pytest.raises(Outage):
        copy()
    assert record.at(client) != record.content()
    refuse_tag(None)
    record.client.log_text(record.arm, before, schema.ARTIFACT_CONFIG)
    record.client.delete_tag(record.arm, "seen")
    copy()
    assert record.at(client) == record.content()


def test_only_files_that_changed_are_sent_again_also_by_another_process(record, other):
    uri, client = other

    def copy():
        with Snapshot(record.out) as snapshot:
            Passes(record.out, snapshot, find_destination(uri)).run()
        (arm,) = record.copies(client, record.arm)
        return {path.name: path.stat().st_ino for path in folder_of(arm).rglob("*") if path.is_file()}

    before = copy()
    record.client.log_text(record.arm, "changed", schema.ARTIFACT_CONFIG)
    after = copy()
    assert {name for name in before if before[name] != after[name]} == {schema.ARTIFACT_CONFIG}
    assert len(before) > 4
    assert record.at(client) == record.content()


def folder_of(run):
    return Path(urlsplit(run.info.artifact_uri).path)


def test_what_was_recorded_before_an_outage_counts_and_so_does_what_was_there_before(record, other, refuse_tag):
    uri, client = other
    first, _ = record.folds()
    with Snapshot(record.out) as snapshot:
        passes = Passes(record.out, snapshot, find_destination(uri))
        assert (passes.run().recorded, passes.written) == (3, 3)
        record.client.set_tag(record.arm, "reviewed", "yes")
        record.client.set_tag(first.info.run_id, "seen", "yes")
        refuse_tag("seen")
        passes = Passes(record.out, snapshot, find_destination(uri))
        with pytest.raises(Outage):
            passes.run()
        # The arm, which was changed, and the other fold, which was not.
        assert (passes.recorded, passes.total, passes.written) == (2, 3, 1)
        refuse_tag(None)
        assert (passes.run().recorded, passes.written) == (3, 2)
        assert record.at(client) == record.content()


def test_a_metric_of_a_verdict_that_was_withdrawn_is_so_there(record, other, copy):
    _, client = other
    name = schema.METRIC_DIFF

    def there():
        (arm,) = record.copies(client, record.arm)
        return arm.data.metrics[name], arm.data.tags.get(WITHDRAWN), arm.data.tags.get(schema.TAG_VERDICT)

    record.client.set_tag(record.arm, schema.TAG_VERDICT, "better")
    record.client.log_metric(record.arm, name, 0.5, timestamp=5)
    copy()
    assert there() == (0.5, None, "better")
    record.client.delete_tag(record.arm, schema.TAG_VERDICT)
    store = open_store(record.out)
    with transaction(store) as session:
        remove_metrics(session, record.client.get_run(record.arm), [name])
    copy()
    value, withdrawn, verdict = there()
    assert (math.isnan(value), withdrawn, verdict) == (True, name, None)
    assert copy().written == 0
    record.client.log_metric(record.arm, name, 0.25, timestamp=7)
    copy()
    assert there() == (0.25, None, None)
