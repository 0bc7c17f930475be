"""Scans of no head: air, a table, a torso, a limb, a plastic phantom, a brain without its skull."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hemosweep.arrays import FloatArray, Mask, Spacing
from hemosweep.data.hounsfield import BONE_HU
from hemosweep.preprocessing.head import (
    FLOOR_MARGIN_HU,
    HEAD_OPENING_MM,
    HEAD_TISSUE_FROM_HU,
    largest_component,
    near,
    opened,
)
from hemosweep.preprocessing.head_blocks import SATURATED_SHARE

COARSE_MM = 2.0
MIN_BODY_ML = 50.0
"""Three slices of a newborn's head."""
MAX_HEAD_MM = (300.0, 250.0)
"""Length and width that no head reaches, nose, ears and dressings counted; adults have up to 250 by 210 mm."""
CYLINDER_SPREAD, MIN_CYLINDER_MM = 0.015, 60.0
"""The outlines of a cylinder have one area. Those of the flattest 60 mm of a head spread by 3%."""
MIN_BRAIN_CM2, MIN_BRAIN_OF_BODY = 25.0, 0.4
"""The widest slice through a brain: 35 cm2 before term, and three quarters of the head's."""
MIN_ENCLOSED = 0.5
"""Share of the brain's border that has bone beside it. A large craniectomy leaves two thirds."""
MIN_DEPTH_MM = 20.0
"""Depth of the slices with at least half of the largest brain area, where the scan is deep enough."""
BESIDE_MM = 5.0
STRIPPED_BACKGROUND, STRIPPED_BONE, STRIPPED_BRAIN = 0.3, 0.12, 0.9
"""A stripped scan has one value around the brain, at least so often; next to no bone; and no scalp."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Body:
    """The largest body of a scan on voxels of about 2 mm: its areas slice by slice, its size in the slice that shows it
    best, and what it has of bone and brain there. `depth_mm` is that of the brain."""

    area_D_cm2: FloatArray
    slice_mm: float
    size_mm: tuple[float, float]
    ml: float
    bone_share: float
    brain_cm2: float
    brain_of_body: float
    enclosed: float
    depth_mm: float
    touches_side: bool


def perhaps_mr(hu_DHW: FloatArray) -> str:
    """Sentence to add to a fault of a scan whose values are not those of a CT; empty where they may be."""
    return "" if hu_DHW.min() < 0 else " No value is below 0, as that of air is: it may be an MR image."


def no_head(hu_DHW: FloatArray, spacing_DHW_mm: Spacing, head_DHW: Mask, brain_DHW: Mask) -> str | None:
    """Name what a scan shows that is no head; None for a head, whole or in part.

    Args:
        hu_DHW: CT in HU, RAS+ array order, with orthogonal axes; it may be clipped to a window.
        spacing_DHW_mm: voxel size.
        head_DHW: what `head_mask` found.
        brain_DHW: what `brain_mask` found in it.
    """
    steps = [max(1, round(COARSE_MM / mm)) for mm in spacing_DHW_mm]
    some = tuple(slice(None, None, step) for step in steps)
    hu_DHW, head_DHW, brain_DHW = hu_DHW[some], head_DHW[some], brain_DHW[some]
    slice_mm, height_mm, width_mm = (mm * step for mm, step in zip(spacing_DHW_mm, steps, strict=True))
    around_hu = float(np.median(hu_DHW[:: len(hu_DHW) - 1 or 1, :: hu_DHW.shape[1] - 1, :: hu_DHW.shape[2] - 1]))
    body_DHW = _body(hu_DHW, head_DHW, around_hu, (height_mm, width_mm))
    body = _measure(hu_DHW, body_DHW, brain_DHW, (slice_mm, height_mm, width_mm))
    if body.ml < MIN_BODY_ML:
        return "nothing but air or the table"
    size = "{1:.0f} x {0:.0f} mm".format(*body.size_mm)
    if max(body.size_mm) > MAX_HEAD_MM[0] or min(body.size_mm) > MAX_HEAD_MM[1]:
        return f"no head: the largest body is {size}, larger than any head"
    inner_cm2 = body.area_D_cm2[body.area_D_cm2 > 0][1:-1]
    if len(inner_cm2) * slice_mm >= MIN_CYLINDER_MM and np.std(inner_cm2) < CYLINDER_SPREAD * np.mean(inner_cm2):
        return f"no head: the largest body is {size} and has one outline in every slice, as a phantom of plastic has"
    is_flat = float(np.mean(hu_DHW == np.float32(around_hu))) > STRIPPED_BACKGROUND
    has_brain = body.brain_cm2 > 0.0 and (body.brain_of_body <= STRIPPED_BRAIN or body.touches_side)
    if is_flat and not has_brain and body.bone_share < STRIPPED_BONE:
        return "no skull around the brain: this scan seems skull-stripped"
    if (
        body.brain_cm2 < MIN_BRAIN_CM2
        or body.brain_of_body < MIN_BRAIN_OF_BODY
        or body.enclosed < MIN_ENCLOSED
        or body.depth_mm < min(MIN_DEPTH_MM, 0.5 * slice_mm * len(hu_DHW))
    ):
        return f"no skull with a brain in it: the largest body is {size}"
    return None


def _body(hu_DHW: FloatArray, head_DHW: Mask, around_hu: float, step_HW_mm: tuple[float, float]) -> Mask:
    """The largest piece of what is denser than fat and unlike the scan's corners, thin shells opened away."""
    dense_DHW = head_DHW & (hu_DHW > HEAD_TISSUE_FROM_HU) & (np.abs(hu_DHW - np.float32(around_hu)) > FLOOR_MARGIN_HU)
    cores = [opened(np.pad(plane, 1), HEAD_OPENING_MM, step_HW_mm)[1:-1, 1:-1] for plane in dense_DHW]
    core_DHW = largest_component(np.stack(cores))
    return np.stack(
        [
            ndimage.binary_fill_holes(dense_HW & near(core_HW, HEAD_OPENING_MM, step_HW_mm))
            for dense_HW, core_HW in zip(dense_DHW, core_DHW, strict=True)
        ]
    )


