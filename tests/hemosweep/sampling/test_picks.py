from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from hemosweep.config import CENTRES, SamplingConfig
from hemosweep.errors import BadInput
from hemosweep.sampling.centres import draw_case_centres
from hemosweep.sampling.picks import at_random, find_pick, on_grid
from hemosweep.sampling.restriction import restriction

SPACING = (4.0, 1.0, 1.0)


def picked(mask_DHW: np.ndarray, number: int, seed: int = 0) -> np.ndarray:
    index_N = on_grid(mask_DHW, number, np.random.default_rng(seed), SPACING)
    assert (index_N.dtype, index_N.shape) == (np.int64, (number,))
    assert mask_DHW.ravel()[index_N].all()
    return np.array(np.unravel_index(index_N, mask_DHW.shape))


@pytest.mark.parametrize("seed", range(3))
def test_a_grid_has_one_step_in_millimetres_and_chance_moves_it(seed: int) -> None:
    # 12 x 48 x 48 mm: 3 x 12 x 12 points 4 mm apart are as many as are asked for.
    voxels = picked(np.ones((3, 48, 48), dtype=bool), 432, seed)
    for axis, step in zip(voxels, (1, 4, 4), strict=True):
        assert set(np.diff(np.unique(axis))) == {step}
    assert len({tuple(voxel) for voxel in voxels.T}) == 432
    assert (voxels != picked(np.ones((3, 48, 48), dtype=bool), 432, seed + 3)).any()


def test_a_grid_is_thinned_out_evenly_to_the_number() -> None:
    mask_DHW = np.zeros((3, 48, 48), dtype=bool)
    mask_DHW[:, 5:41, 3:44] = True
    voxels = picked(mask_DHW, 300)
    assert len({tuple(voxel) for voxel in voxels.T}) == 300
    per_slice = np.bincount(voxels[0])
    assert max(per_slice) - min(per_slice) <= 1


def test_each_voxel_of_a_small_region_comes_as_often_as_the_others_or_once_more() -> None:
    mask_DHW = np.zeros((3, 48, 48), dtype=bool)
    mask_DHW[1, 5, 7:21] = True
    counts = Counter(tuple(voxel) for voxel in picked(mask_DHW, 16).T)
    assert len(counts) == 14
    assert sorted(counts.values()) == [1] * 12 + [2] * 2


def test_no_voxel_is_picked_where_none_is_asked_for() -> None:
    assert picked(np.ones((2, 3, 4), dtype=bool), 0).size == 0


def test_the_same_random_stream_gives_the_same_grid() -> None:
    mask_DHW = np.random.default_rng(1).random((5, 20, 20)) < 0.7
    np.testing.assert_array_equal(picked(mask_DHW, 50), picked(mask_DHW, 50))


def test_random_picks_are_uniform_draws_with_replacement() -> None:
    mask_DHW = np.random.default_rng(1).random((5, 20, 20)) < 0.7
    drawn = np.random.default_rng(2).choice(np.flatnonzero(mask_DHW), 50)
    np.testing.assert_array_equal(at_random(mask_DHW, 50, np.random.default_rng(2)), drawn)
    assert find_pick("random", SPACING) is at_random


def test_a_configuration_has_its_centres_at_random_on_a_grid_or_in_the_middle(make_case) -> None:
    assert CENTRES == ("random", "grid", "whole")
    assert replace(SamplingConfig(), centres="grid").centres == "grid"
    with pytest.raises(BadInput, match=r"^centres='lattice': choose one of random, grid, whole$"):
        SamplingConfig(centres="lattice")
    lesion = np.zeros((4, 20, 20), dtype=bool)
    lesion[1:3, 4:10, 4:10] = True
    case = make_case(np.ones_like(lesion), lesion)
    given = (case, restriction("brain"), 100)
    regular = draw_case_centres(*given, np.random.default_rng(0), "grid")
    chance = draw_case_centres(*given, np.random.default_rng(0))
    assert regular.counts == chance.counts == {"lesion": 50, "brain": 50}
    assert len(set(regular.index_N)) == 100 > len(set(chance.index_N)), "a grid has no point twice"
