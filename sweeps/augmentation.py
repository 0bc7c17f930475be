"""Do flipped and rotated patches help, and how many are needed? (paper, Section 3.5 and Table 5)

Arms: `3000`, the final configuration, and four numbers of patches a case that augmentation multiplies by six.

Command: `make sweep-augmentation`. Expected cost: minutes on two cores in the demo profile; 25 full trainings in the
paper profile, some with six times the patches, five of them shared with `final` and `symmetric`.
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.config import ArmConfig
from hemosweep.sweeps.base import PAPER_PATCHES_PER_CASE
from hemosweep.sweeps.final import final


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    drawn, *augmented = params["num_patches"].split("->")
    arm = final(base)
    num_patches = int(drawn) * base.sampling.num_patches_per_case // PAPER_PATCHES_PER_CASE
    return replace(arm, sampling=replace(arm.sampling, num_patches_per_case=num_patches, augment=bool(augmented)))


SWEEP = Sweep(
    name="augmentation",
    question="Do flipped and rotated patches help, and how many are needed?",
    space={"num_patches": ("3000", "500->3000", "1000->6000", "1500->9000", "3000->18000")},
    arm_name=lambda params: params["num_patches"],
    configure=_configure,
    baseline="3000",
    comparisons=tuple(("3000", arm) for arm in ("500->3000", "1000->6000", "1500->9000", "3000->18000")),
)
