import base64
import zlib

import numpy as np
import pytest

from hemosweep.report.cases import encoding
from hemosweep.report.cases.encoding import CT_RANGE_HU, LADDER, averaged, ct_sheet, mask_text
from hemosweep.report.slices.panels import radiological
from tests.hemosweep.report.cases.decode import mask_of, runs_of, tiles_of


def test_runs_worked_by_hand_start_with_zeros_in_radiological_display():
    mask_DHW = np.zeros((2, 2, 3), dtype=bool)
    mask_DHW[0, 1, 2] = True  # anterior left: the first row's last column, displayed first
    mask_DHW[1, 0, :2] = True
    # Displayed: slice 0 is 100 000, slice 1 is 000 011.
    assert runs_of(mask_text(mask_DHW)) == [0, 1, 9, 2]


def test_a_length_of_two_bytes_has_its_low_septet_first():
    mask_DHW = np.zeros((1, 1, 400), dtype=bool)
    mask_DHW[0, 0, 99] = True  # displayed behind 300 zeros; 300 = 2 * 128 + 44
    assert zlib.decompress(base64.b64decode(mask_text(mask_DHW))) == bytes([44 | 0x80, 2, 1])


def test_an_empty_mask_is_no_text():
    assert mask_text(np.zeros((2, 3, 4), dtype=bool)) == ""


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_any_mask_comes_back(share):
    mask_DHW = np.random.default_rng(0).random((5, 40, 70)) < share
    assert np.array_equal(radiological(mask_of(mask_text(mask_DHW), mask_DHW.shape)), mask_DHW)


def test_a_value_on_the_edge_of_two_parts_counts_by_its_share():
    values = np.array([[0.0, 3.0, 6.0]], dtype=np.float32)
    # Parts of one and a half values: (0 + 3 / 2) / 1.5 and (3 / 2 + 6) / 1.5.
    assert averaged(values, 2, 1).tolist() == [[1.0, 5.0]]
    assert averaged(values, 3, 1).tolist() == values.tolist()


@pytest.fixture
def ct_DHW():
    """A disc of 60 HU with noise, brighter at the patient's left, in air; outside the range at both ends."""
    h, w = np.mgrid[:120, :100]
    inside = np.hypot(h - 60, w - 50) < 45
    hu_HW = np.where(inside, 20.0 + 0.8 * w, -1000.0)
    noise = np.random.default_rng(1).normal(0, 4, (5, 120, 100))
    return np.where(inside, hu_HW + noise, hu_HW).astype(np.float32)


def test_slices_come_back_within_a_few_hu_and_clipped_to_the_range(ct_DHW):
    sheet = ct_sheet(ct_DHW, (1.0, 1.0), 10_000_000)
    assert (sheet.rung, sheet.tile_HW, sheet.pixel_mm, sheet.columns) == (LADDER[0], (120, 100), 1.0, 3)
    low, high = CT_RANGE_HU
    shown = tiles_of(sheet.content, sheet.columns, sheet.tile_HW, 5) / 255 * (high - low) + low
    errors = shown - np.clip(ct_DHW[:, ::-1, ::-1], low, high)
    assert np.sqrt(np.mean(errors**2)) < 3
    assert shown[:, 60, 10].mean() > shown[:, 60, 90].mean() + 30, "the patient's left is at the right"


def test_pixels_are_square_whatever_the_voxels_are(ct_DHW):
    sheet = ct_sheet(ct_DHW, (0.5, 1.0), 10_000_000)
    assert sheet.pixel_mm == 0.5
    assert sheet.tile_HW == (120, 200)


def test_the_best_rung_that_fits_is_taken_and_the_lowest_where_none_does(ct_DHW):
    sizes = [len(ct_sheet(ct_DHW, (1.0, 1.0), limit).text) for limit in (10_000_000, 9_000, 5_000)]
    assert sizes[0] > 9_000 >= sizes[1] > 5_000 >= sizes[2]
    assert ct_sheet(ct_DHW, (1.0, 1.0), 10).rung == LADDER[-1]
    limit = sizes[1]
    rung = LADDER.index(ct_sheet(ct_DHW, (1.0, 1.0), limit).rung)
    assert LADDER.index(ct_sheet(ct_DHW, (1.0, 1.0), limit - 1).rung) == rung + 1


def test_all_slices_are_encoded_once_and_a_few_tell_how_well(monkeypatch):
    rng = np.random.default_rng(2)
    ct_DHW = rng.normal(40, 20, (24, 60, 60)).astype(np.float32)
    encoded, sheet = [], encoding._sheet

    def counted(gray_DHW, *others):
        encoded.append(len(gray_DHW))
        return sheet(gray_DHW, *others)

    monkeypatch.setattr(encoding, "_sheet", counted)
    best = ct_sheet(ct_DHW, (1.0, 1.0), 10_000_000)
    assert best.rung == LADDER[0]
    limit = int(0.6 * len(best.text))
    encoded.clear()
    found = ct_sheet(ct_DHW, (1.0, 1.0), limit)
    assert limit >= len(found.text) > 0.6 * limit
    assert encoded.count(24) == 1
    assert set(encoded) == {6, 24}
