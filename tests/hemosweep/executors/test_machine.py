"""Facts about the machine that a forecast knows without torch."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hemosweep.errors import BadInput
from hemosweep.executors import machine
from hemosweep.executors.machine import Bystanders, GpuMemory, gpu_memory, machine_digest, num_places, num_threads


@pytest.mark.parametrize(("num_gpus", "per_gpu", "places"), [(0, None, 1), (1, None, 1), (4, None, 4), (2, 3, 6)])
def test_every_gpu_is_a_place_or_several_and_without_one_the_processors_are(num_gpus, per_gpu, places):
    assert num_places(num_gpus, per_gpu) == places


@pytest.mark.parametrize(
    ("processors", "free_gb", "options", "places", "threads"),
    [
        (4, 64, {}, 1, 4),
        (4, 64, {"one_a_processor": True}, 4, 1),
        (16, 9, {"one_a_processor": True}, 4, 4),
        (2, 1, {"one_a_processor": True}, 1, 2),
        (4, 64, {"at_once": 2, "one_a_processor": True}, 2, 2),
        (2, 64, {"at_once": 3}, 3, 1),
    ],
)
def test_fold_runs_share_the_processors_as_far_as_the_memory_goes(
    monkeypatch, processors, free_gb, options, places, threads
):
    monkeypatch.setattr(machine, "num_processors", lambda: processors)
    monkeypatch.setattr(machine, "free_memory", lambda: free_gb * 10**9)
    assert num_places(0, **options) == places
    assert num_threads(places) == threads


def test_the_limit_of_a_container_counts_as_free_memory(monkeypatch, tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:     4096 kB\n")
    (tmp_path / "limit").write_text("1048576\n")
    (tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    monkeypatch.setattr(machine, "_CGROUPS", (tmp_path / "none", tmp_path / "gone"))
    assert machine.free_memory() == 4 * 2**20
    monkeypatch.setattr(machine, "_CGROUPS", (tmp_path / "limit",))
    assert machine.free_memory() == 2**20
    (tmp_path / "meminfo").unlink()
    assert machine.free_memory() is None


def test_where_the_free_memory_is_not_known_one_fold_run_has_the_processors(monkeypatch):
    monkeypatch.setattr(machine, "free_memory", lambda: None)
    assert num_places(0, one_a_processor=True) == 1


def test_a_gpu_is_not_shared_as_the_processors_are():
    assert num_places(2, one_a_processor=True) == 2
    with pytest.raises(BadInput, match=r"^--at-once 2: this machine trains on its GPU; give --per-gpu"):
        num_places(2, at_once=2)


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


@pytest.fixture
def driver_says(monkeypatch, tmp_path):
    """Puts a program in the place of NVIDIA's."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def driver_says(script):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return driver_says


def test_the_memory_of_each_gpu_is_what_the_driver_says(driver_says):
    driver_says('echo "3061, 143771"; echo "0, 143771"')
    total = 143771 * 1024**2
    assert gpu_memory() == [
        GpuMemory(used_bytes=3061 * 1024**2, total_bytes=total),
        GpuMemory(used_bytes=0, total_bytes=total),
    ]


@pytest.mark.parametrize("script", ["exit 9", 'echo "[N/A], [N/A]"', "echo Failed to initialize NVML"])
def test_a_driver_that_does_not_say_it_is_no_memory_to_show(driver_says, script):
    driver_says(script)
    assert gpu_memory() == []


def test_a_gpu_that_is_not_to_be_used_is_not_asked_for(driver_says, monkeypatch):
    driver_says('echo "3061, 143771"')
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu_memory() == []


def cpu_s(pid):
    """Seconds that a process has worked (man 5 proc_pid_stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine_s():
    """Seconds that all processors of the machine have worked, for whomever (man 5 proc_stat)."""
    user, nice, system, _idle, _iowait, *rest = Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    return sum(map(int, (user, nice, system, *rest))) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long its processors worked")
def test_other_programs_count_and_this_one_does_not():
    # Other tests and programs may run beside this one, so the times come from the system, not from a clock.
    endless = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    with subprocess.Popen(endless, stdout=subprocess.PIPE) as other:
        try:
            other.stdout.read(1)
            other_s, all_s, own_s, wall_s = cpu_s(other.pid), machine_s(), time.process_time(), time.perf_counter()
            bystanders = Bystanders()
            while min(cpu_s(other.pid) - other_s, time.process_time() - own_s) < 0.5:
                pass
            counted_s = bystanders.num_busy() * (time.perf_counter() - wall_s)
            other_s, all_s, own_s = cpu_s(other.pid) - other_s, machine_s() - all_s, time.process_time() - own_s
        finally:
            other.kill()
    tolerance_s = 0.2  # The system counts in ticks.
    assert other_s - tolerance_s <= counted_s <= all_s - own_s + tolerance_s
