"""Variants of a head CT that are hard to prepare: tilt, a missing bone flap, blood on the skull, thick slices."""

from dataclasses import dataclass, replace

import numpy as np

from hemosweep.errors import BadInput
from hemosweep.phantom.brain import BrainPoints
from hemosweep.phantom.fields import Array, ModelGrid, inside, paint
from hemosweep.phantom.head import SCALP_HU
from hemosweep.phantom.sizes import PhantomSize

LIMITS = {
    "gantry_tilt_deg": (-30.0, 30.0),
    "holder_gap_mm": (-3.0, 40.0),
    "slice_mm": (0.5, 10.0),
    "range_shift_mm": (-12.0, 25.0),
}
CRESCENT_HU = 66.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PhantomVariant:
    """Differences of a phantom from the data set's plain one; every default changes nothing.

    `gantry_tilt_deg` turns the image plane of the CT about the left-right axis (positive: the front goes up) while the
    table moves along z, so that its affine is sheared. `craniotomy` takes a bone flap of 60 to 80 mm out of the vault
    and `crescent` adds a crescent of blood along its inner table, part of the lesion; their sides and places are drawn.
    `holder_gap_mm` lays the head that far above its holder (0: touching, negative: pressed into it; None: wherever the
    pose puts it). `slice_mm` replaces the CT's slice step, over the same range. `range_shift_mm` scans a range that
    much higher (the skull base is cut off) or lower (more of it is in view).

    Raises:
        BadInput: a number outside its entry in `LIMITS`.
    """

    gantry_tilt_deg: float = 0.0
    craniotomy: bool = False
    crescent: bool = False
    holder_gap_mm: float | None = None
    slice_mm: float | None = None
    range_shift_mm: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise BadInput(f"{name} {value:g}: must lie between {low:g} and {high:g}")

    def resized(self, sizes: PhantomSize) -> PhantomSize:
        """The size with the variant's slice step, over the same range."""
        if self.slice_mm is None:
            return sizes
        range_mm = sizes.shape_DHW[0] * sizes.spacing_DHW_mm[0]
        return replace(
            sizes,
            shape_DHW=(max(1, round(range_mm / self.slice_mm)), *sizes.shape_DHW[1:]),
            spacing_DHW_mm=(self.slice_mm, *sizes.spacing_DHW_mm[1:]),
        )


def remove_flap(hu_DHW: Array, grid: ModelGrid, cavity_mm: Array, soft: float, rng: np.random.Generator) -> None:
    """Replace the bone of a round flap (60 to 80 mm across, on a drawn side) by soft tissue, in place."""
    side = rng.choice((-1.0, 1.0))
    y, z = rng.uniform((-25.0, 12.0), (25.0, 30.0))
    x = side * 70.0 * np.sqrt(1.0 - (y / 92.0) ** 2 - (z / 82.0) ** 2)  # half-way through the vault
    radius_mm = rng.uniform(30.0, 40.0)
    distance = np.sqrt(
        (grid.x_11W - np.float32(x)) ** 2 + (grid.y_1H1 - np.float32(y)) ** 2 + (grid.z_D11 - np.float32(z)) ** 2
    )
    flap_DHW = inside(distance - np.float32(radius_mm), 2.0) * inside(-cavity_mm - np.float32(soft), soft)
    paint(hu_DHW, flap_DHW, np.minimum(hu_DHW, np.float32(SCALP_HU)))


def add_crescent(hu: Array, at: BrainPoints, soft: float, rng: np.random.Generator) -> Array:
    """Paint a crescent of blood, 8 to 14 mm thick and 80 to 110 mm long, under a drawn place of the vault.

    Returns its volume fraction at the points.
    """
    side = rng.choice((-1.0, 1.0))
    y, z = rng.uniform((-35.0, 5.0), (35.0, 30.0))
    x = side * 66.0 * np.sqrt(1.0 - (y / 84.0) ** 2 - (z / 75.0) ** 2)
    thick_mm, reach_mm = rng.uniform((8.0, 40.0), (14.0, 55.0))
    distance2 = (at.x - np.float32(x)) ** 2 + (at.y - np.float32(y)) ** 2 + (at.z - np.float32(z)) ** 2
    bottom = np.float32(thick_mm) * (1.0 - distance2 / np.float32(reach_mm**2))
    blood = inside(at.depth - bottom, soft)
    paint(hu, blood, CRESCENT_HU + 2.0 * at.texture(rng, 2.5))
    return blood
