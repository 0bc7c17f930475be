"""Cases of noise in realistic sizes: the time of a step does not depend on the content of its images."""

import numpy as np

from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.sampling.centres import Centres

NATIVE_DHW = (34, 512, 512)
CROP_DHW = (34, 430, 360)
"""A scan of the paper's size, and the part of it that is left after cropping to the head: 59%."""


def noise_case(
    case_id: str,
    *,
    native_DHW: tuple[int, int, int] = NATIVE_DHW,
    crop_DHW: tuple[int, int, int] = CROP_DHW,
    num_channels: int = 2,
    seed: int = 0,
) -> PreprocessedCase:
    """An ellipsoid of noise with a bright ball in it, at another place for each seed, on the scanner's own grid."""
    rng = np.random.default_rng(seed)
    middle_z, middle_y, middle_x = rng.uniform(-0.3, 0.3, 3)
    z, y, x = np.ogrid[tuple(slice(-1.0, 1.0, complex(0, size)) for size in crop_DHW)]
    brain_DHW = z**2 + y**2 + x**2 < 1.0
    lesion_DHW = (z - middle_z) ** 2 + (y - middle_y) ** 2 + (x - middle_x) ** 2 < 0.08
    noise = rng.normal(0.0, 0.15, (num_channels, *crop_DHW)).astype(np.float32)
    image_CDHW = np.where(brain_DHW, (noise - 0.3 + 0.7 * lesion_DHW).clip(-1.0, 1.0), -1.0).astype(np.float16)
    start_DHW = tuple((whole - part) // 2 for whole, part in zip(native_DHW, crop_DHW, strict=True))
    reference_DHW = np.zeros(native_DHW, dtype=bool)
    reference_DHW[tuple(slice(s, s + n) for s, n in zip(start_DHW, crop_DHW, strict=True))] = lesion_DHW
    return PreprocessedCase(
        case_id=case_id,
        image_CDHW=image_CDHW,
        brain_DHW=brain_DHW,
        lesion_DHW=lesion_DHW,
        reference_DHW=reference_DHW,
        affine=np.diag([0.45, 0.45, 4.5, 1.0]),
        spacing_DHW_mm=(4.5, 0.45, 0.45),
        native_spacing_DHW_mm=(4.5, 0.45, 0.45),
        grid=Grid(
            native_DHW=native_DHW,
            full_DHW=native_DHW,
            crop_start_DHW=(start_DHW[0], start_DHW[1], start_DHW[2]),
            crop_DHW=crop_DHW,
        ),
    )


def random_centres(case: PreprocessedCase, num_patches: int) -> Centres:
    """Half in the lesion and half in the brain."""
    rng = np.random.default_rng(1)
    halves = [np.flatnonzero(case.grid.uncrop(mask, fill=False)) for mask in (case.lesion_DHW, case.brain_DHW)]
    return Centres(index_N=np.concatenate([rng.choice(half, num_patches // 2) for half in halves]), counts={})
