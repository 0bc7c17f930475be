"""The final configuration: what does it reach? (paper, Section 3.6)

One arm: the symmetric image as a second channel, negatives from around the lesion and from hyperdense regions, no
augmentation. It is the arm `3000` of `augmentation` and `lesion|hyperdense/symmetric` of `symmetric`.

Command: `make sweep-final`. Expected cost: a minute on two cores in the demo profile; five full trainings in the paper
profile.
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Sweep
from hemosweep.config import ArmConfig
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.base import SYMMETRIC_METHOD


def final(base: ArmConfig) -> ArmConfig:
    """The paper's final configuration on a profile."""
    return replace(
        base,
        preprocessing=replace(base.preprocessing, symmetric=SYMMETRIC_METHOD),
        sampling=replace(base.sampling, restriction=restriction("lesion|hyperdense")),
    )


SWEEP = Sweep(
    name="final",
    question="What does the final configuration reach?",
    section="3.6",
    space={"arm": ("final",)},
    arm_name=lambda params: params["arm"],
    configure=lambda base, params: final(base),
    baseline="final",
    comparisons=(),
)
