import math

import numpy as np
import pytest

from hemosweep.scores.shape import sphericity


def box(*size):
    mask_DHW = np.zeros([length + 2 for length in size], dtype=bool)
    mask_DHW[1:-1, 1:-1, 1:-1] = True
    return mask_DHW


def test_a_voxel_has_the_surface_of_an_octahedron_and_the_volume_of_a_cube():
    # Eight triangles between points half a voxel away: each has the area √3 / 8, together √3.
    assert sphericity(box(1, 1, 1), (1.0, 1.0, 1.0)) == pytest.approx(math.pi ** (1 / 3) * 6 ** (2 / 3) / math.sqrt(3))


def test_a_large_ball_comes_close_to_one_and_a_cube_to_its_own_value():
    d, h, w = np.ogrid[-20:21, -20:21, -20:21]
    assert sphericity(d**2 + h**2 + w**2 <= 18**2, (1.0, 1.0, 1.0)) == pytest.approx(0.92, abs=0.01)
    assert sphericity(box(60, 60, 60), (1.0, 1.0, 1.0)) == pytest.approx((math.pi / 6) ** (1 / 3), rel=0.02)


def test_the_spacing_counts_and_the_scale_does_not():
    flat = sphericity(box(2, 20, 20), (1.0, 1.0, 1.0))
    assert sphericity(box(2, 20, 20), (10.0, 1.0, 1.0)) > 1.2 * flat
    assert sphericity(box(2, 20, 20), (3.0, 3.0, 3.0)) == pytest.approx(flat)


def test_two_pieces_are_less_compact_than_one_and_no_mask_has_no_shape():
    one = box(10, 10, 10)
    # Twice the volume over twice the surface: a factor of 2^(2/3) / 2.
    two = np.concatenate([one, one])
    assert sphericity(two, (1.0, 1.0, 1.0)) == pytest.approx(2 ** (-1 / 3) * sphericity(one, (1.0, 1.0, 1.0)))
    assert sphericity(np.zeros((2, 2, 2), dtype=bool), (1.0, 1.0, 1.0)) is None
