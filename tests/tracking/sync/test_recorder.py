"""Words of the recorder to the process that started it, at its last pass."""

import json
import threading

from hemosweep.foldrun.lock import hold
from hemosweep.tracking.sync.destination import find_destination
from hemosweep.tracking.sync.passes import LOCK_NAME
from hemosweep.tracking.sync.recorder import keep_recorded


def test_what_is_recorded_is_complete_after_a_pass_without_a_fault_alone(record, other, refuse_tag, capsys):
    uri, _ = other

    def last_pass():
        ended = threading.Event()
        ended.set()
        keep_recorded(record.out, find_destination(uri), ended)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [line for line in lines if "complete" in line or "problem" in line]

    done = {"recorded": 3, "total": 3, "complete": True}
    assert last_pass() == [done]
    assert last_pass() == [done]  # Nothing has changed.
    record.client.set_tag(record.arm, "reviewed", "yes")
    with hold(record.out / LOCK_NAME):
        *numbers, held = last_pass()
    assert numbers == [done | {"complete": False}] * 2
    assert "records" in held["problem"]
    assert "so the last changes are not recorded by this sweep" in held["problem"]
    refuse_tag("reviewed")
    first, second, down = last_pass()
    assert (first, second) == (done | {"complete": False}, done | {"recorded": 2, "complete": False})
    assert "it is down" in down["problem"]
