"""Does a larger patch segment better? (paper, Section 3.3 and Fig. 6)

Arms: patches of (24, 24, 8), (32, 32, 16) and (48, 48, 24) voxels. Their sampling is `brain+lesion+center`, since the
middle arm prints the figures of that row of the paper's Table 3; input is the non-contrast CT alone.

Command: `make sweep-patchsize`. Expected cost: minutes on two cores in the demo profile; 15 full trainings in the
paper profile (`hemosweep plan patchsize --profile paper` forecasts the hours).
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.config import ArmConfig
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.base import scaled_patch


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    height, width, depth = (int(size) for size in params["patch_size"].split("x"))
    patch_HWD = scaled_patch(base, (height, width, depth))
    return replace(
        base, sampling=replace(base.sampling, restriction=restriction("brain+lesion+center"), patch_HWD=patch_HWD)
    )


SWEEP = Sweep(
    name="patchsize",
    question="Does a larger patch segment better?",
    section="3.3",
    space={"patch_size": ("24x24x8", "32x32x16", "48x48x24")},
    arm_name=lambda params: params["patch_size"],
    configure=_configure,
    baseline="24x24x8",
    comparisons=(("24x24x8", "32x32x16"), ("32x32x16", "48x48x24")),
)
