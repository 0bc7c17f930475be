"""Heads of every kind are heads; the scans of what is none are in tests/e2e/test_no_head.py."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from hemosweep.arrays import Spacing
from hemosweep.phantom.case import make_phantom
from hemosweep.phantom.variant import PhantomVariant
from hemosweep.preprocessing.brain import brain_mask
from hemosweep.preprocessing.head import head_mask
from hemosweep.preprocessing.no_head import no_head
from hemosweep.preprocessing.tilt import straighten
from tests.bodies import stripped

Hu = NDArray[np.float32]

VARIANTS = {
    "plain": PhantomVariant(),
    "bone flap removed": PhantomVariant(craniotomy=True, crescent=True),
    "tilted, pressed into its holder": PhantomVariant(gantry_tilt_deg=-20.0, holder_gap_mm=-3.0, craniotomy=True),
    "base cut off": PhantomVariant(range_shift_mm=25.0),
    "vertex cut off": PhantomVariant(range_shift_mm=-12.0),
    "10 mm slices": PhantomVariant(slice_mm=10.0),
}
SIZES = {"newborn": 0.55, "adult": 1.0, "very large": 1.2}


@cache
def scanned(variant: PhantomVariant, window_hu: tuple[int, int] = (-1024, 3071)) -> tuple[Hu, Spacing]:
    ct, _ = straighten(make_phantom(3, size="small", seed=5, cta_share=0.0, variant=variant).ct)
    return np.ascontiguousarray(ct.array_DHW.clip(*window_hu), dtype=np.float32), ct.spacing_DHW_mm


def fault_of(hu_DHW: Hu, spacing_DHW_mm: Spacing) -> str | None:
    head_DHW = head_mask(hu_DHW, spacing_DHW_mm)
    return no_head(hu_DHW, spacing_DHW_mm, head_DHW, brain_mask(hu_DHW, spacing_DHW_mm, head_DHW))


@pytest.mark.parametrize("window_hu", [(-1024, 3071), (-20, 100)], ids=["full range", "windowed"])
@pytest.mark.parametrize("name", VARIANTS)
def test_a_head_is_a_head(name: str, window_hu: tuple[int, int]) -> None:
    assert fault_of(*scanned(VARIANTS[name], window_hu)) is None


@pytest.mark.parametrize("name", SIZES)
def test_a_head_may_be_a_child_s_or_very_large(name: str) -> None:
    hu_DHW, (slice_mm, height_mm, width_mm) = scanned(PhantomVariant())
    size = SIZES[name]
    assert fault_of(hu_DHW, (slice_mm * size, height_mm * size, width_mm * size)) is None


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(lambda hu_DHW: hu_DHW[:, :, 40:], id="a side out of view"),
        pytest.param(lambda hu_DHW: hu_DHW[:, 32:], id="the back out of view"),
        pytest.param(lambda hu_DHW: hu_DHW[10:15], id="five slices"),
        pytest.param(lambda hu_DHW: hu_DHW[6:18], id="neither base nor vertex"),
    ],
)
def test_a_part_of_a_head_is_a_head(cut: Callable[[Hu], Hu]) -> None:
    hu_DHW, spacing_DHW_mm = scanned(PhantomVariant())
    assert fault_of(np.ascontiguousarray(cut(hu_DHW)), spacing_DHW_mm) is None


def test_a_scan_of_one_value_is_nothing() -> None:
    assert fault_of(np.full((4, 30, 30), -1000.0, dtype=np.float32), (5.0, 2.0, 2.0)) == "nothing but air or the table"


def test_a_stripped_brain_that_was_exported_through_a_window_is_recognised() -> None:
    volume = stripped(-20, window_hu=(-20, 100))
    fault = fault_of(volume.array_DHW.astype(np.float32), volume.spacing_DHW_mm)
    assert fault is not None
    assert fault.startswith("no skull around the brain")
