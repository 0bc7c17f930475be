"""Facts about the machine that a forecast knows without torch."""

import subprocess
import sys
import time

import pytest

from hemosweep.environment import num_processors
from hemosweep.errors import BadInput
from hemosweep.executors.machine import Bystanders, machine_digest, num_places


@pytest.mark.parametrize(("num_gpus", "per_gpu", "places"), [(0, None, 1), (1, None, 1), (4, None, 4), (2, 3, 6)])
def test_every_gpu_is_a_place_or_several_and_without_one_the_processors_are(num_gpus, per_gpu, places):
    assert num_places(num_gpus, per_gpu) == places


@pytest.mark.parametrize(("num_gpus", "per_gpu", "said"), [(2, 0, "give at least 1"), (0, 2, "has no GPU")])
def test_places_that_cannot_be_are_refused(num_gpus, per_gpu, said):
    with pytest.raises(BadInput, match=f"^--per-gpu {per_gpu}: .*{said}"):
        num_places(num_gpus, per_gpu)


def test_a_machine_is_another_one_with_other_gpus(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    machine = machine_digest()
    assert machine_digest() == machine
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert machine_digest() != machine


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long its processors worked")
@pytest.mark.skipif(num_processors() < 2, reason="one processor would be shared with the other program")
def test_other_programs_count_and_this_one_does_not():
    def work():
        alone = Bystanders()
        until = time.perf_counter() + 0.5
        while time.perf_counter() < until:
            pass
        return alone.num_busy()

    endless = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    with subprocess.Popen(endless, stdout=subprocess.PIPE) as other:
        try:
            other.stdout.read(1)
            beside = work()
        finally:
            other.kill()
    # Tests that run beside this one are other programs, too, so the least that is seen is what counts.
    alone = min(work() for _ in range(5))
    assert beside >= 0.6
    assert beside - alone >= 0.3
