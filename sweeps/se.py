"""Do squeeze-and-excitation blocks segment better? (paper, Section 3.1 and Table 2)

Arms: `unet`, the plain 3D U-Net, and `se_unet`. Negatives come from the brain mask alone; input is the non-contrast CT.

Command: `make sweep-se`. Expected cost: minutes on two cores in the demo profile; 10 full trainings in the paper
profile.
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Sweep
from hemosweep.config import ArmConfig
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.base import paper_network


def brain_sampled(base: ArmConfig, *, se: bool) -> ArmConfig:
    """The paper's network with negatives from the brain, on a profile; without `se` it is the paper's baseline."""
    return replace(
        base,
        sampling=replace(base.sampling, restriction=restriction("brain")),
        network=replace(paper_network(base), se=se),
    )


SWEEP = Sweep(
    name="se",
    question="Do squeeze-and-excitation blocks segment better?",
    section="3.1",
    space={"se": (False, True)},
    arm_name=lambda params: "se_unet" if params["se"] else "unet",
    configure=lambda base, params: brain_sampled(base, se=params["se"]),
    baseline="unet",
    comparisons=(("unet", "se_unet"),),
)
