"""One training step: a batch's gradient, in pieces where memory asks for it, and the update of the weights."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hemosweep.model.device import Device
from hemosweep.model.memory import MicroBatch
from hemosweep.model.outputs import Outputs, loss_of_outputs

LossFunction = Callable[..., Tensor]
"""A function `(logits_BCDHW, label_BDHW) -> scalar`, or with weights of the voxels
`(logits_BCDHW, label_BDHW, weight_BDHW) -> scalar`."""


class Bank(Protocol):
    """The part of a `PatchBank` that a step needs."""

    def gather(self, patch_B: Tensor) -> tuple[Tensor, ...]:
        """Images `(B, C, D, H, W)` in float32, labels `(B, D, H, W)` in int64 and, where the loss takes them, weights
        `(B, D, H, W)` in float32, by number."""


class Step(Protocol):
    def __call__(self, bank: Bank, batch_B: Tensor) -> Tensor:
        """Train on the patches of these numbers, and return their loss, on the device."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Undo:
    """All that a forward pass changes: the state of the random generators, and the network's buffers."""

    random_state: dict[str, Any]
    buffers: tuple[Tensor, ...]


class PlainStep:
    """A step in PyTorch's own operations, for a batch of any size."""

    def __init__(
        self,
        model: nn.Module,
        loss: LossFunction,
        optimizer: torch.optim.Optimizer,
        micro_batch: MicroBatch,
        device: Device,
    ) -> None:
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.micro_batch, self.device = micro_batch, device
        self._buffers = list(model.buffers())  # Once: to walk through the modules takes longer than to copy them.

    def __call__(self, bank: Bank, batch_B: Tensor) -> Tensor:
        batch_loss = self.accumulate(bank, batch_B)
        self.optimizer.step()
        return batch_loss

    def loss_of(self, x_BCDHW: Tensor, *maps: Tensor) -> Tensor:
        """Loss of one forward pass.

        Args:
            maps: the labels, and the weights where the loss takes them.
        """
        with self.device.autocast():
            outputs: Outputs = self.model(self.device.arrange(x_BCDHW))
        return loss_of_outputs(self.loss, outputs, *maps)

    def accumulate(self, bank: Bank, batch_B: Tensor) -> Tensor:
        """Give the parameters a batch's gradient in place of the one before, and return the batch's loss.

        Where memory does not hold the batch, it goes through the network in micro-batches of nearly equal size, two
        patches or more each, and losses and gradients are averaged, weighted by patches. What ran out of memory leaves
        no trace: the step is what it would have been had it begun with the smaller micro-batches.

        A mean over voxels, such as the focal loss or the cross-entropy, stays what it is for the whole batch, but for
        rounding. What is not a mean does not: batch normalisation takes its statistics from each micro-batch, and moves
        its running ones once for each; the soft Dice, a ratio of sums over the batch, becomes the mean of the
        micro-batches'; dropout draws in another order.

        Raises:
            OutOfMemory: memory does not hold the smallest micro-batch.
        """
        before = self.before()

        def attempt(size: int) -> Tensor:
            batch_loss = torch.zeros((), device=self.device.torch_device)
            # With an odd batch and micro-batches of two, one of them has three.
            num_pieces = min(math.ceil(len(batch_B) / size), len(batch_B) // 2)
            for index, piece_B in enumerate(batch_B.tensor_split(num_pieces)):
                piece_loss = self.loss_of(*bank.gather(piece_B)) * (len(piece_B) / len(batch_B))
                if index == 0:
                    # Freed before the forward pass, its pages went back to the system: a tenth of a small step's time.
                    self.optimizer.zero_grad(set_to_none=True)
                piece_loss.backward()
                batch_loss += piece_loss.detach()
            return batch_loss

        return self.micro_batch.run(attempt, len(batch_B), lambda: self.undo(before))

    def before(self) -> Undo:
        """The state that `undo` puts back."""
        return Undo(random_state=random_state(self.device), buffers=tuple(buffer.clone() for buffer in self._buffers))

    def undo(self, before: Undo) -> None:
        """Take back a forward and a backward pass."""
        self.optimizer.zero_grad(set_to_none=True)
        set_random_state(before.random_state, self.device)
        for buffer, old in zip(self._buffers, before.buffers, strict=True):
            buffer.copy_(old)


def random_state(device: Device) -> dict[str, Any]:
    """The state of torch's generators, of the CPU and of the device."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if device.torch_device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device.torch_device)
    return state


def set_random_state(state: dict[str, Any], device: Device) -> None:
    """Put `random_state` back."""
    torch.set_rng_state(state["cpu"].cpu())
    if "cuda" in state and device.torch_device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"].cpu(), device.torch_device)
