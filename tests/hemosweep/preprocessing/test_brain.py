from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.data.manifest import read_manifest
from hemosweep.data.reading import read_case
from hemosweep.phantom.case import PhantomCase, make_phantom
from hemosweep.phantom.variant import PhantomVariant
from hemosweep.preprocessing.brain import brain_mask
from hemosweep.scores.overlap import dice

FULL_HU = (-1024.0, 3071.0)


def hu(case: PhantomCase) -> NDArray[np.float32]:
    return case.ct.array_DHW.astype(np.float32)


def varied_phantom(index: int, size: str) -> PhantomCase:
    """Craniotomies, blood along the skull, heads on and pressed into their holder, 5 mm slices, ranges cut short."""
    variant = PhantomVariant(
        craniotomy=index % 3 == 0,
        crescent=index % 4 == 1 or index % 5 == 0,
        holder_gap_mm=(6.0, -1.0, 0.0)[index % 3] if index % 2 else None,
        slice_mm=5.0 if size == "paper" and index % 3 == 1 else None,
        range_shift_mm=(0.0, -12.0, 10.0, 20.0)[index % 4],
    )
    return make_phantom(index, size=size, seed=5, cta_share=0.0, variant=variant)


@dataclass(frozen=True)
class Found:
    """Scores of the brain mask found in a window: DSC, share of the lesion in it, and share of it that reads as bone
    (above 95 HU in the CT of full range) and is neither lesion nor, deep inside, a calcification."""

    dsc: float
    kept: float
    bone: float


def scores(case: PhantomCase, window_hu: tuple[float, float] = FULL_HU) -> Found:
    found = brain_mask(np.clip(hu(case), *window_hu), case.ct.spacing_DHW_mm)
    brain, lesion = case.brain.array_DHW == 1, case.lesion.array_DHW == 1
    dsc = dice(found, brain)
    assert dsc is not None
    deep = np.stack([ndimage.binary_erosion(plane, iterations=3) for plane in brain])
    bone = found & (hu(case) > 95.0) & ~lesion & ~deep
    return Found(
        dsc=dsc,
        kept=np.count_nonzero(found & lesion) / np.count_nonzero(lesion),
        bone=np.count_nonzero(bone) / np.count_nonzero(found),
    )


SLOW = pytest.mark.slow
VARIED = [("small", index) for index in range(4)]
VARIED_SLOW = [*(("small", index) for index in range(4, 20)), *(("paper", index) for index in range(20))]


@pytest.mark.parametrize(("size", "index"), [*VARIED, *(pytest.param(*case, marks=SLOW) for case in VARIED_SLOW)])
def test_brain_of_a_varied_phantom_is_found_without_bone_and_keeps_its_lesion(size: str, index: int) -> None:
    found = scores(varied_phantom(index, size))
    assert found.dsc >= 0.985
    assert found.kept >= 0.995
    assert found.bone <= 0.005


@pytest.mark.slow
@pytest.mark.parametrize("index", range(4))
def test_brain_is_found_in_slices_of_a_millimetre(index: int) -> None:
    variant = PhantomVariant(slice_mm=1.0, craniotomy=index % 2 == 1, crescent=index >= 2)
    found = scores(make_phantom(index, size="paper", seed=5, cta_share=0.0, variant=variant))
    assert found.dsc >= 0.985
    assert found.kept >= 0.995
    assert found.bone <= 0.005


@pytest.mark.parametrize(
    "window_hu",
    [
        (0.0, 80.0),
        (0.0, 100.0),
        (8.0, 88.0),  # CSF (8 HU) lies at the floor
        (14.0, 94.0),  # and here below it
        (-20.0, 80.0),
        (-20.0, 100.0),
        (-50.0, 150.0),
        (-110.0, 190.0),
        (-160.0, 240.0),
        (-500.0, 700.0),
    ],
    ids=str,
)
def test_brain_is_found_in_a_windowed_export(phantoms: list[PhantomCase], window_hu: tuple[float, float]) -> None:
    for case in phantoms:
        found = scores(case, window_hu)
        assert found.dsc >= 0.985
        assert found.kept >= 0.995
        assert found.bone <= 0.005


def test_blood_as_dense_as_it_gets_stays_in_the_brain() -> None:
    hu_DHW = shell_slices(3)
    hu_DHW[:, 28:34, 20:26] = 95.0
    hu_DHW[:, 40:42, 40:42] = 500.0  # a calcification
    found = brain_mask(hu_DHW, (5.0, 2.0, 2.0))
    assert found[:, 28:34, 20:26].all()
    assert found[:, 40:42, 40:42].all()


