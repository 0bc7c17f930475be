"""A child whose address space is bounded: torch's own allocator runs out of memory."""

import subprocess
import sys

import pytest
import torch

from hemosweep.foldrun.journal import Journal, read_journal
from hemosweep.model.checkpoint import load_checkpoint
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.unet import SEUNet
from tests.fold_runs import run_fold

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how large a process is"),
]

# The pages are never touched: it takes address space, no memory.
CHILD = """
import os, resource, sys
from pathlib import Path

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import torch
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.unet import SEUNet
from hemosweep.training import child

MIB = 1 << 20


class Hungry(SEUNet):
    bounded = False

    def forward(self, x_BCDHW):
        if self.training and not self.bounded:
            self.bounded = True
            size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[2]) * MIB, resource.RLIM_INFINITY))
        activation = torch.empty(len(x_BCDHW) * 256 * MIB, dtype=torch.uint8) if self.training else None
        return super().forward(x_BCDHW)


SEUNet3D.build = lambda self, *, in_channels: Hungry(in_channels=in_channels, width=2)
sys.exit(child.train_fold(Path(sys.argv[1])))
"""


def train(spec, folder, free_mib):
    """Exit code and journal of a child with as much address space; it takes 256 MiB a patch and a little."""
    spec.write(folder)
    code = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), str(free_mib)], stderr=subprocess.DEVNULL
    ).returncode
    return code, read_journal(folder / "events.jsonl")


class BegunSo(SEUNet):
    """Has no memory for more than two patches from the beginning."""

    def forward(self, x_BCDHW):
        if self.training and len(x_BCDHW) > 2:
            raise MemoryError
        return super().forward(x_BCDHW)


def test_a_child_that_runs_out_of_memory_goes_on_with_half_the_patches(tiny_spec, tmp_path, one_thread, monkeypatch):
    spec = tiny_spec(max_epochs=2)  # Batches of four patches.
    code, events = train(spec, tmp_path / "ran out", 768)
    assert [event["event"] for event in events] == [
        "started",
        "batch_halved",
        "epoch",
        "epoch",
        "stopped",
        "tested",
        "tested",
        "done",
    ]
    assert (code, events[1]["micro_batch"]) == (0, 2)

    monkeypatch.setattr(SEUNet3D, "build", lambda self, *, in_channels: BegunSo(in_channels, width=2))
    (tmp_path / "begun so").mkdir()
    run_fold(spec, tmp_path / "begun so", Journal(tmp_path / "begun so" / "events.jsonl"))
    first, second = (
        load_checkpoint(tmp_path / name / "weights.pt", spec.digest)["best"] for name in ("ran out", "begun so")
    )
    assert [name for name, value in first.items() if not torch.equal(value, second[name])] == []


def test_a_child_that_has_no_memory_for_two_patches_fails_by_name(tiny_spec, tmp_path):
    code, events = train(tiny_spec(), tmp_path / "fold", 384)
    assert [event["event"] for event in events] == ["started", "batch_halved", "failed"]
    assert (code, events[-1]["kind"], events[-1]["transient"]) == (1, "out_of_memory", True)
    assert events[-1]["message"].startswith("memory does not hold 2 patches at once")
