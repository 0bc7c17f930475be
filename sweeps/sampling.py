"""Source of the negative patches: where should they come from? (paper, Section 3.3 and Table 3)

Arms: five restrictions, each a step on from one before it: the whole image (`none`, which is tested on the whole image,
too), the brain mask, a forced share from around the lesion, and for intraventricular blood a further share from the
brain's centre or from hyperdense regions.

Command: `make sweep-sampling`. Expected cost: minutes on two cores in the demo profile; 25 full trainings in the paper
profile, some of them shared with `se`, `loss`, `patchsize` and `symmetric`.
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.config import ArmConfig
from hemosweep.sampling.restriction import restriction


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    return replace(base, sampling=replace(base.sampling, restriction=restriction(params["restriction"])))


SWEEP = Sweep(
    name="sampling",
    question="Where should negative patches come from?",
    section="3.3",
    space={
        "restriction": ("none", "brain", "brain+lesion", "brain+lesion+center", "brain+lesion+hyperdense"),
    },
    arm_name=lambda params: params["restriction"],
    configure=_configure,
    baseline="none",
    comparisons=(
        ("none", "brain"),
        ("brain", "brain+lesion"),
        ("brain+lesion", "brain+lesion+center"),
        ("brain+lesion", "brain+lesion+hyperdense"),
    ),
)