def test_blood_on_the_skull_stays_in_the_brain() -> None:
    y, x = np.ogrid[:64, :64]
    blood_HW = (np.hypot(y - 32, x - 32) < 20) & (x > 46)
    hu_DHW = shell_slices(3)
    hu_DHW[:, blood_HW] = 85.0
    assert brain_mask(hu_DHW, (5.0, 2.0, 2.0))[:, blood_HW].all()


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


def test_a_voxel_that_bone_brightens_stays_outside_unless_blood_lies_beside_it() -> None:
    hu_DHW = shell_slices(3)
    hu_DHW[:, 32, 12] = hu_DHW[:, 32, 52] = 30.0 + 0.2 * 970.0
    y, x = np.ogrid[:64, :64]
    blood_HW = (np.hypot(y - 32, x - 32) < 20) & (x > 44)
    blood_HW[32, 52] = False
    hu_DHW[:, blood_HW] = 70.0
    found = brain_mask(hu_DHW, (5.0, 2.0, 2.0))
    assert not found[:, 32, 12].any()
    assert found[:, 32, 52].all()
    assert not found[hu_DHW == 1000.0].any()


def test_a_calcification_inside_belongs_to_the_mask_and_one_on_the_skull_does_not() -> None:
    hu_DHW = shell_slices(3)
    hu_DHW[:, 31:34, 31:34] = 200.0
    hu_DHW[:, 31:34, 49:53] = 200.0
    found = brain_mask(hu_DHW, (5.0, 1.0, 1.0))
    assert found[:, 31:34, 31:34].all()
    assert not found[:, 31:34, 49:53].any()


def test_sulci_and_a_gap_under_the_skull_that_read_the_floor_of_a_window_stay_in_the_brain() -> None:
    y, x = np.ogrid[:128, :128]
    radius_HW = np.hypot(y - 64, x - 64)
    plane = np.select([radius_HW < 50, radius_HW < 56], [35.0, 100.0], 0.0).astype(np.float32)
    sulci_HW = (radius_HW > 15) & (radius_HW < 50) & ((y % 11 < 4) | (radius_HW > 47))
    plane[sulci_HW] = 0.0
    sinus_HW = (abs(y - 10) < 2) & (abs(x - 64) < 6)  # dark as well, within the bone
    plane[sinus_HW] = 0.0
    found = brain_mask(np.repeat(plane[None], 5, axis=0), (5.0, 1.0, 1.0))
    assert found[:, radius_HW < 50].mean() > 0.98
    assert not found[:, radius_HW >= 50].any()


def test_muscle_below_a_foramen_of_the_base_is_left_out() -> None:
    """Thin slices: brain, a base with a hole of 8 mm on one side, and muscle of 40 mm below it, between bones."""
    y, x = np.ogrid[:140, :140]
    radius_HW, beside_HW = np.hypot(y - 70, x - 70), np.hypot(y - 70, x - 100)
    hu_DHW = np.full((24, 140, 140), -1000.0, dtype=np.float32)
    hu_DHW[:] = np.select([radius_HW < 60, radius_HW < 65], [30.0, 1000.0], -1000.0)
    behind_HW = np.hypot(y - 70, x - 40) < 24  # the posterior fossa goes on
    hu_DHW[8:12] = np.select([behind_HW, beside_HW < 4, radius_HW < 65], [30.0, 30.0, 1000.0], -1000.0)
    hu_DHW[:8] = np.select([behind_HW, beside_HW < 20, radius_HW < 65], [30.0, 60.0, 1000.0], -1000.0)
    found = brain_mask(hu_DHW, (1.5, 1.0, 1.0))
    assert found[:, behind_HW].mean() > 0.97
    assert found[12:, radius_HW < 58].all()
    assert not found[:8, beside_HW < 22].any()


def test_a_size_that_blocks_do_not_divide_is_masked_to_its_edge() -> None:
    hu_DHW = shell_slices(3)[:, 8:56, 8:57]
    assert hu_DHW.shape[2] % 2
    found = brain_mask(hu_DHW, (5.0, 0.5, 0.5))
    assert found.shape == hu_DHW.shape
    assert (found == (hu_DHW == 30.0)).mean() > 0.999


