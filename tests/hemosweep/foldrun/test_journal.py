import errno
import json
import math
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hemosweep.foldrun.journal import (
    Journal,
    last_epochs,
    last_process,
    micro_batch_size,
    read_journal,
    seconds_at_work,
)


def epoch(number):
    return {"epoch": number, "train_loss": 1.0, "val_loss": 0.5, "val_dsc": 0.5, "seconds": 1.0}


FIELDS = {"started": {}, "epoch": epoch(1), "done": {"seconds": 1.0}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def test_events_are_read_in_the_order_they_were_written_with_their_time(path):
    before = time.time()
    journal = Journal(path)
    journal.write("started", device="cpu")
    journal.write("epoch", **epoch(1))
    first, second = read_journal(path)
    assert (first["event"], first["device"]) == ("started", "cpu")
    assert (second["event"], second["epoch"], second["val_loss"]) == ("epoch", 1, 0.5)
    assert before <= first["time"] <= second["time"] <= time.time()


def test_no_journal_yet_has_no_events(path):
    assert read_journal(path) == []
    Journal(path)
    assert read_journal(path) == []


def test_a_last_line_cut_short_by_a_crash_is_not_an_event_and_spoils_no_other(path):
    Journal(path).write("epoch", **epoch(1))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"time": 12.5, "event": "epo')
    assert [event["epoch"] for event in read_journal(path)] == [1]
    Journal(path).write("epoch", **epoch(2))
    assert [event["epoch"] for event in read_journal(path)] == [1, 2]


def test_a_whole_last_line_that_lacks_only_its_newline_counts(path):
    Journal(path).write("epoch", **epoch(1))
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    Journal(path).write("epoch", **epoch(2))
    assert [event["epoch"] for event in read_journal(path)] == [1, 2]


@pytest.mark.parametrize("text", ["Zeile\u2028zwei\x85drei", "two\nlines", "Größe µ"])
def test_an_event_is_one_line_whatever_its_text(path, text):
    Journal(path).write("failed", kind="data", message=text)
    assert [event["message"] for event in read_journal(path)] == [text]
    assert path.read_bytes().count(b"\n") == 1


def test_json_that_is_no_event_is_passed_over(path):
    path.write_text('7\n{"time": 1.0}\n' + json.dumps({"time": 2.0, "event": "started"}) + "\n")
    assert [event["event"] for event in read_journal(path)] == ["started"]


def test_a_number_that_json_does_not_have_is_refused(path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        Journal(path).write("epoch", val_loss=float("nan"))
    assert read_journal(path) == []


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ([], 0.0),
        ([("started", 0.0)], 0.0),
        ([("started", 0.0), ("epoch", 7.0), ("done", 10.0)], 10.0),
        ([("started", 0.0), ("epoch", 7.0), ("started", 0.0), ("resumed", 1.0), ("epoch", 3.0)], 10.0),
        ([("started", 0.0), ("paused", 7.0), ("started", 0.0), ("checkpoint_unreadable", 3.0)], 10.0),
        ([("started", 0.0), ("batch_halved", 7.0), ("paused", 10.0)], 10.0),
        ([("started", 0.0), ("epoch", 7.0), ("failed", 0.0), ("started", 0.0), ("epoch", 3.0)], 10.0),
    ],
    ids=["no journal", "only started", "one process", "two processes", "a pause", "halved", "one that did not start"],
)
def test_time_at_work_is_that_of_each_process_from_its_start_to_its_last_event(times, seconds):
    events = [{"event": event, "at_work_s": time} for event, time in times]
    assert seconds_at_work(events) == seconds


def test_a_clock_that_is_set_back_or_forward_changes_nothing_about_the_time_at_work(path, monkeypatch):
    begun = time.monotonic()
    journal = Journal(path)
    for event, shift_s in (("started", 0.0), ("epoch", -3600.0), ("epoch", 86400.0), ("done", -86400.0)):
        now = time.time() + shift_s
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda now=now: now)
            journal.write(event, **FIELDS[event])
    times = [event["time"] for event in read_journal(path)]
    assert times != sorted(times)
    assert 0.0 < seconds_at_work(read_journal(path)) <= time.monotonic() - begun


@pytest.mark.parametrize(
    "left",
    [b"\0" * 512, b'{"time": 12.5, "ev' + b"\0" * 512, b'{"time": 12.5, "ev\xff\xc3'],
    ids=["of it", "of half", "other bytes"],
)
def test_zeros_that_a_power_cut_left_in_place_of_an_event_spoil_no_other(path, left):
    Journal(path).write("epoch", **epoch(1))
    path.write_bytes(path.read_bytes() + left)
    assert [event["epoch"] for event in read_journal(path)] == [1]
    Journal(path).write("epoch", **epoch(2))
    assert [event["epoch"] for event in read_journal(path)] == [1, 2]


def test_an_event_that_the_disk_holds_only_half_of_is_taken_back(path, monkeypatch):
    journal = Journal(path)
    journal.write("epoch", **epoch(1))
    before, write = path.read_bytes(), os.write

    def full(descriptor, line):
        if len(line) < 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, line[:20])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left on device") as raised:
            journal.write("epoch", **epoch(2))
    assert raised.value.filename == str(path)
    assert path.read_bytes() == before
    journal.write("epoch", **epoch(3))
    assert [event["epoch"] for event in read_journal(path)] == [1, 3]


STARTED = {"event": "started"}
RESUMED = {"event": "resumed", "epoch": 3}
HALVED = {"event": "batch_halved", "epoch": 4, "micro_batch": 32}


