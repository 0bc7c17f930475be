"""Which method segments best, each as it was published? (a benchmark of hemosweep's own, for the paper's Table 6)

Every method has its own input, network, loss, optimiser, augmentation and post-processing, as far as they are public;
`hemosweep.report.paper.methods` lists which of these facts are printed, remembered or inferred. The folds, the rule of
the kept epoch (best validation loss), the budget of voxels an epoch and the test are ours, the same for all. What the
networks alone make of it is the sweep `architecture`; the two tables are never mixed. An arm named `-like` is of a
method that is not public enough for more.

The baseline is the paper's final configuration, arm `final` of the sweep `final`. `window-40-90` and
`thresholded-channel` are it with the idea of Ker et al. 2019, who classify scans and segment nothing: CT from 40 to 90
HU, in place of the paper's window or as a further channel.

The profile scales patches and widths as it scales the paper's. Where it has fewer steps than the paper, a learning rate
made for many is raised in proportion, to 0.001 at most (stochastic gradient descent: 0.01).

Command: `make sweep-architecture`, which trains `architecture` first; needs `pip install hemosweep[nnunet]`. Expected
cost: up to half an hour on two cores in the demo profile; 100 full trainings in the paper profile.
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
from hemosweep.model.optimisers.adam import Adam
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
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.architecture import NETWORKS, with_channels
from hemosweep.sweeps.base import PAPER_PATCH_HWD, SYMMETRIC_METHOD
from hemosweep.sweeps.final import final
from hemosweep.sweeps.scaling import scaled_rate, scaled_size, with_network

BASELINE = "final"
NATIVE_MM = 0.1
"""Distance of slices that no scanner has: an axis is never made finer, so that the scanner's own stays."""
SLICE_PX, SLICE_MM = 256, 0.9
"""Whole slices of 512 pixels at half their size, as most methods of slices take them."""
WHOLE_HEAD_EPOCHS = 3
"""Factor of the epochs and the patience where an epoch is one view a case: Arab et al. train for 100 to 300 epochs."""