def test_bone_of_a_clipped_ct_may_lie_a_little_below_the_maximum() -> None:
    hu_DHW = shell_slices(3).clip(0.0, 100.0)
    brain, bone = hu_DHW == 30.0, hu_DHW == 100.0
    hu_DHW[bone] -= np.random.default_rng(0).uniform(0.0, 2.5, np.count_nonzero(bone)).astype(np.float32)
    found = brain_mask(hu_DHW, (5.0, 4.0, 4.0))
    assert np.count_nonzero(found & brain) > 0.99 * np.count_nonzero(brain)
    assert not (found & ~brain).any()


def test_a_border_clipped_by_a_window_keeps_out_what_reads_as_bone() -> None:
    hu_DHW = shell_slices(3)
    hu_DHW[:, 32, 52] = 90.0
    hu_DHW[:, 32, 12] = 99.0
    found = brain_mask(hu_DHW.clip(-20.0, 100.0), (5.0, 1.0, 1.0))
    assert found[1, 32, 52]
    assert not found[1, 32, 12]


def test_too_little_bone_does_not_enclose() -> None:
    hu_DHW = np.full((3, 64, 64), -1000.0, dtype=np.float32)
    hu_DHW[:, 12:52, 12:52] = 30.0
    hu_DHW[:, 10:12, 10:54] = hu_DHW[:, 10:54, 10:12] = 1000.0
    assert not brain_mask(hu_DHW, (5.0, 1.0, 1.0)).any()
    hu_DHW[:, 52:54, 10:54] = 1000.0
    assert brain_mask(hu_DHW, (5.0, 1.0, 1.0))[:, 16:48, 16:48].all()


def test_the_gap_of_a_craniotomy_is_bridged_along_the_skull() -> None:
    y, x = np.ogrid[:128, :128]
    radius_HW = np.hypot(y - 64, x - 64)
    plane = np.select([radius_HW < 45, radius_HW < 50, radius_HW < 56], [30.0, 1000.0, 30.0], -1000.0)
    gap_HW = (radius_HW >= 45) & (radius_HW < 50) & (x > 64) & (abs(y - 64) < 20)
    plane[gap_HW] = 30.0
    hu_DHW = np.repeat(plane[None].astype(np.float32), 3, axis=0)
    found_HW = brain_mask(hu_DHW, (5.0, 1.5, 1.5))[1]
    assert found_HW[radius_HW < 44].all()
    assert not found_HW[radius_HW > 48].any()  # 5 to 6 voxels of scalp lie beyond


def test_the_spinal_canal_and_tissue_beside_the_brain_are_left_out() -> None:
    """Two slices of brain over two of a canal of 24 mm, with muscle between bones beside it."""
    y, x = np.ogrid[:100, :100]
    hu_DHW = np.full((4, 100, 100), -1000.0, dtype=np.float32)
    radius_HW = np.hypot(y - 50, x - 50)
    hu_DHW[2:] = np.select([radius_HW < 30, radius_HW < 34], [30.0, 1000.0], -1000.0)
    canal_HW, muscle_HW = radius_HW < 6, np.hypot(y - 60, x - 82) < 8
    hu_DHW[:2] = np.select([canal_HW, muscle_HW, radius_HW < 44], [30.0, 60.0, 1000.0], -1000.0)
    found = brain_mask(hu_DHW, (5.0, 2.0, 2.0))
    assert (found[2:] == (hu_DHW[2:] == 30.0)).all()
    assert not found[:2].any()


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


def test_tissue_between_bars_of_bone_that_do_not_surround_it_has_no_brain() -> None:
    hu_DHW = np.full((3, 160, 160), 0.0, dtype=np.float32)
    hu_DHW[:, :4] = -1000.0
    hu_DHW[1, 10:14, 60:100] = hu_DHW[1, 60:100, 10:14] = hu_DHW[1, 60:100, 146:150] = 1000.0
    assert not brain_mask(hu_DHW, (5.0, 1.0, 1.0)).any()


