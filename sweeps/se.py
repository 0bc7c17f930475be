"""Do squeeze-and-excitation blocks segment better? (paper, Section 3.1 and Table 2)

Arms: `unet`, the plain 3D U-Net, and `se_unet`. Negatives come from the brain mask alone; input is the non-contrast CT.

Command: `make sweep-se`. Expected cost: minutes on two cores in the demo profile; 10 full trainings in the paper
profile.
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.config import ArmConfig
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.base import paper_network


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    return replace(
        base,
        sampling=replace(base.sampling, restriction=restriction("brain")),
        network=replace(paper_network(base), se=params["se"]),
    )


SWEEP = Sweep(
    name="se",
    question="Do squeeze-and-excitation blocks segment better?",
    section="3.1",
    space={"se": (False, True)},
    arm_name=lambda params: "se_unet" if params["se"] else "unet",
    configure=_configure,
    baseline="unet",
    comparisons=(("unet", "se_unet"),),
)
