"""Does the CT angiography as a second channel help? (paper, Section 3.4)

Arms: `ncct` and `ncct+cta`, both trained and tested on the cases with an angiography (66 of the paper's 76). The paper
leaves the sampling open; `brain+lesion` is taken.

Command: `make sweep-angio`. Expected cost: minutes on two cores in the demo profile; 10 full trainings in the paper
profile.
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.config import ArmConfig
from hemosweep.sampling.restriction import restriction


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    return replace(
        base,
        preprocessing=replace(base.preprocessing, angiography=params["angiography"]),
        sampling=replace(base.sampling, restriction=restriction("brain+lesion")),
    )


SWEEP = Sweep(
    name="angio",
    question="Does the CT angiography as a second channel help?",
    section="3.4",
    space={"angiography": (False, True)},
    arm_name=lambda params: "ncct+cta" if params["angiography"] else "ncct",
    configure=_configure,
    baseline="ncct",
    comparisons=(("ncct", "ncct+cta"),),
    with_cta_only=True,
)
