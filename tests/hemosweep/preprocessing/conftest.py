"""Heads to preprocess: the phantom with its true brain mask, and a ball of a head that is quick to write and count."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume, write_volume
from hemosweep.phantom.case import PhantomCase, make_phantom

BALL_SPACING_DHW_MM = (8.0, 4.0, 4.0)
BALL_SHAPE_DHW = (22, 50, 54)


@pytest.fixture(scope="session")
def phantoms() -> list[PhantomCase]:
    """Four demo cases; the third bleeds into the ventricles."""
    return [make_phantom(index, size="small", seed=11, cta_share=0.0) for index in range(4)]


def ball_head() -> tuple[NDArray[np.float32], Mask]:
    """CT in HU and lesion: brain of 30 HU to 70 mm, bone to 78 mm, scalp of 40 HU to 84 mm, lesion of 60 HU."""
    z, y, x = (
        mm * (np.arange(size) - (size - 1) / 2).reshape([-1 if other == axis else 1 for other in range(3)])
        for axis, (mm, size) in enumerate(zip(BALL_SPACING_DHW_MM, BALL_SHAPE_DHW, strict=True))
    )
    radius_mm = np.sqrt(z**2 + y**2 + x**2)
    hu_DHW = np.select([radius_mm < 70, radius_mm < 78, radius_mm < 84], [30.0, 1000.0, 40.0], -1000.0)
    lesion_DHW = np.sqrt(z**2 + (y - 10) ** 2 + (x - 30) ** 2) < 15
    hu_DHW[lesion_DHW] = 60.0
    return hu_DHW.astype(np.float32), lesion_DHW


@pytest.fixture
def write_ball_case(tmp_path: Path) -> Callable[[str], Case]:
    """Write a ball-shaped head as a raw case of the given id."""

    def write(case_id: str) -> Case:
        hu_DHW, lesion_DHW = ball_head()
        folder = tmp_path / "data" / case_id / "ct"
        case = Case(
            case_id=case_id,
            patient_id=case_id,
            ivh=None,
            ct_path=folder / f"{case_id}_ct.nii.gz",
            lesion_path=folder / f"{case_id}_label-lesion_mask.nii.gz",
        )
        affine = np.diag([*reversed(BALL_SPACING_DHW_MM), 1.0])
        write_volume(case.ct_path, Volume(array_DHW=hu_DHW.astype(np.int16), affine=affine))
        write_volume(case.lesion_path, Volume(array_DHW=lesion_DHW.astype(np.uint8), affine=affine))
        return case

    return write
