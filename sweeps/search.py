"""Searches beyond the paper's arms: the axes that it fixed, opened to a sampler with a budget of trials.

Every search starts at the paper's own values and runs in an experiment of its own, apart from the ablations: its arms
were not declared before the data were seen, so none of them belongs in an ablation's table.

Command: `make sweep-search-sampling TRIALS=20`. Expected cost: about a minute a trial on two cores in the demo profile;
one cross-validation a trial in the paper profile.
"""

from dataclasses import replace

from hemosweep.ablation.search import Choice, Real, Search
from hemosweep.ablation.sweep import Params
from hemosweep.config import ArmConfig
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.losses.focal import Focal
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.base import PAPER_PATCH_HWD, paper_network, scaled_patch
from hemosweep.sweeps.final import final

PAPER_WIDTH = 64


def _sampling(base: ArmConfig, params: Params) -> ArmConfig:
    return replace(base, sampling=replace(base.sampling, restriction=restriction("brain+lesion+center", **params)))


def _patch(base: ArmConfig, params: Params) -> ArmConfig:
    in_plane, slices = params["in_plane"], params["slices"]
    # Twice the size of a profile's own patch is twice that of the paper's in every profile.
    return replace(base, sampling=replace(base.sampling, patch_HWD=scaled_patch(base, (in_plane, in_plane, slices))))


def _network(base: ArmConfig, params: Params) -> ArmConfig:
    network = paper_network(base)
    width = max(1, params["width"] * network.width // PAPER_WIDTH)
    return replace(base, network=replace(network, width=width, reduction=params["reduction"]))


def _training(base: ArmConfig, params: Params) -> ArmConfig:
    loss = Focal(gamma=params["focal_gamma"]) if params["loss"] == "focal" else DiceCE()
    optimiser = Adadelta(learning_rate=params["learning_rate"])
    return replace(base, training=replace(base.training, loss=loss, optimiser=optimiser))


def _with_center(base: ArmConfig) -> ArmConfig:
    return replace(base, sampling=replace(base.sampling, restriction=restriction("brain+lesion+center")))


SEARCHES: tuple[Search, ...] = (
    Search(
        name="search-sampling",
        question="How large should the forced shares of negatives be, and how wide their regions?",
        space={
            "border_share": Real(low=0.0, high=0.5),
            "ventricle_share": Real(low=0.0, high=0.5),
            "border_half_width_mm": Real(low=2.5, high=40.0, log=True),
            "center_half_width_mm": Real(low=10.0, high=80.0, log=True),
        },
        start={
            "border_share": 0.3,
            "ventricle_share": 0.3,
            "border_half_width_mm": 10.0,
            "center_half_width_mm": 30.0,
        },
        base=_with_center,
        configure=_sampling,
    ),
    Search(
        name="search-patch",
        question="Which patch shape, in plane and in slices?",
        space={
            "in_plane": Choice(options=(16, 24, 32, 40, 48, 64)),
            "slices": Choice(options=(8, 16, 24, 32)),
        },
        start={"in_plane": PAPER_PATCH_HWD[0], "slices": PAPER_PATCH_HWD[2]},
        base=final,
        configure=_patch,
    ),
    Search(
        name="search-network",
        question="How wide a network, and how narrow its squeeze-and-excitation?",
        space={
            "width": Choice(options=(16, 32, 48, 64, 96)),
            "reduction": Choice(options=(2, 4, 8, 16, 32)),
        },
        start={"width": PAPER_WIDTH, "reduction": 16},
        base=final,
        configure=_network,
    ),
    Search(
        name="search-training",
        question="Which loss, which focal gamma, which learning rate?",
        space={
            "loss": Choice(options=("dice_ce", "focal")),
            "focal_gamma": Real(low=0.5, high=5.0),
            "learning_rate": Real(low=0.05, high=5.0, log=True),
        },
        start={"loss": "dice_ce", "focal_gamma": 2.0, "learning_rate": 1.0},
        base=final,
        configure=_training,
    ),
)
