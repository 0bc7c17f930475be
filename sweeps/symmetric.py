"""Does the symmetric image as a second channel help? (paper, Section 3.4 and Table 4)

Arms: three of the sampling restrictions without and with the symmetric channel, and `lesion|hyperdense/symmetric`,
whose negatives come from around the lesion and from hyperdense regions alone. The arms without the channel are rows of
the paper's Table 3, and one fold run each with the arms of `sampling`.

Command: `make sweep-symmetric`. Expected cost: minutes on two cores in the demo profile; 35 full trainings in the paper
profile, 15 of them shared with `sampling`.
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.config import ArmConfig
from hemosweep.sweeps.base import SYMMETRIC_METHOD

_RESTRICTIONS = {
    "lesion": "brain+lesion",
    "lesion+center": "brain+lesion+center",
    "lesion+hyperdense": "brain+lesion+hyperdense",
    "lesion|hyperdense": "lesion|hyperdense",
}
_ARMS = ("lesion", "lesion+center", "lesion+hyperdense")


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    roi, *symmetric = params["arm"].split("/")
    return replace(
        base,
        preprocessing=replace(base.preprocessing, symmetric=SYMMETRIC_METHOD if symmetric else "none"),
        sampling=replace(base.sampling, restriction=_RESTRICTIONS[roi]),
    )


SWEEP = Sweep(
    name="symmetric",
    question="Does the symmetric image as a second channel help?",
    space={
        "arm": (*(name for roi in _ARMS for name in (roi, f"{roi}/symmetric")), "lesion|hyperdense/symmetric"),
    },
    arm_name=lambda params: params["arm"],
    configure=_configure,
    baseline="lesion",
    comparisons=tuple((roi, f"{roi}/symmetric") for roi in _ARMS),
)
