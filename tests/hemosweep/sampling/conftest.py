from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hemosweep.arrays import Mask, Spacing
from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase

MakeCase = Callable[..., PreprocessedCase]


@pytest.fixture(scope="session")
def make_case() -> MakeCase:
    """A preprocessed case of the given masks, on a grid that was neither resampled nor cropped."""

    def make(
        brain_DHW: Mask,
        lesion_DHW: Mask,
        *,
        image_CDHW: NDArray[np.float16] | None = None,
        spacing_DHW_mm: Spacing = (5.0, 2.0, 1.0),
        window_hu: tuple[float, float] = (0.0, 100.0),
    ) -> PreprocessedCase:
        shape = brain_DHW.shape
        return PreprocessedCase(
            case_id="sub-001",
            image_CDHW=np.zeros((1, *shape), dtype=np.float16) if image_CDHW is None else image_CDHW,
            brain_DHW=brain_DHW,
            lesion_DHW=lesion_DHW,
            reference_DHW=lesion_DHW,
            affine=np.eye(4),
            spacing_DHW_mm=spacing_DHW_mm,
            window_hu=window_hu,
            native_spacing_DHW_mm=spacing_DHW_mm,
            grid=Grid(native_DHW=shape, full_DHW=shape, crop_start_DHW=(0, 0, 0), crop_DHW=shape),
        )

    return make
