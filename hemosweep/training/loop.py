"""The training of one fold, readable top to bottom (paper, Section 2.2.3)."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hemosweep.config import TrainingConfig
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.foldrun.pause import Paused
from hemosweep.foldrun.spec import NON_FINITE_NAME
from hemosweep.model.checkpoint import UnreadableCheckpoint, load_checkpoint, save_checkpoint, set_aside
from hemosweep.model.device import Device
from hemosweep.model.memory import MicroBatch
from hemosweep.model.schedules.constant import Constant
from hemosweep.sampling.bank import PatchBank
from hemosweep.training.compiled import CompiledStep, Forward, compiled_forward, is_worth_compiling
from hemosweep.training.step import LossFunction, PlainStep, Step, random_state, set_random_state


class NonFiniteLoss(HemosweepError):
    """A loss became NaN or infinite. `batch` is the first batch that gave such a loss, and where it came from."""

    def __init__(self, message: str, batch: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.batch = batch or {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """Figures of one epoch. `val_dsc` pools all validation patches; it is for watching, not for choosing."""

    epoch: int
    train_loss: float
    val_loss: float
    val_dsc: float
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """End of a training; the model then holds the weights of `best_epoch`."""

    best_epoch: int
    num_epochs: int
    reason: str


def train(
    model: nn.Module,
    loss: LossFunction,
    training: PatchBank,
    validation: PatchBank,
    config: TrainingConfig,
    device: Device,
    *,
    seed: int,
    run: str,
    checkpoint: Path,
    on_epoch: Callable[[Epoch], None],
    on_event: Callable[..., None],
    should_pause: Callable[[], bool] = lambda: False,
    graph: bool = True,
) -> Training:
    """Train until the validation loss has not improved for `patience` epochs, or to `max_epochs`.

    An epoch visits every training patch once in a new random order. A checkpoint
    after each epoch holds everything that the next one depends on: the same call goes on from it. One that cannot be
    read is set aside, and the training begins anew. A batch that memory does not hold is cut into micro-batches
    (`PlainStep.accumulate`), and so are all batches after it. A long training on CUDA is compiled (`CompiledStep`).

    Args:
        run: digest of the fold run; a checkpoint of another one is not gone on from.
        on_event: told what else happens, as a journal is: "resumed", "checkpoint_unreadable", "batch_halved",
            "compiled", "not_compiled", "no_graph".
        should_pause: asked before each epoch.
        graph: whether compiled steps become a CUDA graph.

    Raises:
        NonFiniteLoss: the loss of a batch is NaN or infinite; the batch is kept beside the checkpoint.
        OutOfMemory: memory does not hold the smallest micro-batch.
        GraphFailed: steps cannot become a CUDA graph; the same call in another process, without `graph`, goes on.
        Paused: `should_pause` said so; the same call goes on.
        BadInput: there is but one patch to train on.
    """
    if len(training) < 2:
        raise BadInput("the training part has one patch, and a batch needs two; take more cases, or patches a case")
    on_cuda = device.torch_device.type == "cuda"
    optimizer = config.optimiser.build(model.parameters(), on_cuda=on_cuda)
    rates = [group["lr"] for group in optimizer.param_groups]
    factor_after = config.schedule.build(max_epochs=config.max_epochs)
    val_losses: list[float] = []
    order = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    done, best_epoch, best_loss, best_weights = 0, 0, math.inf, copy.deepcopy(model.state_dict())
    micro_batch = MicroBatch(
        config.batch_size,
        least=2,  # Batch normalisation has no variance below.
        on_halved=lambda size: on_event("batch_halved", micro_batch=size, epoch=done + 1),
    )
    try:
        state = load_checkpoint(checkpoint, run)
    except UnreadableCheckpoint as error:
        state = None
        on_event("checkpoint_unreadable", reason=str(error), kept_as=set_aside(checkpoint).name)
    if state is not None:
        model.load_state_dict(state["model"])
        for group in state["optimizer"]["param_groups"]:
            if "capturable" in group:
                group["capturable"] = on_cuda  # Whatever the device was that wrote it.
        optimizer.load_state_dict(state["optimizer"])
        done, best_epoch, best_loss = state["epoch"], state["best_epoch"], state["best_loss"]
        best_weights, val_losses = state["best"], list(state["val_losses"])
        order.set_state(state["order"])
        set_random_state(state["random"], device)
        micro_batch.size = state["micro_batch"]
        smaller = {"micro_batch": micro_batch.size} if micro_batch.size < config.batch_size else {}
        on_event("resumed", epoch=done, **smaller)

    plain = PlainStep(model, loss, optimizer, micro_batch, device)
    step: Step = plain
    forward = forward_of(model, device)
    if is_worth_compiling(config, device, len(training)):
        # A graph replays the learning rate that it was captured with.
        graph = graph and isinstance(config.schedule, Constant)
        step = CompiledStep(plain, config.batch_size, on_event, graph=graph)
        forward = compiled_forward(forward, config.batch_size, on_event)

    while done < config.max_epochs and done - best_epoch < config.patience:
        if should_pause():
            raise Paused
        begun = time.perf_counter()
        if not isinstance(config.schedule, Constant):
            factor = factor_after(val_losses)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        try:
            train_loss = train_epoch(model, step, training, config.batch_size, device, order)
            val_loss, val_dsc = validate(model, loss, validation, config.batch_size, device, forward)
        except NonFiniteLoss as error:
            kept = checkpoint.with_name(NON_FINITE_NAME)
            save_checkpoint(kept, {"epoch": done + 1, **error.batch})
            raise NonFiniteLoss(
                f"{error} in epoch {done + 1}; look for wrong intensities or labels in the batch that did it, which is "
                f"in {kept}, or give a learning_rate below {config.optimiser.learning_rate}"
            ) from error
        done += 1
        val_losses.append(val_loss)
        if val_loss < best_loss:
            best_epoch, best_loss, best_weights = done, val_loss, copy.deepcopy(model.state_dict())
        seconds = time.perf_counter() - begun
        # Told before it is saved: a crash in between repeats the epoch, bit for bit, and loses nothing.
        on_epoch(Epoch(epoch=done, train_loss=train_loss, val_loss=val_loss, val_dsc=val_dsc, seconds=seconds))
        save_checkpoint(
            checkpoint,
            {
                "run": run,
                "epoch": done,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "best_epoch": best_epoch,
                "best_loss": best_loss,
                "best": best_weights,
                "val_losses": val_losses,
                "order": order.get_state(),
                "random": random_state(device),
                "micro_batch": micro_batch.size,
            },
        )

    model.load_state_dict(best_weights)
    return Training(
        best_epoch=best_epoch, num_epochs=done, reason="max_epochs" if done >= config.max_epochs else "patience"
    )


def train_epoch(
    model: nn.Module, step: Step, bank: PatchBank, batch_size: int, device: Device, order: torch.Generator
) -> float:
    model.train()
    shuffled = torch.randperm(len(bank), generator=order).to(device.torch_device)
    # A last batch of one patch would leave batch normalisation without a variance at the deepest level.
    batches = [batch for batch in shuffled.split(batch_size) if len(batch) > 1]
    total = torch.zeros((), device=device.torch_device)
    losses = []
    for batch_B in batches:
        batch_loss = step(bank, batch_B)
        total += batch_loss
        losses.append(batch_loss)
    return _finite(total / len(batches), "training", losses, batches, bank)


def forward_of(model: nn.Module, device: Device) -> Forward:
    """A network's logits in the device's arithmetic."""

    def forward(x_BCDHW: Tensor) -> Tensor:
        with device.autocast():
            logits_BCDHW: Tensor = model(device.arrange(x_BCDHW))
        return logits_BCDHW

    return forward


def validate(
    model: nn.Module,
    loss: LossFunction,
    bank: PatchBank,
    batch_size: int,
    device: Device,
    forward: Forward | None = None,
) -> tuple[float, float]:
    """Mean loss over all validation patches, and their pooled DSC (0 where neither mask has a voxel).

    Where memory does not hold a batch, its logits are put together from pieces: the loss is still the whole batch's.

    Args:
        forward: `forward_of` the model, or what is compiled from it.
    """
    forward = forward or forward_of(model, device)
    model.eval()
    total = torch.zeros((), device=device.torch_device)
    overlap = torch.zeros((), device=device.torch_device, dtype=torch.int64)
    volumes = torch.zeros_like(overlap)
    losses = []
    micro_batch = MicroBatch(batch_size)
    with torch.inference_mode():
        # One mixed order for ever: stored, patches lie by class, and a batch without lesion has no lesion Dice.
        order = torch.randperm(len(bank), generator=torch.Generator().manual_seed(0)).to(device.torch_device)
        batches = order.split(batch_size)
        for batch_B in batches:
            x_BCDHW, label_BDHW, *weights = bank.gather(batch_B)
            logits_BCDHW = micro_batch.forward(forward, x_BCDHW)
            batch_loss = loss(logits_BCDHW, label_BDHW, *weights)
            total += batch_loss * len(batch_B)
            losses.append(batch_loss)
            predicted_BDHW: Tensor = logits_BCDHW[:, 1] > logits_BCDHW[:, 0]
            overlap += (predicted_BDHW & (label_BDHW == 1)).sum()
            volumes += predicted_BDHW.sum() + label_BDHW.sum()
    mean_loss = _finite(total / len(bank), "validation", losses, batches, bank)
    return mean_loss, float(2 * overlap / volumes.clamp(min=1))


def _finite(mean: Tensor, part: str, losses: Sequence[Tensor], batches: Sequence[Tensor], bank: PatchBank) -> float:
    """A mean loss as a number. Looked at once an epoch: a look at each batch would keep the device waiting."""
    value = float(mean)
    if math.isfinite(value):
        return value
    step = next((i for i, loss in enumerate(losses) if not loss.isfinite()), 0)  # The others follow from it.
    x_BCDHW, label_BDHW, *_ = bank.gather(batches[step], transformed=False)
    case_ids, centre_B3, view_B = bank.origins(batches[step])
    batch = {
        "part": part,
        "step": step + 1,
        "loss": float(losses[step]),
        "images": x_BCDHW.cpu(),
        "labels": label_BDHW.cpu(),
    }
    origins = {"case_ids": case_ids, "centres": centre_B3, "views": view_B}
    raise NonFiniteLoss(f"the {part} loss became {value}", batch | origins)
