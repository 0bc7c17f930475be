"""A fold run's child holds its folder's lock for life, and keeps out of a folder where another one works."""

import pytest

from hemosweep.executors.local import LocalExecutor
from hemosweep.foldrun.lock import LOCK_NAME, hold, holder
from tests.jobs import leave_a_trace, work_for_long
from tests.processes import wait_for

TORN = '{"time": 1.0, "event": "epo'


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "fold run"
    folder.mkdir()
    return folder


def end_of(executor):
    (ended,) = wait_for(lambda: executor.wait(1.0), "the child's end")
    return ended


def test_a_second_child_ends_at_once_says_in_the_log_who_works_there_and_leaves_the_journal_alone(folder):
    (folder / "events.jsonl").write_text(TORN)
    executor = LocalExecutor(job=leave_a_trace)
    with hold(folder / LOCK_NAME):
        name = holder(folder / LOCK_NAME)
        executor.start(folder)
        ended = end_of(executor)
    assert ended.failure == f"another process works on it; details in {folder / 'log.txt'}"
    assert not ended.transient
    assert f"{name} works here" in (folder / "log.txt").read_text()
    assert (folder / "events.jsonl").read_text() == TORN
    assert not (folder / "worked").exists()
    executor.start(folder)
    assert end_of(executor).failure is None
    assert (folder / "worked").exists()


def test_a_child_holds_the_lock_until_it_is_killed(folder):
    executor = LocalExecutor(job=work_for_long)
    executor.start(folder)
    wait_for((folder / "begun").exists, "the child's beginning")
    assert holder(folder / LOCK_NAME).startswith("process ")
    executor.kill()
    assert holder(folder / LOCK_NAME) is None
