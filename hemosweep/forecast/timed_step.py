"""Time and memory of a training step of a network, measured on this machine's device."""

import re
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import torch
from torch import Tensor

from hemosweep.activity import doing
from hemosweep.config import ArmConfig
from hemosweep.executors.machine import Bystanders
from hemosweep.forecast.step_cost import Calibration, Timed
from hemosweep.model.device import Device, choose_device, count_gpus, memory_bytes
from hemosweep.model.memory import MicroBatch
from hemosweep.model.outputs import loss_of_outputs

NUM_STEPS = 2
"""Timed steps, after one of warm-up."""
STEP_S = 0.2
"""Longest time of a timed step on the CPU. A larger batch takes less time a patch, but a whole batch may take
minutes."""
SMALLEST_BATCH = 2
"""Fewest patches of a step: batch normalisation has no variance below."""

WEIGHT_COPIES = 5
"""The weights, their gradients, Adadelta's two averages of each, and the best weights so far."""
BACKWARD_SHARE = 0.2
"""Memory of the backward pass on top of the tensors that the forward pass keeps, as a share of those."""
LIBRARIES_BYTES = 200_000_000
"""Further memory of a CPU training's process: other libraries, mapped files, oneDNN's kernels for the network.

Both were measured with six networks, 8 to 64 channels wide, patches of 2 to 55 thousand voxels and 16 to 64 of them a
batch: the estimate was between 8% below and 1% above the peak of the child process, which was 0.6 to 2.5 GB.
"""


def time_steps(configs: Sequence[ArmConfig], *, num_threads: int | None = None, num_steps: int = NUM_STEPS) -> Timed:
    """The training step of each configuration on this machine's device.

    On a GPU the step has the real batch size, and its memory is measured. On the CPU, where that may take minutes, it
    has only as many patches as take about `STEP_S`, and the memory of a whole batch is computed from that of a smaller
    one.

    Args:
        num_threads: threads on the CPU; by default as many as there are processors.

    Raises:
        OutOfMemory: the GPU does not hold the smallest micro-batch.
    """
    device = choose_device()
    if device.torch_device.type == "cuda":
        steps = [_on_gpu(config, device, num_steps) for config in _announced(configs)]
    else:
        torch.set_num_threads(num_threads or device.num_threads)
        process_bytes = _process_bytes()  # Measured before the first step, which leaves memory behind.
        steps = [_on_cpu(config, device, num_steps, process_bytes) for config in _announced(configs)]
    return Timed(
        device=device.name, num_gpus=count_gpus(), gpu_bytes=memory_bytes(device.torch_device), steps=tuple(steps)
    )


def _announced(configs: Sequence[ArmConfig]) -> Iterator[ArmConfig]:
    for place, config in enumerate(configs, start=1):
        patch = "x".join(map(str, config.sampling.patch_HWD))
        with doing(f"timing a training step of {type(config.network).__name__}, patches of {patch}") as tell:
            tell(f"{place} of {len(configs)}")
            yield config


def _on_gpu(config: ArmConfig, device: Device, num_steps: int) -> Calibration:
    before = torch.cuda.memory_allocated()
    step = TrainingStep(config, device)
    micro_batch = MicroBatch(config.training.batch_size, least=SMALLEST_BATCH)

    def run(num_patches: int) -> int:
        step(num_patches)
        torch.cuda.synchronize()
        return num_patches

    batch = micro_batch.run(run, config.training.batch_size)
    torch.cuda.reset_peak_memory_stats()  # A failed attempt is no peak.
    seconds = _timed(lambda: run(batch), num_steps)
    weight_bytes = step.weight_bytes
    return Calibration(
        patch_s=seconds / batch,
        memory_bytes=torch.cuda.max_memory_allocated() - before + weight_bytes,  # The best weights so far.
        batch_at_once=batch,
        weight_bytes=weight_bytes,
        num_busy=None,
        timed_on=str(date.today()),
    )


