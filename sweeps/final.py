"""The final configuration: what does it reach, and how far from the baseline? (paper, abstract and Section 3.6)

Arms: `unet`, the baseline, which is the arm of that name of `se`; and `final`: squeeze-and-excitation, the symmetric
image as a second channel, negatives from around the lesion and from hyperdense regions, no augmentation. `final` is the
arm `3000` of `augmentation` and `lesion|hyperdense/symmetric` of `symmetric`.

Command: `make sweep-final`. Expected cost: a few minutes on two cores in the demo profile; 10 full trainings in the
paper profile, all of them shared with `se`, `symmetric` and `augmentation`.
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.config import ArmConfig
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.base import SYMMETRIC_METHOD
from hemosweep.sweeps.se import brain_sampled


def final(base: ArmConfig) -> ArmConfig:
    """The paper's final configuration on a profile."""
    return replace(
        base,
        preprocessing=replace(base.preprocessing, symmetric=SYMMETRIC_METHOD),
        sampling=replace(base.sampling, restriction=restriction("lesion|hyperdense")),
    )


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    return final(base) if params["arm"] == "final" else brain_sampled(base, se=False)


SWEEP = Sweep(
    name="final",
    question="What does the final configuration reach, and how far is it from the plain U-Net?",
    section="3.6",
    space={"arm": ("unet", "final")},
    arm_name=lambda params: params["arm"],
    configure=_configure,
    baseline="unet",
    comparisons=(("unet", "final"),),
)
