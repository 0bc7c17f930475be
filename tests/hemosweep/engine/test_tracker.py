"""A tracker that cannot be opened, or fails, beside trainings that go on."""

import pytest

from hemosweep.engine import tracker as engine_tracker
from hemosweep.engine.tracker import GuardedTracker, LateTracker
from hemosweep.errors import BadInput


class Opened:
    def __init__(self):
        self.interrupted = 0

    def begin_replicate(self, info, folders):
        return "run"

    def interrupt(self):
        self.interrupted += 1


@pytest.fixture
def attempts():
    return []


@pytest.fixture
def late(attempts):
    """A tracker whose first two openings fail."""

    def opener():
        attempts.append(1)
        if len(attempts) < 3:
            raise BadInput(f"locked {len(attempts)}")
        return Opened()

    return LateTracker(opener)


def begin(tracker):
    return tracker.begin_replicate(None, {})


def test_a_tracker_is_opened_once_with_its_first_call(attempts):
    late = LateTracker(lambda: attempts.append(1) or Opened())
    late.interrupt()
    assert attempts == []
    assert [begin(late), begin(late)] == ["run", "run"]
    assert attempts == [1]


def test_one_that_cannot_be_opened_is_tried_again_after_a_while_and_not_at_each_call(late, attempts, monkeypatch):
    for _ in range(3):
        with pytest.raises(BadInput, match="locked 1"):
            begin(late)
    assert len(attempts) == 1
    monkeypatch.setattr(engine_tracker, "REOPEN_AFTER_S", 0.0)
    with pytest.raises(BadInput, match="locked 2"):
        begin(late)
    assert begin(late) == "run"
    late.interrupt()
    assert late._tracker.interrupted == 1


def test_its_reason_is_reported_once_by_all_guards_together(late):
    lines = []
    for _ in range(3):  # as the trials of a search
        guarded = GuardedTracker(late, lines.append)
        assert [guarded.call(begin), guarded.call(begin)] == [None, None]
    assert lines == ["tracking failed (locked 1); training goes on, and is recorded later"]
