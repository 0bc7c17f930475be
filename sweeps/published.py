"""Does another method segment better, each as it was published? (a benchmark of hemosweep's own, beside Table 6)

Every method has its own input, network, loss, optimiser, augmentation and post-processing, as far as they are public;
`hemosweep.report.paper.method_facts` lists which of these facts are printed, remembered or inferred. The folds, the
rule of the kept epoch (best validation loss), the budget of voxels an epoch and the test are ours, the same for all.
What the networks alone make of it is the sweep `architecture`; the two tables are never mixed. An arm named `-like` is
of a method that is not public enough for more.

The baseline is the paper's final configuration, arm `final` of the sweep `final`. `window-40-90` and
`thresholded-channel` are it with the idea of Ker et al. 2019, who classify scans and segment nothing: CT from 40 to 90
HU, in place of the paper's window or as a further channel.

The profile scales patches and widths as it scales the paper's. Where it has fewer steps than the paper, a learning rate
made for many is raised in proportion, to 0.001 at most (the V-Nets': 0.0003). A momentum of 0.99 remembers fewer steps,
and its learning rate is raised so that a gradient counts for as much in all. Windows of the test then share a quarter
in place of a half, but for a method that says what its own share.

Command: `make sweep-architecture`, which trains `architecture` first; needs `pip install hemosweep[nnunet]`. Expected
cost: 22 minutes on two cores in the demo profile; 100 full trainings in the paper profile.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hemosweep.ablation.sweep import Sweep
from hemosweep.config import ArmConfig
from hemosweep.intensity.band import Band
from hemosweep.intensity.window import Window
from hemosweep.intensity.z_score import ZScore
from hemosweep.model.losses.cross_entropy import CrossEntropy
from hemosweep.model.losses.dice import SoftDice
from hemosweep.model.losses.dice_ce import DiceCE
from hemosweep.model.losses.generalised_dice_ce import GeneralisedDiceCE
from hemosweep.model.losses.mixed import Mixed
from hemosweep.model.losses.weighted import WeightedCE
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.model.optimisers.sgd import SGD
from hemosweep.model.schedules.plateau import Plateau
from hemosweep.model.schedules.poly import Poly
from hemosweep.model.weight_maps.border import BorderWeights
from hemosweep.model.weight_maps.component_size import ComponentSizeWeights
from hemosweep.postprocessing.components import ConfidentComponents
from hemosweep.postprocessing.morphology import Closing, Opening
from hemosweep.sampling.augmentations.affine import Affine
from hemosweep.sampling.augmentations.flip import Flip
from hemosweep.sampling.augmentations.intensity_jitter import IntensityJitter
from hemosweep.sweeps.architecture import NETWORKS
from hemosweep.sweeps.base import PAPER_PATCH_HWD, SYMMETRIC_METHOD
from hemosweep.sweeps.final import final
from hemosweep.sweeps.method_arms import adam, brain_drawn, coarsened, method_arm, slices_arm, whole_head
from hemosweep.sweeps.scaling import rate_for_momentum, scaled_momentum, scaled_size, with_network, with_scaled_test

BASELINE = "final"
LARGEST_VNET_RATE = 3e-4
"""At 1e-3 the V-Net with untied weights found no lesion from the third epoch on, where its loss has no gradient."""


def _hssayeni(base: ArmConfig) -> ArmConfig:
    return method_arm(
        base,
        "hssayeni",
        (160, 160, 1),
        window=(-20.0, 100.0),
        batch_size=32,
        loss=CrossEntropy(),
        optimiser=adam(base, 1e-5),
        sampling={"transforms": (Affine(rotation_deg=20.0, zoom=0.2, shift=0.1, shear=0.1),)},
        inference={
            "postprocessing": (Closing(size_px=scaled_size(base, 10)), Opening(size_px=max(2, scaled_size(base, 5))))
        },
    )


def _deepbleed(base: ArmConfig, arm: str) -> ArmConfig:
    side_mm = 1.5 * coarsened(base)
    size = scaled_size(base, 128)
    made = with_network(brain_drawn(base), NETWORKS[arm](base), (size, size, size))
    made = replace(
        made,
        training=replace(
            made.training, loss=SoftDice(background=False), optimiser=adam(base, 1e-4, at_most=LARGEST_VNET_RATE)
        ),
        sampling=replace(made.sampling, transforms=(Flip(),)),
    )
    return whole_head(base, made, spacing_HWD_mm=(side_mm, side_mm, side_mm), make_finer=True)


def _cnn_ds(base: ArmConfig) -> ArmConfig:
    size_HWD = (scaled_size(base, 128), scaled_size(base, 128), scaled_size(base, 64))
    made = with_network(brain_drawn(base), NETWORKS["cnn-ds-like"](base), size_HWD)
    made = replace(
        made,
        training=replace(
            made.training, loss=SoftDice(), optimiser=adam(base, 5e-4), schedule=Plateau(factor=0.5, patience=10)
        ),
        sampling=replace(made.sampling, transforms=(Flip(), Affine(rotation_deg=15.0, zoom=0.1, shift=0.05))),
    )
    return whole_head(base, made, spacing_HWD_mm=None, shape_HWD=size_HWD)


def _sunetx5(base: ArmConfig) -> ArmConfig:
    training = base.training
    arm = method_arm(
        base,
        "sunetx5",
        (64, 64, 1),
        batch_size=32,
        loss=GeneralisedDiceCE(),
        optimiser=Adadelta(rho=0.95),
        max_epochs=max(1, training.max_epochs // 2),
        patience=max(1, training.patience // 2),
        sampling={"centres": "grid"},
    )
    return replace(arm, preprocessing=replace(arm.preprocessing, intensity=ZScore(), symmetric=SYMMETRIC_METHOD))


def _nnunets_network(base: ArmConfig, arm: str) -> ArmConfig:
    """One of nnU-Net's networks with as much of its recipe as these folds and this test leave."""
    made = method_arm(
        base,
        arm,
        _planned_patch(base),
        batch_size=2,
        loss=DiceCE(),
        optimiser=SGD(
            learning_rate=rate_for_momentum(base, 0.01, 0.99), momentum=scaled_momentum(base, 0.99), clip_norm=12.0
        ),
        schedule=Poly(),
        sampling={
            "transforms": (
                Flip(left_right=True, front_back=True, head_foot=True),
                Affine(rotation_deg=30.0, zoom=0.3, shift=0.0),
                IntensityJitter(brightness=0.1, contrast=0.25, gamma=0.3, noise=0.05),
            )
        },
    )
    return replace(made, preprocessing=replace(made.preprocessing, intensity=ZScore()))


