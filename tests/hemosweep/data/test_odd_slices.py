"""Odd slices that are planted in a phantom's head, and whole heads in which none is found."""

from collections.abc import Callable

import numpy as np
import pytest

from hemosweep.arrays import FloatArray
from hemosweep.data.odd_slices import odd_slices
from hemosweep.phantom.case import PhantomCase, make_phantom
from hemosweep.phantom.variant import PhantomVariant

Change = Callable[[FloatArray], FloatArray]
OTHER_HU = "(other HU, or noise)"


@pytest.fixture(scope="module")
def phantom() -> PhantomCase:
    return make_phantom(1, size="small", seed=5, cta_share=0.0)


def texts(phantom: PhantomCase, at: tuple[int, ...] = (), change: Change = np.copy) -> tuple[str, ...]:
    hu_DHW = phantom.ct.array_DHW.astype(np.float32)
    for index in at:
        hu_DHW[index] = change(hu_DHW[index])
    return odd_slices(hu_DHW, phantom.ct.spacing_DHW_mm).texts


@pytest.mark.parametrize("hu", [-1000.0, 0.0, 40.0])
@pytest.mark.parametrize(
    ("at", "named"),
    [((9,), "slice 10 of 24 (counted from the feet) is"), ((4, 12, 13), "slices 5, 13 and 14 of 24 (counted from the "
     "feet) are"), ((8, 9, 10, 16), "slices 9 to 11 and 17 of 24 (counted from the feet) are")],
)  # fmt: skip
def test_a_blank_slice_in_the_head_is_named(phantom: PhantomCase, hu: float, at: tuple[int, ...], named: str) -> None:
    assert texts(phantom, at, lambda hu_HW: np.full_like(hu_HW, hu)) == (f"{named} empty",)


@pytest.mark.parametrize(
    "change",
    [
        lambda hu_HW: hu_HW + 100.0,
        lambda hu_HW: hu_HW - 80.0,
        lambda hu_HW: np.random.default_rng(0).normal(0.0, 300.0, hu_HW.shape),
        lambda hu_HW: np.where(np.arange(len(hu_HW))[:, None] < len(hu_HW) // 2, -1000.0, hu_HW),
    ],
    ids=["brighter", "darker", "noise", "half"],
)
def test_a_slice_with_other_hu_is_named(phantom: PhantomCase, change: Change) -> None:
    assert texts(phantom, (11,), change) == (
        f"slice 12 of 24 (counted from the feet) is not like its neighbours {OTHER_HU}",
    )
    assert texts(phantom, (11, 12), change) == (
        f"slices 12 and 13 of 24 (counted from the feet) are not like their neighbours {OTHER_HU}",
    )


def test_air_beyond_the_head_is_no_gap(phantom: PhantomCase) -> None:
    assert texts(phantom, (0, 22, 23), lambda hu_HW: np.full_like(hu_HW, -1000.0)) == ()


@pytest.mark.parametrize("variant", [PhantomVariant(), PhantomVariant(craniotomy=True, crescent=True)])
def test_nothing_is_found_in_a_whole_head(variant: PhantomVariant) -> None:
    for number in range(3):
        whole = make_phantom(number, size="small", seed=7, cta_share=0.0, variant=variant)
        hu_DHW = whole.ct.array_DHW.astype(np.float32)
        slice_mm, *pixel_mm = whole.ct.spacing_DHW_mm
        for scan_DHW in (hu_DHW, np.clip(hu_DHW, 0.0, 80.0), hu_DHW[::-1]):
            assert odd_slices(scan_DHW, whole.ct.spacing_DHW_mm).texts == ()
        thick_DHW = hu_DHW.reshape(-1, 2, *hu_DHW.shape[1:]).mean(axis=1)
        assert odd_slices(thick_DHW, (2 * slice_mm, pixel_mm[0], pixel_mm[1])).texts == ()


def test_slices_of_an_open_shell_are_not_empty() -> None:
    """A plastic skull, whose slices have two thin walls and air between them."""
    hu_DHW = np.random.default_rng(0).normal(-1000.0, 3.0, (20, 60, 60)).astype(np.float32)
    hu_DHW[:, 10:50, 10:12] = hu_DHW[:, 10:50, 48:50] = 200.0
    hu_DHW[:8, 10:50, 10:50] = 200.0
    assert odd_slices(hu_DHW, (3.0, 2.0, 2.0)).empty_N == ()


def test_a_scan_of_air_or_of_one_slice_has_none() -> None:
    for shape in ((1, 20, 20), (6, 20, 20), (6, 1, 2)):
        assert odd_slices(np.full(shape, -1000.0, dtype=np.float32), (5.0, 2.0, 2.0)).texts == ()
