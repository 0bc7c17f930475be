"""Does the symmetric image as a second channel help? (paper, Section 3.4 and Table 4)

Arms: three of the sampling restrictions without and with the symmetric channel, and `lesion|hyperdense/symmetric`,
whose negatives come from around the lesion and from hyperdense regions alone; it is compared with the row above it. The
arms without the channel are rows of the paper's Table 3, and one fold run each with the arms of `sampling`.

Command: `make sweep-symmetric`. Expected cost: minutes on two cores in the demo profile; 35 full trainings in the paper
profile, 15 of them shared with `sampling`.
"""

from dataclasses import replace

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.config import ArmConfig
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.base import SYMMETRIC_METHOD

_RESTRICTIONS = {
    "lesion": "brain+lesion",
    "lesion+center": "brain+lesion+center",
    "lesion+hyperdense": "brain+lesion+hyperdense",
    "lesion|hyperdense": "lesion|hyperdense",
}
_COMPARED = ("lesion", "lesion+center", "lesion+hyperdense")
"""Restrictions that have an arm without the channel and one with it."""


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    return replace(
        base,
        preprocessing=replace(base.preprocessing, symmetric=SYMMETRIC_METHOD if params["symmetric"] else "none"),
        sampling=replace(base.sampling, restriction=restriction(_RESTRICTIONS[params["restriction"]])),
    )


SWEEP = Sweep(
    name="symmetric",
    question="Does the symmetric image as a second channel help?",
    section="3.4",
    space={"restriction": tuple(_RESTRICTIONS), "symmetric": (False, True)},
    where=lambda params: params["symmetric"] or params["restriction"] in _COMPARED,
    arm_name=lambda params: params["restriction"] + ("/symmetric" if params["symmetric"] else ""),
    configure=_configure,
    baseline="lesion",
    comparisons=(
        *((roi, f"{roi}/symmetric") for roi in _COMPARED),
        ("lesion+hyperdense/symmetric", "lesion|hyperdense/symmetric"),
    ),
)