def _planned_patch(base: ArmConfig) -> tuple[int, int, int]:
    """nnU-Net plans as large a patch as its memory takes, 320 pixels wide at full size. Ours is narrower where a batch
    would hold more voxels than a profile's epoch has of a case; the network's next size may then be a little larger."""
    depth = 16
    height, width, _ = PAPER_PATCH_HWD
    budget = base.sampling.num_patches_per_case * height * width * depth
    side = next(side for side in range(320, 0, -32) if 2 * side**2 * depth <= budget)
    return side, side, depth


def _of_final(base: ArmConfig, **preprocessing: Any) -> ArmConfig:
    arm = final(base)
    return replace(arm, preprocessing=replace(arm.preprocessing, **preprocessing))


_METHODS: Mapping[str, Callable[[ArmConfig], ArmConfig]] = {
    BASELINE: final,
    "window-40-90": lambda base: _of_final(base, intensity=Window(low_hu=40.0, high_hu=90.0)),
    "thresholded-channel": lambda base: _of_final(base, ct_channels=(Band(),)),
    "resenc": lambda base: _nnunets_network(base, "resenc"),
    "plainconv": lambda base: _nnunets_network(base, "plainconv"),
    "unet3d-cicek": lambda base: method_arm(
        base,
        "unet3d-cicek",
        (32, 32, 16),
        window=(0.0, 80.0),
        batch_size=8,
        loss=CrossEntropy(),
        optimiser=adam(base, 1e-4),
    ),
    "hybrid3d2d-fpn": lambda base: method_arm(
        base,
        "hybrid3d2d-fpn",
        (512, 512, 1),
        window=(0.0, 80.0),
        batch_size=8,
        loss=DiceCE(),
        optimiser=adam(base, 1e-4),
        inference={"postprocessing": (ConfidentComponents(mean_probability=0.5),)},
    ),
    "hssayeni": _hssayeni,
    "psinet-like": lambda base: slices_arm(
        base,
        "psinet-like",
        batch_size=8,
        loss=CrossEntropy(lesion_weight="balanced", at_most=10.0),
        optimiser=adam(base, 1e-3),
        schedule=Plateau(),
        sampling={"transforms": (Flip(left_right=True, front_back=True),)},
    ),
    "multiview-like": lambda base: slices_arm(
        base,
        "multiview-like",
        window=(-20.0, 100.0),
        batch_size=16,
        loss=Mixed(parts=((CrossEntropy(), 0.5), (SoftDice(), 0.5))),
        optimiser=adam(base, 1e-3),
    ),
    "deepbleed-tied": lambda base: _deepbleed(base, "deepbleed-tied"),
    "deepbleed-untied": lambda base: _deepbleed(base, "deepbleed-untied"),
    "cnn-ds-like": _cnn_ds,
    "weightmap-like": lambda base: method_arm(
        base,
        "weightmap-like",
        (64, 64, 16),
        batch_size=8,
        spacing_mm=1.0,
        loss=WeightedCE(weight_map=BorderWeights(lesion=20.0, border=5.0, sigma_mm=2.0)),
        optimiser=adam(base, 1e-4),
    ),
    "siamese-sym": lambda base: slices_arm(
        base, "siamese-sym", window=(0.0, 80.0), batch_size=8, loss=DiceCE(), optimiser=adam(base, 1e-4)
    ),
    "cascade-like": lambda base: slices_arm(
        base,
        "cascade-like",
        batch_size=8,
        loss=CrossEntropy(),
        optimiser=SGD(learning_rate=0.01, momentum=0.9, nesterov=False, weight_decay=5e-4),
    ),
    "patchfcn": lambda base: method_arm(
        base,
        "patchfcn",
        (240, 240, 1),
        window=(-15.0, 115.0),
        batch_size=16,
        loss=CrossEntropy(),
        optimiser=SGD(
            learning_rate=rate_for_momentum(base, 1e-3, 0.99),
            momentum=scaled_momentum(base, 0.99),
            nesterov=False,
            weight_decay=1e-4,
        ),
        inference={"overlap": 2 / 3},
    ),
    "ednet-like": lambda base: slices_arm(
        base,
        "ednet-like",
        batch_size=8,
        loss=Mixed(parts=((SoftDice(), 1.0), (WeightedCE(weight_map=ComponentSizeWeights(), gamma=2.0), 1.0))),
        optimiser=adam(base, 1e-3),
    ),
    "se-unet-2d": lambda base: method_arm(
        base, "se-unet-2d", (128, 128, 1), batch_size=16, loss=SoftDice(), optimiser=adam(base, 1e-3)
    ),
    "sunetx5": _sunetx5,
}


SWEEP = Sweep(
    name="published",
    question="Does another method segment better, each as it was published?",
    space={"method": tuple(_METHODS)},
    arm_name=lambda params: params["method"],
    configure=lambda base, params: with_scaled_test(base, _METHODS[params["method"]](base)),
    baseline=BASELINE,
    comparisons=tuple((BASELINE, method) for method in _METHODS if method != BASELINE),
)