@pytest.mark.parametrize(
    ("events", "size"),
    [
        ([], None),
        ([STARTED, {"event": "epoch"}], None),
        ([STARTED, HALVED], 32),
        ([STARTED, HALVED, HALVED | {"micro_batch": 16}, {"event": "epoch"}], 16),
        ([STARTED, HALVED, STARTED, RESUMED | {"micro_batch": 32}, {"event": "done"}], 32),
        ([STARTED, HALVED, STARTED, RESUMED], None),
        ([STARTED, HALVED, STARTED, {"event": "checkpoint_unreadable"}], None),
    ],
    ids=["none", "whole batches", "halved", "twice", "resumed with it", "resumed from before it", "begun anew"],
)
def test_the_size_of_micro_batches_is_that_of_the_process_that_worked_last(events, size):
    assert micro_batch_size(events) == size


def test_the_events_of_the_last_process_begin_with_its_start():
    assert last_process([STARTED, HALVED, STARTED, RESUMED]) == [STARTED, RESUMED]
    assert last_process([HALVED]) == [HALVED]
    assert last_process([]) == []


@pytest.mark.parametrize(
    ("event", "change", "reason"),
    [
        ({"event": "epoch", **epoch(2)}, {"val_loss": None}, "val_loss of epoch is not a number"),
        ({"event": "epoch", **epoch(2)}, {"val_loss": "0.5"}, "val_loss of epoch is not a number"),
        ({"event": "epoch", **epoch(2)}, {"val_loss": float("nan")}, "val_loss of epoch is not a number"),
        ({"event": "epoch", **epoch(2)}, {"epoch": 2.5}, "epoch of epoch is not a count"),
        ({"event": "epoch", **epoch(2)}, {"epoch": True}, "epoch of epoch is not a count"),
        ({"event": "epoch", **epoch(2)}, {"epoch": "missing"}, "epoch has no epoch"),
        ({"event": "epoch", **epoch(2)}, {"time": "missing"}, "epoch has no time"),
        ({"event": "epoch", **epoch(2)}, {"at_work_s": "now"}, "at_work_s of epoch is not a number"),
        ({"event": "stopped", "reason": "patience", "best_epoch": 1}, {"best_epoch": "missing"}, "stopped has no best"),
        ({"event": "failed", "kind": "data", "message": "m"}, {"message": None}, "message of failed is not text"),
        ({"event": "failed", "kind": "data", "message": "m"}, {"transient": "no"}, "is not true or false"),
        ({"event": "tested", "case_id": "a", "dsc": None, "seconds": 1.0}, {"dsc": "0.5"}, "dsc of tested is not"),
        ({"event": "tested", "case_id": "a", "seconds": 1.0, "num_windows": 5}, {"num_windows": -5}, "is not a count"),
        (
            {"event": "network", "parameters": 1, "window_flops": 2},
            {"window_flops": None},
            "window_flops of network is",
        ),
        ({"event": "peak_memory", "of": "gpu", "bytes": 9}, {"bytes": 9.5}, "bytes of peak_memory is not a count"),
        ({"event": "started"}, {"event": 7}, "the name of the event is no text"),
    ],
    ids=str,
)
def test_a_line_that_is_json_and_wrong_is_passed_over_and_named(path, event, change, reason):
    whole = {"time": 5.0, "at_work_s": 1.0, **event}
    wrong = {name: value for name, value in {**whole, **change}.items() if value != "missing"}
    Journal(path).write("epoch", **epoch(1))
    for line in (whole, wrong):
        path.write_bytes(path.read_bytes() + json.dumps(line).encode() + b"\n")
    Journal(path).write("epoch", **epoch(3))
    first, second, named, last = read_journal(path)
    assert (first["epoch"], second, last["epoch"]) == (1, whole, 3)
    assert (named["event"], named["line"]) == ("damaged_line", 3)
    assert named["time"] == 5.0, "that of the last event before it"
    assert named["reason"].startswith(reason) or named["reason"].endswith(reason)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_field_of_an_epoch_holds_what_is_read_has_numbers(path, value):
    path.write_text(
        "".join(json.dumps({"time": 1.0, "event": "epoch", **epoch(1), name: value}) + "\n" for name in epoch(1))
    )
    for event in read_journal(path):
        if event["event"] == "epoch":
            assert all(math.isfinite(event[name]) for name in ("time", *epoch(1)))
        else:
            assert event["event"] == "damaged_line"


def test_an_event_of_a_later_version_passes(path):
    Journal(path).write("warmed_up", degrees="many")
    assert [event["event"] for event in read_journal(path)] == ["warmed_up"]


def test_the_last_event_of_an_epoch_is_the_one_that_counts():
    events = [STARTED, {"event": "epoch", "epoch": 1, "val_loss": 0.5}, {"event": "epoch", "epoch": 2, "val_loss": 0.4}]
    again = {"event": "epoch", "epoch": 2, "val_loss": 0.3}
    assert last_epochs([*events, STARTED, RESUMED, again]) == {1: events[1], 2: again}


def test_an_event_is_on_disk_before_the_next_step_begins(path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_size))
    journal = Journal(path)
    for epoch in (1, 2):
        journal.write("epoch", epoch=epoch)
        assert flushed[-1] == path.stat().st_size
    assert len(flushed) == 2


@pytest.mark.parametrize(("count", "event"), [(0, "resumed"), (1, "resumed"), (-1, "damaged_line")])
def test_a_count_is_none_or_more(path, count, event):
    Journal(path).write("resumed", epoch=count)
    assert [event["event"] for event in read_journal(path)] == [event]


def test_a_damaged_first_line_has_no_time(path):
    Journal(path).write("epoch", epoch=1)
    assert [(event["event"], event["time"]) for event in read_journal(path)] == [("damaged_line", 0.0)]
