"""The training step of the full network, from PyTorch's layers to hemosweep's, with one change a rung."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from hemosweep.bench.ceilings import BATCH, PATCH_DHW
from hemosweep.bench.profile import top_kernels
from hemosweep.bench.timing import cuda_ms
from hemosweep.model.device import Device
from hemosweep.model.layers import BatchNorm, InputConvolution, MaxPool
from hemosweep.model.losses.soft_dice import dice_ce_loss
from hemosweep.model.memory import MicroBatch
from hemosweep.model.unet import SEUNet
from hemosweep.training.compiled import CompiledStep
from hemosweep.training.step import PlainStep, Step


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """A form of the step. A layer without `own_...` is PyTorch's."""

    name: str
    search: bool = True
    own_norm: bool = False
    own_pool: bool = False
    own_input: bool = False
    compiled: bool = False
    graph: bool = False


RUNGS = (
    Rung(name="PyTorch's layers", search=False),
    Rung(name="+ cuDNN's search"),
    Rung(name="+ normalisation over the view", own_norm=True),
    Rung(name="PyTorch's layers, compiled", compiled=True),
    Rung(name="+ pooling of slices", compiled=True, own_norm=True, own_pool=True),
    Rung(name="+ first convolution as a product", compiled=True, own_norm=True, own_pool=True, own_input=True),
    Rung(
        name="+ CUDA graph: what hemosweep runs",
        compiled=True,
        own_norm=True,
        own_pool=True,
        own_input=True,
        graph=True,
    ),
)


class Given:
    """A bank that holds one given batch."""

    def __init__(self, x_BCDHW: Tensor, label_BDHW: Tensor) -> None:
        self._patches = x_BCDHW, label_BDHW

    def gather(self, patch_B: Tensor) -> tuple[Tensor, Tensor]:
        return self._patches


def noise_batch(device: Device) -> Given:
    """A batch of noise, with lesion in a tenth of the voxels."""
    generator = torch.Generator().manual_seed(0)
    x_BCDHW = torch.randn(BATCH, 2, *PATCH_DHW, generator=generator).to(device.torch_device)
    label_BDHW = torch.rand(BATCH, *PATCH_DHW, generator=generator) < 0.1
    return Given(x_BCDHW.contiguous(memory_format=torch.channels_last_3d), label_BDHW.to(device.torch_device).long())


def build(rung: Rung, device: Device, *, dropout: float = 0.2, width: int = 64) -> nn.Module:
    """The network of a rung, with the same weights for all of them."""
    torch.manual_seed(0)
    model: nn.Module = SEUNet(2, width=width, dropout=dropout)
    if not rung.own_norm:
        model = _swap(model, BatchNorm, _plain_norm)
    if not rung.own_pool:
        model = _swap(model, MaxPool, lambda pool: nn.MaxPool3d(2))
    if not rung.own_input:
        model = _swap(model, InputConvolution, _plain_convolution)
    return device.place(model).train()


def make_step(rung: Rung, model: nn.Module, device: Device) -> Step:
    """The step of a rung, with its optimizer."""
    optimizer = torch.optim.Adadelta(model.parameters(), capturable=device.torch_device.type == "cuda")
    plain = PlainStep(model, dice_ce_loss, optimizer, MicroBatch(BATCH, least=2), device)
    if not rung.compiled:
        return plain

    def note(event: str, **fields: Any) -> None:
        if event != "compiled":  # Otherwise the rung would not be what its name says.
            raise RuntimeError(f"{rung.name}: {event} {fields}")

    return CompiledStep(plain, BATCH, note, graph=rung.graph)


def climb(device: Device, *, bound_ms: float, repeats: int = 50) -> Iterator[dict[str, Any]]:
    """Time each rung; of the first and the last one, tell the kernels that take longest.

    Errors are against a step in float32. Of the compiled rungs the last one alone has them: each would be compiled
    once more.
    """
    bank, numbers = noise_batch(device), torch.arange(BATCH)
    reference = _gradient(Rung(name="float32"), replace(device, bf16=False), bank)
    for rung in RUNGS:
        torch._dynamo.reset()
        torch.cuda.empty_cache()
        torch.backends.cudnn.benchmark = rung.search
        step = make_step(rung, build(rung, device), device)

        def run(step: Step = step) -> Tensor:
            return step(bank, numbers)

        for _ in range(5):
            run()
        torch.cuda.reset_peak_memory_stats()
        ms = cuda_ms(run, repeats=repeats, warm_up=5)
        row: dict[str, Any] = {
            "rung": rung.name,
            "ms": round(ms, 3),
            "patches_per_s": round(1e3 * BATCH / ms),
            "share_of_bound": round(bound_ms / ms, 3),
            "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2),
        }
        if rung in (RUNGS[0], RUNGS[-1]):
            row["kernels"] = top_kernels(run)
        if not rung.compiled or rung is RUNGS[-1]:
            row |= _errors(_gradient(rung, device, bank), reference)
        yield row


def count_waits(run: Callable[[], object], num_steps: int = 20) -> str:
    """ "none" where no step makes the host wait for the device, or what the first one that does waits for."""
    run()
    try:
        torch.cuda.set_sync_debug_mode("error")
        for _ in range(num_steps):
            run()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "none"


def _gradient(rung: Rung, device: Device, bank: Given) -> tuple[float, Tensor]:
    """Loss and gradients of one step without dropout, which each form draws in its own way."""
    with _exact(not device.bf16):
        model = build(rung, device, dropout=0.0)
        plain = PlainStep(model, dice_ce_loss, torch.optim.SGD(model.parameters()), MicroBatch(BATCH), device)
        loss_of = torch.compile(plain.loss_of, dynamic=False) if rung.compiled else plain.loss_of
        loss = loss_of(*bank.gather(torch.arange(BATCH)))
        loss.backward()
        gradients = [parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None]
        return float(loss.detach()), torch.cat(gradients).clone()


def _errors(measured: tuple[float, Tensor], reference: tuple[float, Tensor]) -> dict[str, float]:
    loss = abs(measured[0] - reference[0]) / abs(reference[0])
    gradient = float((measured[1] - reference[1]).norm() / reference[1].norm())
    return {"loss_error": float(f"{loss:.2e}"), "gradient_error": float(f"{gradient:.2e}")}


@contextmanager
def _exact(exact: bool) -> Iterator[None]:
    """Convolutions in float32 without the tensor cores' short mantissas."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = before and not exact
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _swap(module: nn.Module, kind: type[nn.Module], make: Callable[[Any], nn.Module]) -> nn.Module:
    for name, child in list(module.named_children()):
        setattr(module, name, make(child) if isinstance(child, kind) else _swap(child, kind, make))
    return module


def _plain_norm(norm: BatchNorm) -> nn.Module:
    plain = nn.BatchNorm3d(norm.num_features)
    plain.load_state_dict(copy.deepcopy(norm.state_dict()))
    return nn.Sequential(plain, nn.ReLU(inplace=True)) if norm.relu else plain


def _plain_convolution(convolution: InputConvolution) -> nn.Module:
    plain = nn.Conv3d(convolution.in_channels, convolution.out_channels, 3, padding=1, bias=False)
    plain.load_state_dict(convolution.state_dict())
    return plain
