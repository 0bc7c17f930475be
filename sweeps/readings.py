"""Do the choices that the paper leaves open move its numbers? (a sweep of hemosweep's own)

Every arm is the final configuration (`final`, Section 3.6) with one choice read in another way. All readings, also
those that no arm varies, are in the list of `sweeps/reading_list/`, which every report shows.

| arm | in place of |
|---|---|
| `z-score`, `min-max` | a window of 0 to 100 HU |
| `gdl_ce`: generalised Dice + cross-entropy | soft Dice + cross-entropy |
| `rho-0.95`: Adadelta's rho, as in the laboratory's public code | 0.9, PyTorch's default |
| `channel-dropout` | dropout of single values |
| `grid-centres`: patch centres on a regular grid | at random |
| `union`: 30% of the negatives from around the hematoma or the IVH, the rest from the brain | from the two alone |
| `ivh-else-border`: in a case with IVH from there alone, else from around the hematoma | from both in every case |

The demo profile has no dropout, so that its kind would be no question: every arm of this sweep has the paper's rate.

Command: `make sweep-readings`. Expected cost: up to 15 minutes on two cores in the demo profile; 45 full trainings in
the paper profile, five of them shared with `final`, `symmetric` and `augmentation`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from hemosweep.ablation.sweep import Params, Sweep
from hemosweep.components.protocols import Intensity, Region
from hemosweep.config import ArmConfig
from hemosweep.intensity.min_max import MinMax
from hemosweep.intensity.z_score import ZScore
from hemosweep.model.losses.generalised_dice_ce import GeneralisedDiceCE
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.sampling.combined import Either, Preferred
from hemosweep.sampling.restriction import Brain, Hyperdense, LesionBorder, Restriction
from hemosweep.sweeps.base import paper_network
from hemosweep.sweeps.final import final

BASELINE = "final"
UNION_SHARE = 0.3
"""Share of the negatives that the paper forces from around the hematoma (Section 3.3)."""
IVH_FROM_ML = 1.0
"""Hyperdense regions of this volume are taken for IVH: without it, noise and calcification fill up to 0.7 mL."""


def _intensity(arm: ArmConfig, intensity: Intensity) -> ArmConfig:
    return replace(arm, preprocessing=replace(arm.preprocessing, intensity=intensity))


def _negatives(arm: ArmConfig, *regions: tuple[Region, float]) -> ArmConfig:
    return replace(arm, sampling=replace(arm.sampling, restriction=Restriction(regions=regions)))


_READINGS: Mapping[str, Callable[[ArmConfig], ArmConfig]] = {
    BASELINE: lambda arm: arm,
    "z-score": lambda arm: _intensity(arm, ZScore()),
    "min-max": lambda arm: _intensity(arm, MinMax()),
    "gdl_ce": lambda arm: replace(arm, training=replace(arm.training, loss=GeneralisedDiceCE())),
    "rho-0.95": lambda arm: replace(arm, training=replace(arm.training, optimiser=Adadelta(rho=0.95))),
    "channel-dropout": lambda arm: replace(arm, network=replace(paper_network(arm), channel_dropout=True)),
    "grid-centres": lambda arm: replace(arm, sampling=replace(arm.sampling, centres="grid")),
    "union": lambda arm: _negatives(
        arm, (Either(one=LesionBorder(), other=Hyperdense()), UNION_SHARE), (Brain(), 1.0 - UNION_SHARE)
    ),
    "ivh-else-border": lambda arm: _negatives(
        arm, (Preferred(first=Hyperdense(), otherwise=LesionBorder(), at_least_ml=IVH_FROM_ML), 1.0)
    ),
}


def _configure(base: ArmConfig, params: Params) -> ArmConfig:
    arm = final(base)
    arm = replace(arm, network=replace(paper_network(arm), dropout=SEUNet3D().dropout))
    return _READINGS[params["reading"]](arm)


SWEEP = Sweep(
    name="readings",
    question="Do the choices that the paper leaves open move its numbers?",
    space={"reading": tuple(_READINGS)},
    arm_name=lambda params: params["reading"],
    configure=_configure,
    baseline=BASELINE,
    comparisons=tuple((BASELINE, reading) for reading in _READINGS if reading != BASELINE),
)
