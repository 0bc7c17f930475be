import numpy as np
import pytest

from hemosweep.arrays import Mask
from hemosweep.preprocessing.calvarium import calvarium_mask

Y, X = np.ogrid[:121, :121]
ANGLE_DEG = np.rad2deg(np.arctan2(Y - 60, X - 60))
RADIUS = np.hypot(Y - 60, X - 60)
BRAIN = RADIUS < 38


def ring(gap_deg: float = 0.0) -> Mask:
    """Bone from 40 to 45 elements around the middle, without what lies within half of `gap_deg` of the right."""
    return (RADIUS >= 40) & (RADIUS < 45) & (np.abs(ANGLE_DEG) >= gap_deg / 2)


def test_lid_reaches_the_inner_table_and_its_slack() -> None:
    calvarium = calvarium_mask(ring(), BRAIN, (2.0, 2.0))
    assert calvarium[RADIUS <= 39.5].all()
    assert not calvarium[RADIUS > 42.0].any()


@pytest.mark.parametrize("gap_deg", [5.0, 40.0, 90.0])
def test_lid_bridges_a_gap_along_the_circle(gap_deg: float) -> None:
    calvarium = calvarium_mask(ring(gap_deg), BRAIN, (2.0, 2.0))
    assert calvarium[RADIUS <= 39.5].all()
    assert not calvarium[RADIUS > 43.0].any()


def test_lid_bridges_a_gap_at_the_long_end_of_an_ellipse() -> None:
    stretched = np.hypot((Y - 60) / 1.2, X - 60)
    bone = (stretched >= 40) & (stretched < 45) & (np.abs(ANGLE_DEG - 90.0) > 25.0)
    calvarium = calvarium_mask(bone, stretched < 38, (2.0, 2.0))
    assert calvarium[stretched <= 39.5].all()
    assert not calvarium[stretched > 44.0].any()


def test_calcifications_and_ridges_inside_do_not_lower_the_lid() -> None:
    bone = ring() | ((np.abs(Y - 60) < 2) & (X > 70) & (X < 85))
    assert (calvarium_mask(bone, BRAIN, (2.0, 2.0)) == calvarium_mask(ring(), BRAIN, (2.0, 2.0))).all()


def test_less_than_three_fifths_of_a_ring_is_no_lid() -> None:
    assert not calvarium_mask(ring(gap_deg=150.0), BRAIN, (2.0, 2.0)).any()
    assert calvarium_mask(ring(gap_deg=130.0), BRAIN, (2.0, 2.0))[60, 60]
    assert not calvarium_mask(np.zeros_like(BRAIN), BRAIN, (2.0, 2.0)).any()


def test_a_ring_that_is_all_gaps_and_edges_still_makes_a_lid() -> None:
    teeth = ring() & (np.abs(ANGLE_DEG) % 8.0 < 6.0)
    calvarium = calvarium_mask(teeth, BRAIN, (2.0, 2.0))
    assert calvarium[RADIUS < 38].all()
    assert not calvarium[RADIUS > 46].any()