def _measure(hu_DHW: FloatArray, body_DHW: Mask, brain_DHW: Mask, spacing_DHW_mm: Spacing) -> _Body:
    """The measures of a body, in the slice with most brain or, without a brain, with most body."""
    slice_mm, height_mm, width_mm = spacing_DHW_mm
    pixel_cm2 = height_mm * width_mm / 100.0
    area_D, brain_D = (np.count_nonzero(mask_DHW, axis=(1, 2)) * pixel_cm2 for mask_DHW in (body_DHW, brain_DHW))
    at = int(np.argmax(brain_D if brain_D.any() else area_D))
    body_HW = body_DHW[at]
    extents = [float(np.ptp(np.flatnonzero(body_HW.any(axis=axis)))) + 1 if body_HW.any() else 0.0 for axis in (1, 0)]
    bone_DHW = hu_DHW >= min(BONE_HU, SATURATED_SHARE * float(hu_DHW.max()))
    wide = np.flatnonzero((brain_D > 0.0) & (brain_D >= 0.5 * brain_D.max()))
    enclosed = [_enclosed(brain_DHW[index], bone_DHW[index], (height_mm, width_mm)) for index in wide]
    return _Body(
        area_D_cm2=area_D.astype(np.float32),
        slice_mm=slice_mm,
        size_mm=(extents[0] * height_mm, extents[1] * width_mm),
        ml=float(area_D.sum()) * slice_mm / 10.0,
        bone_share=float(np.mean(bone_DHW[body_DHW])) if body_DHW.any() else 0.0,
        brain_cm2=float(brain_D[at]),
        brain_of_body=float(brain_D[at] / area_D[at]) if area_D[at] else 0.0,
        enclosed=float(np.median(enclosed)) if enclosed else 0.0,
        depth_mm=len(wide) * slice_mm,
        touches_side=bool(body_HW[[0, -1]].any() or body_HW[:, [0, -1]].any()),
    )


def _enclosed(brain_HW: Mask, bone_HW: Mask, step_HW_mm: tuple[float, float]) -> float:
    """Share of the mask's border with bone beside it; where the picture ends nothing is asked for."""
    border_HW = brain_HW & ~ndimage.binary_erosion(brain_HW, border_value=1)
    num_border = np.count_nonzero(border_HW)
    if not num_border:
        return 1.0
    return float(np.count_nonzero(border_HW & near(bone_HW, BESIDE_MM, step_HW_mm))) / num_border
