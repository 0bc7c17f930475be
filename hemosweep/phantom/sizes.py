"""The sizes of the phantom."""

from dataclasses import dataclass, replace

from hemosweep.arrays import Spacing
from hemosweep.sweeps.base import SLICE_GAP_MM, SLICE_THICKNESS_MM


@dataclass(frozen=True, kw_only=True, slots=True)
class PhantomSize:
    """Grids of a phantom's scans.

    `shape_DHW` and `spacing_DHW_mm` describe the non-contrast CT, the `cta_` fields the angiography. The head is
    modelled on an isotropic grid of `model_step_mm` before it is scanned. A lesion has at least `floor_ml`.
    """

    shape_DHW: tuple[int, int, int]
    spacing_DHW_mm: Spacing
    cta_shape_DHW: tuple[int, int, int]
    cta_spacing_DHW_mm: Spacing
    model_step_mm: float
    floor_ml: float


_SMALL = PhantomSize(
    shape_DHW=(24, 96, 96),
    spacing_DHW_mm=(6.0, 2.2, 2.2),
    cta_shape_DHW=(60, 112, 112),
    cta_spacing_DHW_mm=(3.0, 1.8, 1.8),
    model_step_mm=2.0,
    floor_ml=0.4,  # 14 voxels of 29 microlitres
)
SIZES: dict[str, PhantomSize] = {
    "small": _SMALL,
    # The pixels make the demo's patches as wide in the head as the paper's, 14.4 mm.
    "demo": replace(_SMALL, shape_DHW=(24, 240, 240), spacing_DHW_mm=(6.0, 0.9, 0.9), model_step_mm=1.2),
    "paper": PhantomSize(
        shape_DHW=(34, 512, 512),
        spacing_DHW_mm=(SLICE_THICKNESS_MM + SLICE_GAP_MM, 0.45, 0.45),
        cta_shape_DHW=(120, 512, 512),
        cta_spacing_DHW_mm=(1.5, 0.43, 0.43),
        model_step_mm=1.0,
        floor_ml=0.4,
    ),
}
