"""The training of one fold, readable top to bottom (paper, Section 2.2.3)."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hemosweep.config import TrainingConfig
from hemosweep.errors import HemosweepError
from hemosweep.model.device import Device
from hemosweep.model.losses import Loss
from hemosweep.sampling.bank import PatchBank
from hemosweep.training.checkpoint import load_checkpoint, save_checkpoint


class NonFiniteLoss(HemosweepError):
    """The training loss became NaN or infinite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """What one epoch gave. `val_dsc` pools all validation patches; it is for watching, not for choosing."""

    epoch: int
    train_loss: float
    val_loss: float
    val_dsc: float
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How a training ended; the model then holds the weights of `best_epoch`."""

    best_epoch: int
    num_epochs: int
    reason: str


def train(
    model: nn.Module,
    loss: Loss,
    training: PatchBank,
    validation: PatchBank,
    config: TrainingConfig,
    device: Device,
    *,
    seed: int,
    checkpoint: Path,
    on_epoch: Callable[[Epoch], None],
    on_resume: Callable[[int], None],
) -> Training:
    """Train until the validation loss has not improved for `patience` epochs, or to `max_epochs`.

    Adadelta with its usual defaults. An epoch visits every training patch once in a new random order. A checkpoint
    after each epoch holds everything that the next one depends on: the same call goes on from it.

    Raises:
        NonFiniteLoss: the loss of a batch is NaN or infinite.
    """
    optimizer = torch.optim.Adadelta(model.parameters(), lr=config.learning_rate)
    order = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    done, best_epoch, best_loss, best_weights = 0, 0, math.inf, copy.deepcopy(model.state_dict())
    if checkpoint.is_file():
        state = load_checkpoint(checkpoint, device.torch_device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        done, best_epoch, best_loss = state["epoch"], state["best_epoch"], state["best_loss"]
        best_weights = state["best"]
        order.set_state(state["order"].cpu())
        _set_random_state(state["random"], device)
        on_resume(done)

    while done < config.max_epochs and done - best_epoch < config.patience:
        begun = time.perf_counter()
        train_loss = _train_epoch(model, loss, training, optimizer, config.batch_size, device, order)
        val_loss, val_dsc = validate(model, loss, validation, config.batch_size, device)
        done += 1
        if val_loss < best_loss:
            best_epoch, best_loss, best_weights = done, val_loss, copy.deepcopy(model.state_dict())
        seconds = time.perf_counter() - begun
        # Told before it is saved: a crash in between repeats the epoch, bit for bit, and loses nothing.
        on_epoch(Epoch(epoch=done, train_loss=train_loss, val_loss=val_loss, val_dsc=val_dsc, seconds=seconds))
        save_checkpoint(
            checkpoint,
            {
                "epoch": done,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "best_epoch": best_epoch,
                "best_loss": best_loss,
                "best": best_weights,
                "order": order.get_state(),
                "random": _random_state(device),
            },
        )

    model.load_state_dict(best_weights)
    return Training(
        best_epoch=best_epoch, num_epochs=done, reason="max_epochs" if done >= config.max_epochs else "patience"
    )


def _train_epoch(
    model: nn.Module,
    loss: Loss,
    bank: PatchBank,
    optimizer: torch.optim.Optimizer,
    batch_size: int,
    device: Device,
    order: torch.Generator,
) -> float:
    model.train()
    shuffled = torch.randperm(len(bank), generator=order).to(device.torch_device)
    # A last batch of one patch would leave batch normalisation without a variance at the deepest level.
    batches = [batch for batch in shuffled.split(batch_size) if len(batch) > 1]
    total = torch.zeros((), device=device.torch_device)
    for batch_B in batches:
        x_BCDHW, label_BDHW = bank.gather(batch_B)
        with device.autocast():
            logits_BCDHW = model(device.arrange(x_BCDHW))
        batch_loss = loss(logits_BCDHW, label_BDHW)
        optimizer.zero_grad(set_to_none=True)
        batch_loss.backward()
        optimizer.step()
        total += batch_loss.detach()
    return _finite(total / len(batches), "training")


def validate(model: nn.Module, loss: Loss, bank: PatchBank, batch_size: int, device: Device) -> tuple[float, float]:
    """Mean loss over all validation patches, and their pooled DSC (0 where neither mask has a voxel)."""
    model.eval()
    total = torch.zeros((), device=device.torch_device)
    overlap = torch.zeros((), device=device.torch_device, dtype=torch.int64)
    volumes = torch.zeros_like(overlap)
    with torch.inference_mode():
        # One mixed order for ever: stored, patches lie by class, and a batch without lesion has no lesion Dice.
        order = torch.randperm(len(bank), generator=torch.Generator().manual_seed(0)).to(device.torch_device)
        for batch_B in order.split(batch_size):
            x_BCDHW, label_BDHW = bank.gather(batch_B)
            with device.autocast():
                logits_BCDHW = model(device.arrange(x_BCDHW))
            total += loss(logits_BCDHW, label_BDHW) * len(batch_B)
            predicted_BDHW: Tensor = logits_BCDHW[:, 1] > logits_BCDHW[:, 0]
            overlap += (predicted_BDHW & (label_BDHW == 1)).sum()
            volumes += predicted_BDHW.sum() + label_BDHW.sum()
    return _finite(total / len(bank), "validation"), float(2 * overlap / volumes.clamp(min=1))


def _finite(loss: Tensor, part: str) -> float:
    value = float(loss)
    if not math.isfinite(value):
        raise NonFiniteLoss(f"the {part} loss became {value}; look at the inputs' intensities and the loss")
    return value


def _random_state(device: Device) -> dict[str, Any]:
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if device.torch_device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device.torch_device)
    return state


def _set_random_state(state: dict[str, Any], device: Device) -> None:
    torch.set_rng_state(state["cpu"].cpu())
    if "cuda" in state and device.torch_device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"].cpu(), device.torch_device)
