from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.data.case import read_case
from hemosweep.data.manifest import read_manifest
from hemosweep.data.phantom import PhantomCase
from hemosweep.evaluation.metrics import dice
from hemosweep.preprocessing.brain import brain_mask, head_mask, is_saturated

Mask = NDArray[np.bool_]


def hu(case: PhantomCase) -> NDArray[np.float32]:
    return case.ct.array_DHW.astype(np.float32)


def holder_mask(case: PhantomCase) -> Mask:
    """The phantom's head holder: what is denser than fat at 98 mm or more behind the scanner's centre."""
    volume = case.ct
    _, num_h, num_w = volume.array_DHW.shape
    y = volume.affine[1, 3] + volume.affine[1, 1] * np.arange(num_h)[:, None]
    x = volume.affine[0, 3] + volume.affine[0, 0] * np.arange(num_w)
    return (volume.array_DHW > -200) & (np.hypot(x, y) > 98.0) & (y < -40.0)


@pytest.mark.parametrize(
    "window_hu",
    [(-1024.0, 3071.0), (0.0, 100.0), (-20.0, 80.0), (-50.0, 150.0), (-110.0, 190.0), (-160.0, 240.0)],
    ids=str,
)
def test_brain_of_the_phantom_is_found_in_a_full_and_in_a_clipped_ct(
    phantoms: list[PhantomCase], window_hu: tuple[float, float]
) -> None:
    for case in phantoms:
        found = brain_mask(np.clip(hu(case), *window_hu), case.ct.spacing_DHW_mm)
        score = dice(found, case.brain.array_DHW == 1)
        assert score is not None
        assert score >= 0.95
        lesion = case.lesion.array_DHW == 1
        assert np.count_nonzero(found & lesion) >= 0.995 * np.count_nonzero(lesion)


def test_holder_and_scalp_lie_outside_the_brain(phantoms: list[PhantomCase]) -> None:
    for case in phantoms:
        found, head = brain_mask(hu(case), case.ct.spacing_DHW_mm), head_mask(hu(case))
        filled = np.stack([ndimage.binary_fill_holes(plane) for plane in head])
        surface = filled & ~ndimage.binary_erosion(filled, np.ones((1, 5, 5)))
        scalp = surface & (case.brain.array_DHW == 0)
        assert scalp.sum() > 5000
        assert not (found & (scalp | holder_mask(case))).any()
        assert np.count_nonzero(found & (case.brain.array_DHW == 0)) * case.ct.voxel_ml < 5.0  # openings of the base


def test_head_is_found_without_its_holder(phantoms: list[PhantomCase]) -> None:
    for case in phantoms:
        head, holder = head_mask(hu(case)), holder_mask(case)
        assert holder.sum() > 100
        assert not (head & holder).any()
        inner = ndimage.binary_dilation(case.brain.array_DHW == 1, np.ones((1, 5, 5)))
        assert (head & inner).sum() > 0.995 * inner.sum()
        assert head.sum() * case.ct.voxel_ml < 4500.0


def test_blood_as_dense_as_it_gets_stays_in_the_brain() -> None:
    hu_DHW = shell_slices(3)
    hu_DHW[:, 28:34, 20:26] = 95.0
    hu_DHW[:, 40:42, 40:42] = 500.0  # a calcification
    found = brain_mask(hu_DHW, (5.0, 2.0, 2.0))
    assert found[:, 28:34, 20:26].all()
    assert found[:, 40:42, 40:42].all()


def shell_slices(num_slices: int) -> NDArray[np.float32]:
    """Slices of 64 x 64 with brain within 20 voxels of the centre and three voxels of bone around it."""
    y, x = np.ogrid[:64, :64]
    radius = np.hypot(y - 32, x - 32)
    plane = np.select([radius < 20, radius < 23], [30.0, 1000.0], -1000.0)
    return np.repeat(plane[None].astype(np.float32), num_slices, axis=0)