def _on_cpu(config: ArmConfig, device: Device, num_steps: int, process_bytes: int) -> Calibration:
    whole = config.training.batch_size
    step = TrainingStep(config, device)
    kept = step.kept_bytes(SMALLEST_BATCH) / SMALLEST_BATCH * whole
    step(SMALLEST_BATCH)  # The first backward pass of a process starts threads and compiles kernels.
    bystanders = Bystanders()
    seconds = _timed(lambda: step(SMALLEST_BATCH), num_steps)
    batch = max(SMALLEST_BATCH, min(whole, int(SMALLEST_BATCH * STEP_S / seconds)))
    if batch > SMALLEST_BATCH:
        step(batch)
        seconds = _timed(lambda: step(batch), num_steps)
    tensors = (1 + BACKWARD_SHARE) * kept + WEIGHT_COPIES * step.weight_bytes
    return Calibration(
        patch_s=seconds / batch,
        memory_bytes=process_bytes + LIBRARIES_BYTES + round(tensors),
        batch_at_once=whole,
        weight_bytes=step.weight_bytes,
        num_busy=round(bystanders.num_busy(), 2),
        timed_on=str(date.today()),
    )


def _timed(step: Callable[[], object], num_steps: int) -> float:
    """Seconds of the fastest step: other work of the machine only adds to them."""
    seconds = []
    for _ in range(num_steps):
        begun = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


class TrainingStep:
    """One step of `training.loop` on noise: forward, backward, and Adadelta, whatever the arm's optimiser.

    Adadelta is written out here, because one of torch's optimizers imports torch's compiler, which takes longer than
    the rest of a forecast. None of the others takes more time or memory.
    """

    def __init__(self, config: ArmConfig, device: Device) -> None:
        self._num_channels = len(config.preprocessing.channels)
        self._patch_DHW, self._labelled_DHW = config.sampling.patch_DHW, config.labelled_DHW
        self._is_weighted = config.training.weight_map is not None
        self._learning_rate = config.training.optimiser.learning_rate
        self._device = device
        self._model = device.place(config.network.build(in_channels=self._num_channels))
        self._loss = config.training.loss.build()
        self._averages = [(p, torch.zeros_like(p), torch.zeros_like(p)) for p in self._model.parameters()]

    @property
    def weight_bytes(self) -> int:
        """The network's weights and running statistics."""
        return sum(int(tensor.nbytes) for tensor in self._model.state_dict().values())

    def __call__(self, num_patches: int) -> None:
        loss = self._forward(num_patches)
        self._model.zero_grad(set_to_none=True)
        loss.backward()
        with torch.no_grad():
            for parameter, square, change in self._averages:
                if parameter.grad is None:  # A parameter that nothing uses: an optimiser leaves it alone, too.
                    continue
                square.mul_(0.9).addcmul_(parameter.grad, parameter.grad, value=0.1)
                delta = (change + 1e-6).sqrt_().div_((square + 1e-6).sqrt_()).mul_(parameter.grad)
                change.mul_(0.9).addcmul_(delta, delta, value=0.1)
                parameter.sub_(delta, alpha=self._learning_rate)

    def kept_bytes(self, num_patches: int) -> int:
        """Bytes that the forward pass keeps for the backward pass, beside the weights."""
        weights = {parameter.untyped_storage()._cdata for parameter, _, _ in self._averages}
        kept: dict[int, int] = {}  # Counted by storage: two layers may keep the same tensor.

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in weights:
                kept[storage._cdata] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            self._forward(num_patches)
        return sum(kept.values())

    def _forward(self, num_patches: int) -> Tensor:
        device = self._device.torch_device
        x_BCDHW = torch.randn((num_patches, self._num_channels, *self._patch_DHW), device=device)
        label_BDHW = torch.zeros((num_patches, *self._labelled_DHW), dtype=torch.int64, device=device)
        weight_BDHW = torch.ones(label_BDHW.shape, device=device) if self._is_weighted else None
        with self._device.autocast():
            outputs = self._model(self._device.arrange(x_BCDHW))
        return loss_of_outputs(self._loss, outputs, label_BDHW, weight_BDHW)


def _process_bytes() -> int:
    """Private memory of this process: torch and the imports of the command line.

    A fold run's process has about as much. Mapped files do not count: that process maps fewer of them.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        kilobytes = re.search(r"^RssAnon:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        if kilobytes is not None:
            return 1024 * int(kilobytes[1])
    # Peak memory so far: bytes on macOS, kilobytes elsewhere.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
