"""Post-processing of hand-made masks."""

import numpy as np
import pytest

from hemosweep.errors import BadInput
from hemosweep.postprocessing.components import ConfidentComponents, MinVolume
from hemosweep.postprocessing.morphology import Closing, Opening
from hemosweep.testing.postprocessing import PostProcessingContract

SPACING_DHW_MM = (5.0, 0.5, 1.0)
COMPONENTS = [
    Closing(size_px=3),
    Closing(size_mm=4.0),
    Opening(size_px=2),
    Opening(size_mm=2.5),
    MinVolume(ml=0.05),
    ConfidentComponents(mean_probability=0.6),
]


@pytest.mark.parametrize("component", COMPONENTS, ids=str)
class TestOurs(PostProcessingContract):
    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


def picture(*rows):
    """A mask of one slice, # is lesion."""
    return np.array([[character == "#" for character in row] for row in rows])[None]


def applied(component, mask_DHW, probability_DHW=None, spacing_DHW_mm=SPACING_DHW_MM):
    probability_DHW = mask_DHW.astype(np.float32) if probability_DHW is None else probability_DHW
    return component.apply(mask_DHW, probability_DHW, spacing_DHW_mm)


def test_closing_fills_what_is_narrower_than_its_square_and_opening_takes_it():
    with_gap, whole = picture("......", "##.##.", "##.##.", "......"), picture("......", "#####.", "#####.", "......")
    assert np.array_equal(applied(Closing(size_px=2), with_gap), whole)
    assert np.array_equal(applied(Closing(size_px=1), with_gap), with_gap)
    assert np.array_equal(applied(Opening(size_px=2), with_gap), with_gap)
    assert not applied(Opening(size_px=3), with_gap).any()


def test_a_lesion_at_the_edge_of_the_image_keeps_its_shape():
    edge = picture("###..", "###..", "###..")
    for size_px in (2, 3, 4):
        assert np.array_equal(applied(Closing(size_px=size_px), edge), edge)
    assert np.array_equal(applied(Opening(size_px=3), edge), edge)


@pytest.mark.parametrize("size_px", [1, 2, 3, 4, 5])
def test_closing_only_adds_and_opening_only_takes(size_px):
    noise = np.random.default_rng(0).random((3, 12, 10)) > 0.6
    assert (applied(Closing(size_px=size_px), noise) | ~noise).all()
    assert (noise | ~applied(Opening(size_px=size_px), noise)).all()


def test_slices_do_not_meet():
    apart = np.zeros((3, 5, 5), dtype=bool)
    apart[[0, 2], 2, 2] = True
    assert np.array_equal(applied(Closing(size_px=5), apart), apart)


def test_a_size_in_millimetres_counts_the_pixels_of_each_axis():
    # 2 mm are four rows of 0.5 mm and two columns of 1 mm.
    gaps = picture("#.....", "......", "......", "#.....", "......", "#..#..")
    closed = picture("#.....", "#.....", "#.....", "#.....", "#.....", "#..#..")
    assert np.array_equal(applied(Closing(size_mm=2.0), gaps), closed)


def test_components_are_kept_from_their_volume_on():
    mask_DHW = np.zeros((2, 6, 6), dtype=bool)
    mask_DHW[0, 0, :3] = True  # Four voxels, of which the last one touches by a corner: 0.01 mL.
    mask_DHW[1, 1, 3] = True
    mask_DHW[1, 5, :3] = True  # Three voxels.
    kept_DHW = applied(MinVolume(ml=0.01), mask_DHW)
    assert kept_DHW.sum() == 4
    assert not kept_DHW[1, 5].any()
    assert not applied(MinVolume(ml=0.0101), mask_DHW).any()
    assert not applied(MinVolume(ml=0.01), np.zeros_like(mask_DHW)).any()


def test_components_are_kept_above_their_mean_probability():
    mask_DHW = picture("##..##", "......", "##....")
    probability_DHW = np.where(mask_DHW, np.float32(0.5), np.float32(0.0))
    probability_DHW[0, 0, :2] = 0.5, 1.0  # Mean 0.75.
    probability_DHW[0, 0, 4:] = 0.5, 0.75
    kept_DHW = applied(ConfidentComponents(mean_probability=0.625), mask_DHW, probability_DHW)
    assert np.array_equal(kept_DHW, picture("##....", "......", "......"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Closing(), "size_px=None, size_mm=None: give one of the two"),
        (lambda: Opening(size_px=2, size_mm=1.0), "give one of the two"),
        (lambda: Closing(size_px=0), "size_px=0: must be at least 1"),
        (lambda: Opening(size_mm=0.0), "size_mm=0.0: must be positive"),
        (lambda: MinVolume(ml=0.0), "ml=0.0: must be positive"),
        (lambda: ConfidentComponents(mean_probability=1.0), "must lie in"),
    ],
)
def test_an_impossible_one_is_refused(make, message):
    with pytest.raises(BadInput, match=message):
        make()
