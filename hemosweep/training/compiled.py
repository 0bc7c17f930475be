"""The training step and the forward pass of validation, compiled: the same arithmetic in fewer passes over memory.

`torch.compile` joins normalisation, rectifier, gates, dropout and loss into few kernels. On CUDA the whole step, from
the forward pass to the update, then becomes one CUDA graph, so that no kernel waits for Python. Compiled code is for
whole batches: the last one of an epoch, and all batches that memory does not hold at once, go the plain way.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

import torch
from torch import Tensor

from hemosweep.config import TrainingConfig
from hemosweep.errors import HemosweepError
from hemosweep.model.device import Device
from hemosweep.model.memory import free_device_memory
from hemosweep.training.step import Bank, PlainStep

MIN_STEPS = 10_000
"""Steps from which compiling pays. On an H200 it took 30 s with an empty cache and saved 4 ms of the full network's
step, so that it is made up for after some 7,500 steps."""
SURE_EPOCHS = 20
"""Epochs that a training is sure to reach: the shortest of the paper's trainings (Section 2.2.3)."""
NUM_WARM_UP = 3
"""Compiled steps before the graph is captured. They count as training, as all do."""

_CACHE = "TORCHINDUCTOR_CACHE_DIR"

Forward = Callable[[Tensor], Tensor]
Batch = tuple[Tensor, ...]
"""Images, labels and, where the loss takes them, weights."""


def is_worth_compiling(config: TrainingConfig, device: Device, num_patches: int) -> bool:
    """True for a training on `num_patches` patches an epoch that is compiled: on CUDA, and long enough.

    The answer depends on the whole training, so that a resumed training goes on in the same way. With `deterministic`
    it is never compiled: the compiler chooses among kernels by timing them.
    """
    num_steps = num_patches // config.batch_size * min(config.max_epochs, SURE_EPOCHS)
    return device.torch_device.type == "cuda" and not config.deterministic and num_steps >= MIN_STEPS


class GraphFailed(HemosweepError):
    """A step could not be captured as a CUDA graph, after which CUDA is of no more use to this process."""


class CompiledStep:
    """`PlainStep` for whole batches, compiled at the first of them.

    Where the compiler fails, training goes on without it: the error goes into the log, and `on_event` is told once,
    "not_compiled". "compiled" tells the seconds that it took.

    Args:
        plain: what is compiled; its optimizer must be `capturable` on CUDA.
        batch_size: patches of a whole batch.
        graph: whether the step becomes a CUDA graph, where it runs on CUDA.

    Raises:
        GraphFailed: by a step; `on_event` is told "no_graph", and another process can do without one.
    """

    def __init__(self, plain: PlainStep, batch_size: int, on_event: Callable[..., None], *, graph: bool = True) -> None:
        _keep_compiled_code()
        self._plain = plain
        self._batch_size = batch_size
        self._on_event = on_event
        self._loss_of = torch.compile(plain.loss_of, dynamic=False)
        self._wants_graph = graph and plain.device.torch_device.type == "cuda"
        self._num_done = 0
        self._failed = False
        self._graph: _Graph | None = None

    def __call__(self, bank: Bank, batch_B: Tensor) -> Tensor:
        whole = len(batch_B) == self._batch_size <= self._plain.micro_batch.size
        if self._failed or not whole:
            return self._plain(bank, batch_B)
        if self._graph is not None:
            return self._graph(bank.gather(batch_B))
        begun = time.perf_counter()
        before = self._plain.before()
        batch = bank.gather(batch_B)
        loss = self._try(batch)
        if loss is None:
            del batch
            self._plain.undo(before)
            free_device_memory()
            return self._plain(bank, batch_B)
        self._plain.optimizer.step()
        if not self._num_done:
            self._on_event("compiled", seconds=time.perf_counter() - begun)
        self._num_done += 1
        if self._num_done == NUM_WARM_UP and self._wants_graph:
            self._capture(batch)
        return loss

    def _try(self, batch: Batch) -> Tensor | None:
        """Loss of a step whose gradient the parameters have now; None where it failed, with all its tensors gone."""
        try:
            with _side_stream(self._plain.device):
                return self._gradient(batch)
        except Exception as error:
            self._failed = True
            self._report("not_compiled", error)
        return None

    def _gradient(self, batch: Batch) -> Tensor:
        loss: Tensor = self._loss_of(*batch)
        self._plain.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        return loss.detach()

    def _update(self, batch: Batch) -> Tensor:
        loss = self._gradient(batch)
        self._plain.optimizer.step()
        return loss

    def _capture(self, batch: Batch) -> None:
        self._plain.optimizer.zero_grad(set_to_none=True)  # The graph's gradients lie in memory of its own.
        try:
            self._graph = _Graph(self._update, batch)
        except Exception as error:
            # The generators and the allocator may still believe that they are being captured.
            self._report("no_graph", error)
            raise GraphFailed(
                f"the step could not be captured as a CUDA graph ({type(error).__name__}); the next attempt goes "
                "without one"
            ) from error

    def _report(self, event: str, error: Exception) -> None:
        traceback.print_exception(error, file=sys.stderr)
        self._on_event(event, reason=type(error).__name__)


class _Graph:
    """A captured step: its inputs are copied to where it reads them, and its loss from where it leaves it."""

    def __init__(self, update: Callable[[Batch], Tensor], batch: Batch) -> None:
        self._batch = tuple(part.clone() for part in batch)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = update(self._batch)

    def __call__(self, batch: Batch) -> Tensor:
        for kept, part in zip(self._batch, batch, strict=True):
            kept.copy_(part)
        self._graph.replay()
        return self._loss.clone()


def compiled_forward(forward: Forward, batch_size: int, on_event: Callable[..., None]) -> Forward:
    """`forward` in eval mode, compiled for whole batches; the plain one for others, and where the compiler fails."""
    _keep_compiled_code()
    compiled = torch.compile(forward, dynamic=False)
    failed = False

    def run(x_BCDHW: Tensor) -> Tensor:
        nonlocal failed
        if failed or len(x_BCDHW) != batch_size:
            return forward(x_BCDHW)
        try:
            return compiled(x_BCDHW)
        except Exception as error:
            failed = True
            traceback.print_exception(error, file=sys.stderr)
            on_event("not_compiled", reason=type(error).__name__)
        free_device_memory()
        return forward(x_BCDHW)

    return run


@contextmanager
def _side_stream(device: Device) -> Iterator[None]:
    """On CUDA, a stream beside the current one: a graph can only be captured of what was warmed up on one."""
    if device.torch_device.type != "cuda":
        yield
        return
    current, side = torch.cuda.current_stream(), torch.cuda.Stream()
    side.wait_stream(current)
    with torch.cuda.stream(side):
        yield
    current.wait_stream(side)


def _keep_compiled_code() -> None:
    """Let the compiler keep its code in the user's cache folder, by PyTorch's version.

    Where the user has chosen a folder, or there can be none, nothing changes. PyTorch writes its own choice, a folder
    for temporary files, into the environment as it is imported.
    """
    chosen = Path(os.environ.get(_CACHE, ""))
    of_torch = chosen.parent == Path(gettempdir()) and chosen.name.startswith("torchinductor_")
    if _CACHE in os.environ and not of_torch:
        return
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = cache / "hemosweep" / f"torch-{torch.__version__}"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # A RuntimeError where there is no home.
        return
    os.environ[_CACHE] = str(folder)
