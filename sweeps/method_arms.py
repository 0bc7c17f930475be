"""Methods that are not the paper's, on a profile: one of patches, one of whole slices, one of whole heads."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hemosweep.config import ArmConfig
from hemosweep.intensity.window import Window
from hemosweep.model.optimisers.adam import Adam
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.architecture import NETWORKS
from hemosweep.sweeps.base import PAPER_PATCH_HWD
from hemosweep.sweeps.scaling import scaled_rate, scaled_size, with_network

NATIVE_MM = 0.1
"""Distance of slices that no scanner has: an axis is never made finer, so that the scanner's own stays."""
SLICE_PX, SLICE_MM = 256, 0.9
"""Whole slices of 512 pixels at half their size, as most methods of slices take them."""
WHOLE_HEAD_EPOCHS = 3
"""Factor of the epochs and the patience where an epoch is one view a case: Arab et al. train for 100 to 300 epochs."""


def method_arm(
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
    made = with_network(brain_drawn(base), NETWORKS[arm](base), size_HWD, batch_size=batch_size)
    preprocessing = replace(made.preprocessing, intensity=Window(low_hu=window[0], high_hu=window[1]))
    if spacing_mm is not None:
        in_plane_mm = spacing_mm * coarsened(base)
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


def brain_drawn(base: ArmConfig) -> ArmConfig:
    """A profile whose negatives come from the whole brain: no other method restricts them further."""
    return replace(base, sampling=replace(base.sampling, restriction=restriction("brain")))


def coarsened(base: ArmConfig) -> float:
    """Factor by which the profile makes a voxel larger, so that a patch shows as much of the head."""
    return PAPER_PATCH_HWD[0] / base.sampling.patch_HWD[0]


def slices_arm(base: ArmConfig, arm: str, *, batch_size: int, **further: Any) -> ArmConfig:
    """A method of whole slices."""
    size_HWD = (SLICE_PX, SLICE_PX, 1)
    return method_arm(base, arm, size_HWD, batch_size=batch_size, spacing_mm=SLICE_MM, **further)


def whole_head(base: ArmConfig, arm: ArmConfig, **preprocessing: Any) -> ArmConfig:
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


def adam(base: ArmConfig, learning_rate: float, *, at_most: float = 1e-3) -> Adam:
    return Adam(learning_rate=scaled_rate(base, learning_rate, at_most=at_most))
