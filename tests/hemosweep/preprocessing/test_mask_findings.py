"""Measures of masks whose flaws are counted by hand, and what is said of them."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from hemosweep.arrays import Mask, Spacing
from hemosweep.data.odd_slices import OddSlices
from hemosweep.phantom.case import make_phantom
from hemosweep.phantom.variant import PhantomVariant
from hemosweep.preprocessing.mask_findings import (
    LOOK_AT_IT,
    MaskMeasures,
    lesion_finding,
    lesion_outside_share,
    mask_findings,
    measure_mask,
)
from hemosweep.preprocessing.slice_findings import scan_findings

SPACING = (5.0, 2.0, 2.0)
VOXEL_ML = 0.02
SHAPE = (30, 100, 90)


def egg() -> Mask:
    """An egg of 130 x 170 x 120 mm that is turned by 20 degrees: 1,389 mL."""
    z, y, x = (
        mm * (np.arange(size) - (size - 1) / 2).reshape([-1 if other == axis else 1 for other in range(3)])
        for axis, (mm, size) in enumerate(zip(SPACING, SHAPE, strict=True))
    )
    turn = np.deg2rad(20.0)
    along, across = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
    mask_DHW: Mask = (z / 60) ** 2 + (along / 85) ** 2 + (across / 65) ** 2 < 1
    return mask_DHW


def measured(brain_DHW: Mask, *, hu_DHW: NDArray[np.float32] | None = None, spacing: Spacing = SPACING) -> MaskMeasures:
    hu_DHW = np.full(brain_DHW.shape, 30.0, dtype=np.float32) if hu_DHW is None else hu_DHW
    return measure_mask(hu_DHW, spacing, brain_DHW, brain_DHW)


def kinds(measures: MaskMeasures) -> list[str]:
    return [finding.kind for finding in mask_findings(measures)]


def test_nothing_is_said_of_an_even_mask_that_lies_askew() -> None:
    measures = measured(egg())
    assert measures.volume_ml == pytest.approx(4 / 3 * np.pi * 60 * 85 * 65 / 1000, rel=0.01)
    assert measures.asymmetry < 0.02
    assert (measures.holes_ml, measures.num_pieces, measures.loose_ml) == (0.0, 1, 0.0)
    assert (measures.vertex_share, measures.base_share, measures.side_cm2) == (0.0, 0.0, 0.0)
    assert mask_findings(measures) == ()


def test_a_part_that_one_side_lacks_is_asymmetry() -> None:
    mask_DHW = egg()
    whole = np.count_nonzero(mask_DHW)
    mask_DHW[16:, :, 55:] = False
    lost_share = (whole - np.count_nonzero(mask_DHW)) / np.count_nonzero(mask_DHW)
    measures = measured(mask_DHW)
    assert 0.5 * lost_share <= measures.asymmetry <= lost_share
    assert kinds(measures) == ["mask-asymmetry"]


def test_a_slice_that_is_mostly_lost_is_a_hole() -> None:
    mask_DHW = egg()
    mask_DHW[18, 35:65, 25:65] = False
    measures = measured(mask_DHW)
    assert measures.holes_ml == pytest.approx(30 * 40 * VOXEL_ML)
    assert "mask-holes" in kinds(measures)


def test_bone_between_two_parts_of_the_brain_is_no_hole() -> None:
    mask_DHW, hu_DHW = egg(), np.full(SHAPE, 30.0, dtype=np.float32)
    mask_DHW[14, 30:70, 20:60] = False
    hu_DHW[14, 30:70, 20:60] = 700.0
    mask_DHW[13, 30, 20:60] = False  # not enclosed on all sides either
    mask_DHW[14, 30:, 20:60] = False
    hu_DHW[14, 30:, 20:60] = 700.0
    assert measured(mask_DHW, hu_DHW=hu_DHW).holes_ml < 1.0


def test_pieces_and_what_is_loose_are_counted() -> None:
    mask_DHW = egg()
    mask_DHW[1:4, 5:15, 5:15] = True
    measures = measured(mask_DHW)
    assert (measures.num_pieces, measures.loose_ml) == (2, pytest.approx(3 * 100 * VOXEL_ML))
    assert "mask-pieces" in kinds(measures)


def test_bone_in_the_mask_is_counted() -> None:
    hu_DHW = np.full(SHAPE, 30.0, dtype=np.float32)
    hu_DHW[:10] = 700.0
    mask_DHW = egg()
    measures = measured(mask_DHW, hu_DHW=hu_DHW)
    assert measures.bone_share == pytest.approx(np.count_nonzero(mask_DHW[:10]) / np.count_nonzero(mask_DHW))
    assert kinds(measures) == ["mask-bone"]


@pytest.mark.parametrize(
    ("kept", "where"),
    [
        ((slice(None, 20),), "at the vertex"),
        ((slice(12, None),), "at the base"),
        ((slice(None), slice(None), slice(None, 60)), "at a side"),
        ((slice(12, 20),), "at the vertex and at the base"),
    ],
)
def test_a_scan_that_ends_in_the_head_is_named_with_its_end_and_not_called_small(
    kept: tuple[slice, ...], where: str
) -> None:
    first, *_ = mask_findings(measured(np.ascontiguousarray(egg()[kept])))
    assert (first.kind, first.text) == ("head-cut-off", f"the scan ends in the head, {where}")


@pytest.mark.parametrize(("size", "words"), [(0.8, "smaller than 900 mL"), (1.2, "larger than 1,900 mL")])
def test_a_mask_without_a_brain_s_volume_is_told(size: float, words: str) -> None:
    slice_mm, height_mm, width_mm = SPACING
    measures = measured(egg(), spacing=(slice_mm * size, height_mm * size, width_mm * size))
    (finding,) = mask_findings(measures)
    assert finding.kind == "mask-volume"
    assert words in finding.text
    assert f"({measures.volume_ml:,.0f} mL)" in finding.message


def test_a_mask_that_ends_far_below_the_top_of_the_head_is_told() -> None:
    head_DHW, brain_DHW = egg(), egg()
    brain_DHW[18:] = False
    measures = measure_mask(np.full(SHAPE, 30.0, dtype=np.float32), SPACING, head_DHW, brain_DHW)
    top = int(np.flatnonzero(head_DHW.any(axis=(1, 2)))[-1])
    assert measures.above_mm == (top - 17) * SPACING[0] > 30.0
    areas = np.count_nonzero(brain_DHW, axis=(1, 2))
    assert measures.end_share == areas[17] / areas.max()
    assert "mask-top" in kinds(measures)
    (finding,) = (one for one in mask_findings(measures) if one.kind == "mask-top")
    assert f"the head goes on for {measures.above_mm:.0f} mm" in finding.message
    for less in ({"above_mm": 25.0}, {"end_share": 0.2}):
        assert "mask-top" not in kinds(replace(measures, **less))


@pytest.mark.parametrize(("num_outside", "message"), [(0, None), (5, None), (12, "(1.2%)")])
def test_the_share_of_a_lesion_outside_the_mask_is_told_beyond_half_a_percent(
    num_outside: int, message: str | None
) -> None:
    lesion_DHW, brain_DHW = np.ones((10, 10, 10), dtype=bool), np.ones((10, 10, 10), dtype=bool)
    brain_DHW.flat[:num_outside] = False
    share = lesion_outside_share(lesion_DHW, brain_DHW)
    assert share == num_outside / 1000
    found = lesion_finding(share)
    if message is None:
        assert found is None
    else:
        assert found is not None
        assert found.warning == "more than 0.5% of the lesion lies outside the brain mask"
        assert found.message == f"{found.warning} {message}"
    assert lesion_outside_share(~lesion_DHW, brain_DHW) == 0.0


def test_odd_slices_come_first_and_what_they_explain_is_left_out() -> None:
    measures = replace(measured(egg()), holes_ml=40.0, head_share=1.0, bone_share=0.1)
    odd = OddSlices(empty_N=(4, 5), unlike_N=(9,), num_slices=24)
    assert [finding.kind for finding in scan_findings(odd, measures)] == ["odd-slices", "odd-slices", "mask-bone"]
    assert scan_findings(odd, measures)[0].message == (
        "slices 5 and 6 of 24 (counted from the feet) are empty; scan or export the series again, or cut them off; "
        "the brain mask goes on beyond them"
    )
    whole = OddSlices(empty_N=(), unlike_N=(), num_slices=24)
    assert scan_findings(whole, measures) == mask_findings(measures)


def test_two_cases_with_one_finding_share_the_words_of_the_warning() -> None:
    measures = replace(measured(egg()), holes_ml=12.0)
    (one,), (other,) = (mask_findings(replace(measures, holes_ml=ml)) for ml in (12.0, 30.0))
    assert one.warning == other.warning == f"the brain mask has holes; {LOOK_AT_IT}"
    assert (one.message, other.message) == tuple(f"the brain mask has holes ({ml} mL); {LOOK_AT_IT}" for ml in (12, 30))


@pytest.mark.parametrize("variant", [PhantomVariant(), PhantomVariant(craniotomy=True, crescent=True)])
def test_fine_and_coarse_pixels_give_the_same_measures(variant: PhantomVariant) -> None:
    phantom = make_phantom(1, size="small", seed=5, cta_share=0.0, variant=variant)
    brain_DHW, (slice_mm, height_mm, width_mm) = phantom.brain.array_DHW > 0, phantom.ct.spacing_DHW_mm
    hu_DHW = phantom.ct.array_DHW.astype(np.float32)
    coarse = measured(brain_DHW, hu_DHW=hu_DHW, spacing=phantom.ct.spacing_DHW_mm)
    fine_DHW, fine_hu_DHW = (array.repeat(3, axis=1).repeat(3, axis=2) for array in (brain_DHW, hu_DHW))
    fine = measured(fine_DHW, hu_DHW=fine_hu_DHW, spacing=(slice_mm, height_mm / 3, width_mm / 3))
    assert fine.volume_ml == pytest.approx(coarse.volume_ml)
    assert fine.bone_share == pytest.approx(coarse.bone_share)
    assert fine.asymmetry == pytest.approx(coarse.asymmetry, abs=0.01)
    assert kinds(fine) == kinds(coarse) == []
