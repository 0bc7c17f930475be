"""Small cases that the contracts try a component on."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from hemosweep.arrays import Mask, Shape, Spacing
from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase

SHAPE_DHW: Shape = (8, 40, 48)
SPACING_DHW_MM: Spacing = (5.0, 2.0, 2.0)


def tiny_cases() -> Iterator[PreprocessedCase]:
    """Phantoms: with a lesion, with two of them and a further channel, with one at the edge, and without."""
    d, h, w = np.ogrid[tuple(slice(size) for size in SHAPE_DHW)]
    brain_DHW = ((h - 20) / 17) ** 2 + ((w - 24) / 21) ** 2 + 0 * d < 1.0
    brain_DHW[0] = brain_DHW[-1] = False
    nothing_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    large_DHW, small_DHW, edge_DHW = nothing_DHW.copy(), nothing_DHW.copy(), nothing_DHW.copy()
    large_DHW[2:5, 10:18, 12:20] = True
    small_DHW[6, 24:26, 30:32] = True
    edge_DHW[:3, :6, 20:28] = True
    case = _case("one", brain_DHW, large_DHW)
    yield case
    yield replace(
        _case("two", brain_DHW, large_DHW | small_DHW),
        image_CDHW=np.repeat(case.image_CDHW, 2, axis=0),
        window_hu=(-20.0, 120.0),
    )
    yield _case("edge", brain_DHW, edge_DHW)
    yield _case("without", brain_DHW, nothing_DHW)


def _case(case_id: str, brain_DHW: Mask, lesion_DHW: Mask) -> PreprocessedCase:
    """Noisy brain at 30 HU, the lesion and a ventricle full of blood at 65 HU."""
    blood_DHW = lesion_DHW.copy()
    blood_DHW[2:6, 18:26, 24:32] = True
    hu_DHW = np.where(blood_DHW, 65.0, 30.0) + np.random.default_rng(0).normal(0.0, 3.0, SHAPE_DHW)
    image_DHW = np.where(brain_DHW, (hu_DHW / 50.0 - 1.0).clip(-1.0, 1.0), -1.0)
    return PreprocessedCase(
        case_id=case_id,
        image_CDHW=image_DHW[None].astype(np.float16),
        brain_DHW=brain_DHW.copy(),
        lesion_DHW=lesion_DHW.copy(),
        reference_DHW=lesion_DHW.copy(),
        affine=np.diag([2.0, 2.0, 5.0, 1.0]),
        spacing_DHW_mm=SPACING_DHW_MM,
        native_spacing_DHW_mm=SPACING_DHW_MM,
        grid=Grid(native_DHW=SHAPE_DHW, full_DHW=SHAPE_DHW, crop_start_DHW=(0, 0, 0), crop_DHW=SHAPE_DHW),
    )
