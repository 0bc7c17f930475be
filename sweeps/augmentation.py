"""Do flipped and rotated patches help, and how many are needed? (paper, Section 3.5 and Table 5)

Arms: `3000`, the final configuration, and four numbers of patches a case that augmentation multiplies by six. Each is
compared with the row above it in Table 5, and the last one with the first, too: the five comparisons of the paper.

Command: `make sweep-augmentation`. Expected cost: minutes on two cores in the demo profile; 25 full trainings in the
paper profile, some with six times the patches, five of them shared with `final` and `symmetric`.
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.config import ArmConfig
from hemosweep.sweeps.base import PAPER_PATCHES_PER_CASE
from hemosweep.sweeps.final import final

NUM_VIEWS = 6
"""Views of a drawn patch with augmentation: as it is, flipped both ways and rotated three times (Section 3.5)."""


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    arm = final(base)
    num_patches = params["num_patches"] * base.sampling.num_patches_per_case // PAPER_PATCHES_PER_CASE
    return replace(arm, sampling=replace(arm.sampling, num_patches_per_case=num_patches, augment=params["augment"]))


def _name(params: Params) -> str:
    drawn = params["num_patches"]
    return f"{drawn}->{NUM_VIEWS * drawn}" if params["augment"] else f"{drawn}"


SWEEP = Sweep(
    name="augmentation",
    question="Do flipped and rotated patches help, and how many are needed?",
    section="3.5",
    space={"augment": (False, True), "num_patches": (500, 1000, 1500, PAPER_PATCHES_PER_CASE)},
    where=lambda params: params["augment"] or params["num_patches"] == PAPER_PATCHES_PER_CASE,
    arm_name=_name,
    configure=_configure,
    baseline="3000",
    comparisons=(
        ("3000", "500->3000"),
        ("500->3000", "1000->6000"),
        ("1000->6000", "1500->9000"),
        ("1500->9000", "3000->18000"),
        ("3000", "3000->18000"),
    ),
)
