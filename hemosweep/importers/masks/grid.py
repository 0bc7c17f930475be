"""Labels on a grid of their own, put onto the grid of a CT."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemosweep.importers.masks.drawing import Label, nothing_on_ct
from hemosweep.importers.volumes import UNPLACED, header_noise, voxel_by_voxel

if TYPE_CHECKING:
    from hemosweep.arrays import Mask
    from hemosweep.data.nifti import Volume

MIN_KEPT = 0.999
"""Of a mask's voxels, the share that must lie on the CT for no word about it."""

SAME_PLANE_MM = 0.1
"""Distance of two contours or frames of one plane that is rounding."""
TIE = 1e-4
"""Shift, in voxels of the drawing, by which the lower of two voxels is the nearest one everywhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridDrawing:
    """Labels of voxels. `read` gives the mask of one, nonzero inside, on the grid of the file."""

    labels: tuple[Label, ...]
    read: "Callable[[Label], Volume]"

    def onto(self, ct: "Volume", label: Label) -> "tuple[Mask, tuple[str, ...]]":
        """Mask of a label on the CT's grid (`onto_ct`)."""
        drawn = self.read(label)
        mask_DHW, warnings = onto_ct(ct, drawn)
        return mask_DHW, (*drawn.warnings, *warnings)


def onto_ct(ct: "Volume", drawn: "Volume") -> "tuple[Mask, tuple[str, ...]]":
    """Mask on the CT's grid: as it is, voxel by voxel where its header has no place, or by the nearest voxel in world
    coordinates with a warning.

    A part of the CT's grid, such as 3D Slicer writes, needs no warning.

    Args:
        drawn: nonzero inside.

    Raises:
        BadInput: nothing of it lies on the CT.
    """
    import numpy as np
    from scipy.ndimage import affine_transform

    from hemosweep.data.reading import MAX_VOXELS_APART, voxels_apart

    inside_DHW = np.asarray(drawn.array_DHW != 0)
    if ct.array_DHW.shape == inside_DHW.shape and voxels_apart(ct, drawn) <= MAX_VOXELS_APART:
        return inside_DHW, ()
    if header_noise(ct, drawn):
        return np.asarray(voxel_by_voxel(ct, drawn).array_DHW != 0), (UNPLACED,)
    to_drawn = np.linalg.solve(drawn.affine, ct.affine)  # from the CT's (w, h, d) to the drawing's
    turned, moved = to_drawn[:3, :3][::-1, ::-1], to_drawn[:3, 3][::-1] - TIE
    mask_DHW = affine_transform(
        inside_DHW.astype(np.uint8),
        turned,
        offset=moved,
        output_shape=ct.array_DHW.shape,
        order=0,
        mode="grid-constant",
    ).astype(bool)
    before_ml, after_ml = (
        float(np.count_nonzero(mask)) * volume.voxel_ml for mask, volume in ((inside_DHW, drawn), (mask_DHW, ct))
    )
    if before_ml and not after_ml:
        drawn_DHW1 = np.vstack([np.nonzero(inside_DHW), np.ones((1, np.count_nonzero(inside_DHW)))])
        to_ct = np.linalg.inv(to_drawn)
        raise nothing_on_ct(ct, to_ct[2::-1, [2, 1, 0, 3]] @ drawn_DHW1)
    if _is_part_of(to_drawn, ct):
        lost = 1 - after_ml / before_ml if before_ml else 0.0
        return mask_DHW, (f"{lost:.1%} of the mask lies outside the CT and is cut off",) if lost > 1 - MIN_KEPT else ()
    return mask_DHW, (
        f"drawn on another grid: resampled onto the CT's by the nearest voxel, {before_ml:.3g} mL before and "
        f"{after_ml:.3g} mL after",
    )


def _is_part_of(to_drawn: "object", ct: "Volume") -> bool:
    """True if voxels of the CT are voxels of the drawing, whole numbers apart, over the whole CT."""
    import numpy as np

    from hemosweep.data.reading import MAX_VOXELS_APART

    shift = np.asarray(to_drawn) - np.eye(4)
    whole = np.rint(shift[:3, 3])
    drift = np.abs(shift[:3, :3]) @ np.array(ct.array_DHW.shape[::-1])
    return bool((np.abs(shift[:3, 3] - whole) + drift <= MAX_VOXELS_APART).all())