@pytest.mark.parametrize("spacing_mm", [0.5, 1.0, 2.0])
def test_the_mask_reaches_the_bone_and_goes_no_further(spacing_mm: float) -> None:
    hu_DHW = shell_slices(3)
    brain = hu_DHW == 30.0
    found = brain_mask(hu_DHW, (5.0, spacing_mm, spacing_mm))
    assert not (found & ~brain).any()
    assert np.count_nonzero(found) > 0.99 * np.count_nonzero(brain)


def test_bone_of_a_clipped_ct_may_lie_a_little_below_the_maximum() -> None:
    hu_DHW = shell_slices(3).clip(0.0, 100.0)
    brain, bone = hu_DHW == 30.0, hu_DHW == 100.0
    hu_DHW[bone] -= np.random.default_rng(0).uniform(0.0, 2.5, np.count_nonzero(bone)).astype(np.float32)
    found = brain_mask(hu_DHW, (5.0, 1.0, 1.0))
    assert np.count_nonzero(found & brain) > 0.99 * np.count_nonzero(brain)
    assert not (found & ~brain).any()


def test_bone_on_three_sides_encloses_and_bone_on_two_does_not() -> None:
    hu_DHW = np.full((3, 64, 64), -1000.0, dtype=np.float32)
    hu_DHW[:, 12:52, 12:52] = 30.0
    hu_DHW[:, 10:12, 10:54] = hu_DHW[:, 10:54, 10:12] = 1000.0
    assert not brain_mask(hu_DHW, (5.0, 1.0, 1.0)).any()
    hu_DHW[:, 52:54, 10:54] = 1000.0
    assert brain_mask(hu_DHW, (5.0, 1.0, 1.0))[:, 16:48, 16:48].all()


def test_a_thin_plate_that_touches_the_head_is_no_part_of_it() -> None:
    hu_DHW = shell_slices(3)
    hu_DHW[:, 8:10, :] = 100.0  # bone begins in the next row
    head = head_mask(hu_DHW)
    assert not head[:, 8:10, :20].any()
    assert not head[:, 8:10, 45:].any()
    assert head[1, 32, 32]


def test_slices_without_brain_get_no_mask() -> None:
    hu_DHW = shell_slices(5)
    hu_DHW[3:] = -1000.0
    # A bony ring with soft tissue in it, too narrow for brain, in the image's first corner.
    hu_DHW[4, :4, :4] = 1000.0
    hu_DHW[4, 1:3, 1:3] = 30.0
    found = brain_mask(hu_DHW, (5.0, 1.0, 1.0))
    assert found[0].sum() > 1000
    assert not found[3:].any()


@pytest.mark.parametrize("value", [-1000.0, 0.0, 30.0, 2000.0])
def test_an_image_of_one_value_has_no_brain(value: float) -> None:
    assert not brain_mask(np.full((3, 20, 20), value, dtype=np.float32), (5.0, 1.0, 1.0)).any()


def test_water_without_a_skull_has_no_brain() -> None:
    hu_DHW = shell_slices(3)
    hu_DHW[hu_DHW > 500] = -1000.0
    hu_DHW[:, 0, 0] = 1000.0  # so that the CT counts as one of full range
    assert not brain_mask(hu_DHW, (5.0, 2.0, 2.0)).any()


def test_saturation_is_told_by_the_maximum() -> None:
    hu_DHW = np.zeros((1, 2, 2), dtype=np.float32)
    assert is_saturated(hu_DHW + 199)
    assert not is_saturated(hu_DHW + 200)


@pytest.mark.realdata
def test_lesions_of_real_scans_lie_in_the_brain_mask(real_data: Path) -> None:
    for case in read_manifest(real_data / "phe_sich8")[:2]:
        raw = read_case(case)
        found = brain_mask(raw.ct.array_DHW, raw.ct.spacing_DHW_mm)
        assert np.count_nonzero(found & raw.lesion_DHW) >= 0.995 * np.count_nonzero(raw.lesion_DHW)
        assert 1000.0 < np.count_nonzero(found) * raw.ct.voxel_ml < 2100.0
