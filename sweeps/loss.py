"""Does Dice + cross-entropy train better than the focal loss? (paper, Section 3.2)

Arms: `focal` and `dice_ce`. Their sampling is `brain+lesion`, since `dice_ce` prints the figures of that row of the
paper's Table 3; input is the non-contrast CT.

Command: `make sweep-loss`. Expected cost: minutes on two cores in the demo profile; 10 full trainings in the paper
profile, half of them shared with `sampling`.
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.components.protocols import Loss
from hemosweep.config import ArmConfig
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.losses.focal import Focal
from hemosweep.sampling.restriction import restriction

_LOSSES: dict[str, Loss] = {"focal": Focal(), "dice_ce": DiceCE()}


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    return replace(
        base,
        sampling=replace(base.sampling, restriction=restriction("brain+lesion")),
        training=replace(base.training, loss=_LOSSES[params["loss"]]),
    )


SWEEP = Sweep(
    name="loss",
    question="Does Dice + cross-entropy train better than the focal loss?",
    section="3.2",
    space={"loss": ("focal", "dice_ce")},
    arm_name=lambda params: params["loss"],
    configure=_configure,
    baseline="focal",
    comparisons=(("focal", "dice_ce"),),
)