def ball_slices(num_slices: int) -> NDArray[np.float32]:
    """A hollow ball of bone with brain of 60 mm radius in it, in slices of 3 mm and pixels of 1 mm."""
    z, y, x = np.ogrid[:num_slices, :140, :140]
    radius = np.sqrt((3.0 * (z - num_slices // 2)) ** 2 + (y - 70.0) ** 2 + (x - 70.0) ** 2)
    return np.select([radius < 60, radius < 66], [30.0, 1000.0], -1000.0).astype(np.float32)


@pytest.mark.parametrize(
    "damage", ["blank", "water", "half blank", "noise", "brighter", "darker", "clipped", "two blank"]
)
def test_the_brain_goes_on_beyond_a_damaged_slice(damage: str) -> None:
    hu_DHW = ball_slices(48)
    whole = brain_mask(hu_DHW, (3.0, 1.0, 1.0))
    slices = slice(28, 30) if damage == "two blank" else slice(28, 29)
    plane = hu_DHW[slices]
    noise = np.random.default_rng(0).normal(0.0, 300.0, plane.shape).astype(np.float32)
    half = np.where(np.arange(140)[:, None] < 70, -1000.0, plane)
    damaged = {"water": np.zeros_like(plane), "half blank": half, "noise": noise, "brighter": plane + 120.0}
    damaged |= {"darker": plane - 300.0, "clipped": plane.clip(-1024.0, 90.0)}
    hu_DHW[slices] = damaged.get(damage, np.full_like(plane, -1000.0))
    found = brain_mask(hu_DHW, (3.0, 1.0, 1.0))
    others = np.ones(48, dtype=bool)
    others[slices] = False
    assert np.count_nonzero(found[others] & whole[others]) > 0.99 * np.count_nonzero(whole[others])


@pytest.mark.parametrize(("mean_hu", "sd_hu"), [(85.0, 15.0), (95.0, 10.0), (100.0, 5.0)])
def test_dense_or_noisy_blood_along_the_skull_stays_in_the_brain(mean_hu: float, sd_hu: float) -> None:
    hu_DHW = ball_slices(48)
    z, y, x = np.ogrid[:48, :140, :140]
    depth_mm = 60.0 - np.sqrt((3.0 * (z - 24)) ** 2 + (y - 70.0) ** 2 + (x - 70.0) ** 2)
    blood = (depth_mm >= 0) & (depth_mm < 10) & (x > 80) & (abs(z - 24) < 12)
    hu_DHW[blood] = mean_hu + np.random.default_rng(0).normal(0.0, sd_hu, np.count_nonzero(blood))
    found = brain_mask(hu_DHW, (3.0, 1.0, 1.0))
    assert np.count_nonzero(found & blood) >= 0.99 * np.count_nonzero(blood)


@pytest.mark.parametrize("window_hu", [(0.0, 200.0), (0.0, 300.0), (-100.0, 250.0)])
def test_a_window_that_reaches_bone_but_not_air_changes_little(window_hu: tuple[float, float]) -> None:
    hu_DHW = ball_slices(48)
    whole, found = (brain_mask(one, (3.0, 1.0, 1.0)) for one in (hu_DHW, hu_DHW.clip(*window_hu)))
    assert np.count_nonzero(found ^ whole) < 0.01 * np.count_nonzero(whole)


def test_water_without_a_skull_has_no_brain() -> None:
    hu_DHW = shell_slices(3)
    hu_DHW[hu_DHW > 500] = -1000.0
    hu_DHW[:, 0, 0] = 1000.0  # so that the CT counts as one of full range
    assert not brain_mask(hu_DHW, (5.0, 2.0, 2.0)).any()


@pytest.mark.realdata
@pytest.mark.slow
def test_lesions_of_real_scans_lie_in_a_brain_of_plausible_size_that_leaves_the_canal_out(real_data: Path) -> None:
    cases = read_manifest(real_data / "phe_sich8")
    assert len(cases) == 8
    for case in cases:
        raw = read_case(case)
        assert raw.lesion_DHW is not None
        found = brain_mask(raw.ct.array_DHW, raw.ct.spacing_DHW_mm)
        assert np.count_nonzero(found & raw.lesion_DHW) >= 0.995 * np.count_nonzero(raw.lesion_DHW)
        assert 1100.0 < np.count_nonzero(found) * raw.ct.voxel_ml < 2100.0
        areas_cm2 = found.sum(axis=(1, 2)) * raw.ct.voxel_ml * 10.0 / raw.ct.spacing_DHW_mm[0]
        assert areas_cm2[np.flatnonzero(areas_cm2)[0]] > 9.0
        assert np.count_nonzero(found & (raw.ct.array_DHW > 95.0)) <= 0.001 * np.count_nonzero(found)
