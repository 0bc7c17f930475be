from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import Mask
from hemosweep.data.manifest import read_manifest
from hemosweep.data.reading import read_case
from hemosweep.phantom.case import PhantomCase, make_phantom
from hemosweep.phantom.variant import PhantomVariant
from hemosweep.preprocessing.brain import brain_mask
from hemosweep.preprocessing.head import head_mask

SPACING_DHW_MM = (5.0, 2.0, 2.0)


def hu(case: PhantomCase) -> NDArray[np.float32]:
    return case.ct.array_DHW.astype(np.float32)


def disc_head(num_slices: int = 3) -> NDArray[np.float32]:
    """Slices of 128 x 128 voxels of 2 mm: soft tissue within 40 voxels of the centre, in bone and skin, in air."""
    y, x = np.ogrid[:128, :128]
    radius = np.hypot(y - 64, x - 64)
    plane = np.select([radius < 40, radius < 43, radius < 46], [30.0, 1000.0, 20.0], -1000.0)
    return np.repeat(plane[None].astype(np.float32), num_slices, axis=0)


def test_head_of_a_disc_is_the_disc() -> None:
    hu_DHW = disc_head()
    assert (head_mask(hu_DHW, SPACING_DHW_MM) == (hu_DHW > -500.0)).all()


@pytest.mark.parametrize("window_hu", [(-1024.0, 3071.0), (-20.0, 100.0), (0.0, 80.0)], ids=str)
def test_plate_that_touches_the_head_is_cut_off(window_hu: tuple[float, float]) -> None:
    hu_DHW = disc_head()
    hu_DHW[:, 16:19, :] = 150.0  # 6 mm thick, and the head ends in row 19
    head = head_mask(hu_DHW.clip(*window_hu), SPACING_DHW_MM)
    assert not head[:, 16:19, :48].any()
    assert not head[:, 16:19, 81:].any()
    assert head[:, 19:, :].sum() >= 0.99 * (hu_DHW[:, 19:, :] > -500.0).sum()


def test_smaller_things_beside_the_head_are_no_part_of_it() -> None:
    hu_DHW = disc_head()
    hu_DHW[:, 50:70, 2:12] = 50.0  # a hand
    assert not head_mask(hu_DHW, SPACING_DHW_MM)[:, :, :14].any()


def test_air_and_dark_fat_inside_the_head_belong_to_it() -> None:
    hu_DHW = disc_head()
    hu_DHW[:, 80:90, 60:70] = -1000.0
    assert head_mask(hu_DHW, SPACING_DHW_MM)[:, 80:90, 60:70].all()
    assert head_mask(hu_DHW.clip(-20.0, 100.0), SPACING_DHW_MM)[:, 80:90, 60:70].all()


def test_head_that_fills_the_image_fills_the_mask() -> None:
    assert head_mask(np.full((2, 60, 60), 40.0, dtype=np.float32) + hu_step(), SPACING_DHW_MM).mean() > 0.99


def hu_step() -> NDArray[np.float32]:
    """One voxel of bone, so that the image counts as one of full range."""
    step = np.zeros((2, 60, 60), dtype=np.float32)
    step[0, 30, 30] = 1000.0
    return step


@pytest.mark.parametrize("value", [-1000.0, 0.0])
def test_an_image_of_one_dark_value_has_no_head(value: float) -> None:
    assert not head_mask(np.full((3, 20, 20), value, dtype=np.float32), SPACING_DHW_MM).any()


def test_result_is_on_the_image_grid_whatever_its_size() -> None:
    hu_DHW = disc_head()[:, 10:-11, 10:-10]
    head = head_mask(hu_DHW, (5.0, 0.7, 0.7))
    assert head.shape == hu_DHW.shape
    assert head[1, 54, 54]


def holder_mask(case: PhantomCase, radius_mm: float) -> Mask:
    """The phantom's head holder: what is denser than fat, at `radius_mm` or more behind the scanner's centre."""
    volume = case.ct
    _, num_h, num_w = volume.array_DHW.shape
    y = volume.affine[1, 3] + volume.affine[1, 1] * np.arange(num_h)[:, None]
    x = volume.affine[0, 3] + volume.affine[0, 0] * np.arange(num_w)
    return (volume.array_DHW > -200) & (np.hypot(x, y) > radius_mm) & (y < -40.0)


def test_head_of_the_phantom_is_found_without_its_holder(phantoms: list[PhantomCase]) -> None:
    for case in phantoms:
        head, holder = head_mask(hu(case), case.ct.spacing_DHW_mm), holder_mask(case, 98.0)
        assert holder.sum() > 100
        assert not (head & holder).any()
        inner = ndimage.binary_dilation(case.brain.array_DHW == 1, np.ones((1, 5, 5)))
        assert (head & inner).sum() > 0.995 * inner.sum()
        assert 2000.0 < head.sum() * case.ct.voxel_ml < 4500.0


@pytest.mark.parametrize("gap_mm", [0.0, -1.0])
def test_holder_under_the_phantoms_head_stays_outside_the_head_and_the_brain(gap_mm: float) -> None:
    case, without_holder = (
        make_phantom(1, size="small", seed=11, cta_share=0.0, variant=PhantomVariant(holder_gap_mm=mm))
        for mm in (gap_mm, 40.0)
    )
    spacing_DHW_mm = case.ct.spacing_DHW_mm
    holder = (case.ct.array_DHW > -200) & (without_holder.ct.array_DHW < -600)
    assert holder.sum() > 100
    head = head_mask(hu(case), spacing_DHW_mm)
    # Where the head lies in the holder, a shell of one pixel stays on it.
    assert np.count_nonzero(head & holder) < 0.2 * np.count_nonzero(holder)
    assert not (brain_mask(hu(case), spacing_DHW_mm, head) & holder).any()


@pytest.mark.realdata
@pytest.mark.slow
def test_heads_of_real_scans_hold_their_lesions_and_no_holder(real_data: Path) -> None:
    for case in read_manifest(real_data / "phe_sich8"):
        raw = read_case(case)
        head = head_mask(raw.ct.array_DHW, raw.ct.spacing_DHW_mm)
        assert (head & raw.lesion_DHW).sum() == raw.lesion_DHW.sum()
        assert 1500.0 < head.sum() * raw.ct.voxel_ml < 5000.0
        rows = np.flatnonzero(head.any(axis=(0, 2)))
        brain_rows = np.flatnonzero(brain_mask(raw.ct.array_DHW, raw.ct.spacing_DHW_mm, head).any(axis=(0, 2)))
        behind_mm = (brain_rows[0] - rows[0]) * raw.ct.spacing_DHW_mm[1]
        assert behind_mm < 45.0  # skull and scalp behind the brain, neck in tilted scans; the holder would add more


def test_a_blank_slice_does_not_part_the_head() -> None:
    y, x = np.ogrid[:64, :64]
    hu_DHW = np.repeat(np.where(np.hypot(y - 32, x - 32) < 25, 40.0, -1000.0)[None], 9, axis=0).astype(np.float32)
    hu_DHW[3:5] = -1000.0
    found = head_mask(hu_DHW, (5.0, 2.0, 2.0))
    assert found[[0, 1, 2, 5, 6, 7, 8]].any(axis=(1, 2)).all()
    assert not found[3:5].any()