def _method(
    base: ArmConfig,
    arm: str,
    labelled_HWD: tuple[int, int, int],
    *,
    batch_size: int,
    window: tuple[float, float] = (0.0, 100.0),
    spacing_mm: float | None = None,
    inference: Mapping[str, Any] | None = None,
    sampling: Mapping[str, Any] | None = None,
    **training: Any,
) -> ArmConfig:
    """A method on a profile: half of its patches lie on the lesion and half in the brain, as for the other arms.

    Args:
        labelled_HWD: the labelled part of its patch at full size.
        spacing_mm: distance of pixels at full size; None keeps the profile's.
        inference, sampling, training: further fields of these sections.
    """
    height, width, depth = labelled_HWD
    scaled_depth = max(1, depth * base.sampling.patch_HWD[2] // PAPER_PATCH_HWD[2])
    size_HWD = (scaled_size(base, height), scaled_size(base, width), scaled_depth)
    drawn = replace(base, sampling=replace(base.sampling, restriction=restriction("brain")))
    made = with_channels(with_network(drawn, NETWORKS[arm](base), size_HWD, batch_size=batch_size))
    preprocessing = replace(made.preprocessing, intensity=Window(low_hu=window[0], high_hu=window[1]))
    if spacing_mm is not None:
        in_plane_mm = spacing_mm * _coarsened(base)
        own = base.preprocessing.spacing_HWD_mm
        preprocessing = replace(
            preprocessing, spacing_HWD_mm=(in_plane_mm, in_plane_mm, NATIVE_MM if own is None else own[2])
        )
    return replace(
        made,
        preprocessing=preprocessing,
        sampling=replace(made.sampling, **(sampling or {})),
        training=replace(made.training, **training),
        inference=replace(made.inference, **(inference or {})),
    )


def _coarsened(base: ArmConfig) -> float:
    """Factor by which the profile makes a voxel larger, so that a patch shows as much of the head."""
    return PAPER_PATCH_HWD[0] / base.sampling.patch_HWD[0]


def _slices(base: ArmConfig, arm: str, *, batch_size: int, **further: Any) -> ArmConfig:
    """A method of whole slices."""
    size_HWD = (SLICE_PX, SLICE_PX, 1)
    return _method(base, arm, size_HWD, batch_size=batch_size, spacing_mm=SLICE_MM, **further)


def _whole(base: ArmConfig, arm: ArmConfig, **preprocessing: Any) -> ArmConfig:
    """A method of whole heads: one view a case, and more epochs."""
    training = base.training
    return replace(
        arm,
        preprocessing=replace(arm.preprocessing, **preprocessing),
        sampling=replace(arm.sampling, centres="whole", num_patches_per_case=1),
        training=replace(
            arm.training,
            max_epochs=WHOLE_HEAD_EPOCHS * training.max_epochs,
            patience=WHOLE_HEAD_EPOCHS * training.patience,
            batch_size=2,
        ),
    )


def _adam(base: ArmConfig, learning_rate: float) -> Adam:
    return Adam(learning_rate=scaled_rate(base, learning_rate, at_most=1e-3))


def _hssayeni(base: ArmConfig) -> ArmConfig:
    return _method(
        base,
        "hssayeni",
        (160, 160, 1),
        window=(-20.0, 100.0),
        batch_size=32,
        loss=CrossEntropy(),
        optimiser=_adam(base, 1e-5),
        sampling={"transforms": (Affine(rotation_deg=20.0, zoom=0.2, shift=0.1, shear=0.1),)},
        inference={
            "postprocessing": (Closing(size_px=scaled_size(base, 10)), Opening(size_px=max(2, scaled_size(base, 5))))
        },
    )


def _deepbleed(base: ArmConfig, arm: str) -> ArmConfig:
    side_mm = 1.5 * _coarsened(base)
    size = scaled_size(base, 128)
    network = NETWORKS[arm](base)
    made = with_network(
        replace(base, sampling=replace(base.sampling, restriction=restriction("brain"))), network, (size, size, size)
    )
    made = replace(
        made,
        training=replace(made.training, loss=SoftDice(background=False), optimiser=_adam(base, 1e-4)),
        sampling=replace(made.sampling, transforms=(Flip(),)),
    )
    return _whole(base, made, spacing_HWD_mm=(side_mm, side_mm, side_mm), make_finer=True)


def _cnn_ds(base: ArmConfig) -> ArmConfig:
    size_HWD = (scaled_size(base, 128), scaled_size(base, 128), scaled_size(base, 64))
    drawn = replace(base, sampling=replace(base.sampling, restriction=restriction("brain")))
    made = with_network(drawn, NETWORKS["cnn-ds-like"](base), size_HWD)
    made = replace(
        made,
        training=replace(
            made.training, loss=SoftDice(), optimiser=_adam(base, 5e-4), schedule=Plateau(factor=0.5, patience=10)
        ),
        sampling=replace(made.sampling, transforms=(Flip(), Affine(rotation_deg=15.0, zoom=0.1, shift=0.05))),
    )
    return _whole(base, made, spacing_HWD_mm=None, shape_HWD=size_HWD)


def _sunetx5(base: ArmConfig) -> ArmConfig:
    training = base.training
    arm = _method(
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
    made = _method(
        base,
        arm,
        (320, 320, 16),
        batch_size=2,
        loss=DiceCE(),
        optimiser=SGD(),
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


def _of_final(base: ArmConfig, **preprocessing: Any) -> ArmConfig:
    arm = final(base)
    return replace(arm, preprocessing=replace(arm.preprocessing, **preprocessing))


_METHODS: Mapping[str, Callable[[ArmConfig], ArmConfig]] = {
    BASELINE: final,
    "window-40-90": lambda base: _of_final(base, intensity=Window(low_hu=40.0, high_hu=90.0)),
    "thresholded-channel": lambda base: _of_final(base, ct_channels=(Band(),)),
    "unet3d-cicek": lambda base: _method(
        base,
        "unet3d-cicek",
        (32, 32, 16),
        window=(0.0, 80.0),
        batch_size=8,
        loss=CrossEntropy(),
        optimiser=_adam(base, 1e-4),
    ),
    "hybrid3d2d-fpn": lambda base: _method(
        base,
        "hybrid3d2d-fpn",
        (512, 512, 1),
        window=(0.0, 80.0),
        batch_size=8,
        loss=DiceCE(),
        optimiser=_adam(base, 1e-4),
        inference={"postprocessing": (ConfidentComponents(mean_probability=0.5),)},
    ),
    "hssayeni": _hssayeni,
    "psinet-like": lambda base: _slices(
        base,
        "psinet-like",
        batch_size=8,
        loss=CrossEntropy(lesion_weight="balanced", at_most=10.0),
        optimiser=_adam(base, 1e-3),
        schedule=Plateau(),
        sampling={"transforms": (Flip(left_right=True, front_back=True),)},
    ),
    "multiview-like": lambda base: _slices(
        base,
        "multiview-like",
        window=(-20.0, 100.0),
        batch_size=16,
        loss=Mixed(parts=((CrossEntropy(), 0.5), (SoftDice(), 0.5))),
        optimiser=_adam(base, 1e-3),
    ),
    "deepbleed-tied": lambda base: _deepbleed(base, "deepbleed-tied"),
    "deepbleed-untied": lambda base: _deepbleed(base, "deepbleed-untied"),
    "cnn-ds-like": _cnn_ds,
    "weightmap-like": lambda base: _method(
        base,
        "weightmap-like",
        (64, 64, 16),
        batch_size=8,
        spacing_mm=1.0,
        loss=WeightedCE(weight_map=BorderWeights(lesion=20.0, border=5.0, sigma_mm=2.0)),
        optimiser=_adam(base, 1e-4),
    ),
    "siamese-sym": lambda base: _slices(
        base, "siamese-sym", window=(0.0, 80.0), batch_size=8, loss=DiceCE(), optimiser=_adam(base, 1e-4)
    ),
    "cascade-like": lambda base: _slices(
        base,
        "cascade-like",
        batch_size=8,
        loss=CrossEntropy(),
        optimiser=SGD(learning_rate=0.01, momentum=0.9, nesterov=False, weight_decay=5e-4),
    ),
    "patchfcn": lambda base: _method(
        base,
        "patchfcn",
        (240, 240, 1),
        window=(-15.0, 115.0),
        batch_size=16,
        loss=CrossEntropy(),
        optimiser=SGD(
            learning_rate=scaled_rate(base, 1e-3, at_most=1e-2), momentum=0.99, nesterov=False, weight_decay=1e-4
        ),
        inference={"overlap": 2 / 3},
    ),
    "ednet-like": lambda base: _slices(
        base,
        "ednet-like",
        batch_size=8,
        loss=Mixed(parts=((SoftDice(), 1.0), (WeightedCE(weight_map=ComponentSizeWeights(), gamma=2.0), 1.0))),
        optimiser=_adam(base, 1e-3),
    ),
    "se-unet-2d": lambda base: _method(
        base, "se-unet-2d", (128, 128, 1), batch_size=16, loss=SoftDice(), optimiser=_adam(base, 1e-3)
    ),
    "sunetx5": _sunetx5,
    "plainconv": lambda base: _nnunets_network(base, "plainconv"),
    "resenc": lambda base: _nnunets_network(base, "resenc"),
}


SWEEP = Sweep(
    name="published",
    question="Which method segments best, each as it was published?",
    space={"method": tuple(_METHODS)},
    arm_name=lambda params: params["method"],
    configure=lambda base, params: _METHODS[params["method"]](base),
    baseline=BASELINE,
    comparisons=tuple((BASELINE, method) for method in _METHODS if method != BASELINE),
)
