"""Does a Tversky loss, which counts missed lesion more than false alarms, segment better than Dice + cross-entropy?

A lab's own ablation in one file: its loss, its arms, its comparison. `hemosweep sweep tversky.py` runs it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from hemosweep.ablation.sweep import Sweep
from hemosweep.model.losses.dice_ce import DiceCE


@dataclass(frozen=True)
class Tversky:
    """Tversky loss (Salehi et al. 2017, Eq. 4); alpha weighs false positives, 1 - alpha what is missed."""

    alpha: float = 0.3

    def build(self) -> Callable[[Tensor, Tensor], Tensor]:
        return partial(tversky_loss, alpha=self.alpha)


def tversky_loss(logits_BCDHW: Tensor, label_BDHW: Tensor, alpha: float) -> Tensor:
    lesion = torch.softmax(logits_BCDHW.float(), dim=1)[:, 1]
    label = label_BDHW.float()
    hit, false, missed = (lesion * label).sum(), (lesion * (1 - label)).sum(), ((1 - lesion) * label).sum()
    return 1 - (hit + 1) / (hit + alpha * false + (1 - alpha) * missed + 1)


LOSSES = {"dice_ce": DiceCE(), "tversky_0.3": Tversky(alpha=0.3), "tversky_0.7": Tversky(alpha=0.7)}

SWEEP = Sweep(
    name="tversky",
    question="Does a Tversky loss segment better than Dice + cross-entropy?",
    space={"loss": tuple(LOSSES)},
    arm_name=lambda params: params["loss"],
    configure=lambda base, params: replace(base, training=replace(base.training, loss=LOSSES[params["loss"]])),
    baseline="dice_ce",
    comparisons=(("dice_ce", "tversky_0.3"), ("dice_ce", "tversky_0.7")),
)
