import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import Shape, bounding_box
from hemosweep.preprocessing.grid import Grid, resampled_shape, resize, resize_mask

SIZES = st.integers(1, 40)
SHAPES = st.tuples(SIZES, SIZES, SIZES)


def identity_grid(native_DHW: Shape, start_DHW: Shape, crop_DHW: Shape) -> Grid:
    return Grid(native_DHW=native_DHW, full_DHW=native_DHW, crop_start_DHW=start_DHW, crop_DHW=crop_DHW)


def centroid(weight_DHW: NDArray[np.float32]) -> NDArray[np.float64]:
    """Centre of mass along each axis, as a share of the field of view."""
    centre = ndimage.center_of_mass(weight_DHW.astype(np.float64))
    return (np.array(centre) + 0.5) / weight_DHW.shape


@given(st.data())
def test_on_the_scanners_grid_a_crop_is_put_back_exactly_where_it_was(data: st.DataObject) -> None:
    native = data.draw(st.tuples(*[st.integers(1, 6)] * 3))
    array_DHW = data.draw(hnp.arrays(np.float32, native, elements=st.floats(0, 1, width=32)))
    start = tuple(data.draw(st.integers(0, size - 1)) for size in native)
    crop = tuple(data.draw(st.integers(1, size - first)) for size, first in zip(native, start, strict=True))
    grid = identity_grid(native, start, crop)  # type: ignore[arg-type]
    inside = tuple(slice(first, first + size) for first, size in zip(start, crop, strict=True))
    expected = np.zeros_like(array_DHW)
    expected[inside] = array_DHW[inside]
    np.testing.assert_array_equal(grid.to_native(grid.crop(array_DHW)), expected)


def test_a_crop_of_channels_is_put_back_into_the_whole_image_and_the_rest_is_filled() -> None:
    grid = identity_grid((3, 4, 5), (1, 0, 2), (2, 3, 2))
    image_CDHW = np.arange(24, dtype=np.float16).reshape(2, 2, 3, 2)
    whole_CDHW = grid.uncrop(image_CDHW, fill=-1.0)
    assert (whole_CDHW.shape, whole_CDHW.dtype) == ((2, 3, 4, 5), np.float16)
    np.testing.assert_array_equal(grid.crop(whole_CDHW), image_CDHW)
    assert np.count_nonzero(whole_CDHW == -1.0) == 2 * (60 - 12)
    assert grid.uncrop(whole_CDHW, fill=0.0) is whole_CDHW


def test_a_map_of_the_whole_image_goes_back_to_the_scanners_grid_too() -> None:
    grid = identity_grid((3, 4, 5), (1, 0, 2), (2, 3, 2))
    map_DHW = np.random.default_rng(0).random((3, 4, 5), dtype=np.float32)
    np.testing.assert_array_equal(grid.to_native(map_DHW), map_DHW)


@pytest.mark.parametrize(
    ("native", "full"),
    [
        ((24, 96, 96), (24, 96, 96)),
        ((24, 96, 96), (12, 48, 48)),
        ((30, 100, 96), (25, 41, 40)),  # 5 x 0.9 x 0.9 mm to 6 x 2.2 x 2.2 mm
        ((31, 97, 101), (9, 20, 33)),
    ],
)
def test_a_box_comes_back_from_the_network_s_grid_within_a_voxel_and_unshifted(native: Shape, full: Shape) -> None:
    box = np.zeros(native, dtype=bool)
    box[8:18, 20:61, 33:70] = True
    start, size = bounding_box(resize_mask(box, full))
    grid = Grid(native_DHW=native, full_DHW=full, crop_start_DHW=start, crop_DHW=size)
    back = grid.to_native(grid.crop(resize_mask(box, full)).astype(np.float32)) > 0.5
    voxel = [old / new for old, new in zip(native, full, strict=True)]  # the network's, in native voxels
    for (first, length), (old_first, old_length), step in zip(
        zip(*bounding_box(back), strict=True), zip(*bounding_box(box), strict=True), voxel, strict=True
    ):
        assert abs(first - old_first) <= step
        assert abs(first + length - old_first - old_length) <= step


@given(SHAPES, SHAPES, st.data())
def test_going_to_another_grid_and_back_shifts_no_centroid(native: Shape, full: Shape, data: st.DataObject) -> None:
    full = tuple(min(pair) for pair in zip(native, full, strict=True))  # type: ignore[assignment]
    assume(min(full) >= 8)
    # A blob well inside, about three coarse voxels wide.
    z, y, x = ((np.arange(size) + 0.5) / size - data.draw(st.floats(0.4, 0.6)) for size in native)
    widths = [1.2 / size for size in full]
    blob = np.exp(
        -0.5 * np.add.outer((z / widths[0]) ** 2, np.add.outer((y / widths[1]) ** 2, (x / widths[2]) ** 2))
    ).astype(np.float32)
    coarse = resize(blob, full)
    back = Grid(native_DHW=native, full_DHW=full, crop_start_DHW=(0, 0, 0), crop_DHW=full).to_native(coarse)
    before = centroid(blob)
    for after in (centroid(coarse), centroid(back)):
        assert (np.abs(after - before) * full < 0.1).all()  # in coarse voxels


@given(st.integers(20, 200), st.integers(10, 200))
def test_a_ramp_over_the_field_of_view_stays_that_ramp(old: int, new: int) -> None:
    # Voxel i covers (i, i + 1) / n of the extent: a half-voxel shift would show as an offset of the ramp.
    ramp = ((np.arange(old) + 0.5) / old).astype(np.float32)[None, None]
    expected = (np.arange(new) + 0.5) / new
    margin = 0.5 / min(old, new) + 4.5 * max(0.0, old / new - 1.0) / 2 / old  # the filter's reach at the edges
    inner = (expected > margin) & (expected < 1 - margin)
    np.testing.assert_allclose(resize(ramp, (1, 1, new))[0, 0][inner], expected[inner], atol=1e-5)


@given(SHAPES, SHAPES, st.floats(-1000, 1000, width=32))
def test_a_constant_stays_that_constant_in_the_asked_shape(old: Shape, new: Shape, value: float) -> None:
    resized = resize(np.full(old, value, dtype=np.float32), new)
    assert resized.shape == new
    np.testing.assert_allclose(resized, value, rtol=1e-5, atol=1e-5)


@given(SHAPES, st.data())
def test_a_lone_voxel_survives_where_it_was(native: Shape, data: st.DataObject) -> None:
    voxel = tuple(data.draw(st.integers(0, size - 1)) for size in native)
    full = tuple(data.draw(st.integers(max(1, size // 6), size)) for size in native)
    mask = np.zeros(native, dtype=bool)
    mask[voxel] = True
    resized = resize_mask(mask, full)  # type: ignore[arg-type]
    assert resized.any()
    for found in np.argwhere(resized):
        place = (np.array(voxel) + 0.5) / native * full  # in coarse voxels
        assert (np.abs(found + 0.5 - place) <= 0.5 + 1e-6).all()


def test_a_mask_keeps_the_voxels_that_it_fills_by_half() -> None:
    mask = np.zeros((2, 4, 12), dtype=bool)  # to two columns and four, of 2 x 2 x 3 voxels
    mask[:, :2, 0:3] = True  # one whole voxel of the new grid, without a neighbour
    mask[:, 2:, 6:8] = True  # two thirds
    mask[0, :2, 6:9] = True  # one half
    mask[:, 2, 9:11] = True  # one third
    expected = np.zeros((1, 2, 4), dtype=bool)
    expected[0, 0, 0] = expected[0, 1, 2] = expected[0, 0, 2] = True
    np.testing.assert_array_equal(resize_mask(mask, (1, 2, 4)), expected)


def test_new_voxels_that_cut_old_ones_count_their_parts() -> None:
    # Five voxels to two: the third is shared.
    mask = np.array([[[False, True, True, False, False]]])
    np.testing.assert_array_equal(resize_mask(mask, (1, 1, 2)), [[[True, False]]])  # 1.5 and 0.5 of 2.5
    mask = np.array([[[False, False, True, True, False]]])
    np.testing.assert_array_equal(resize_mask(mask, (1, 1, 2)), [[[False, True]]])


@pytest.mark.parametrize("full", [(11, 25, 27), (18, 23, 31)])
def test_a_ball_keeps_its_volume(full: Shape) -> None:
    z, y, x = np.ogrid[:22, :50, :54]
    ball = (2 * (z - 10)) ** 2 + (y - 26) ** 2 + (x - 30) ** 2 < 4**2
    new_voxel = np.prod([22, 50, 54]) / np.prod(full)
    assert np.count_nonzero(resize_mask(ball, full)) * new_voxel == pytest.approx(np.count_nonzero(ball), rel=0.15)


def test_a_large_mask_keeps_its_volume_and_an_empty_one_stays_empty() -> None:
    mask = np.zeros((20, 40, 40), dtype=bool)
    mask[4:16, 8:32, 12:36] = True
    resized = resize_mask(mask, (10, 20, 20))
    expected = np.zeros((10, 20, 20), dtype=bool)
    expected[2:8, 4:16, 6:18] = True
    np.testing.assert_array_equal(resized, expected)
    assert not resize_mask(np.zeros((20, 40, 40), dtype=bool), (10, 20, 20)).any()


def test_resampled_shape_comes_closest_to_the_target_and_never_gets_finer() -> None:
    # 30 slices of 5 mm make 25 of 6 mm; 512 pixels of 0.45 mm, 230.4 mm, make 104.7 of 2.2 mm.
    assert resampled_shape((30, 512, 400), (5.0, 0.45, 0.45), (2.2, 2.2, 6.0)) == (25, 105, 82)
    assert resampled_shape((30, 512, 512), (5.0, 0.45, 0.45), (0.3, 0.9, 2.5)) == (30, 512, 256)
    assert resampled_shape((30, 512, 512), (5.0, 0.45, 0.45), None) == (30, 512, 512)
    assert resampled_shape((2, 4, 4), (5.0, 1.0, 1.0), (50.0, 50.0, 50.0)) == (1, 1, 1)


def test_bounding_box_by_hand() -> None:
    mask = np.zeros((5, 6, 7), dtype=bool)
    mask[1, 5, 2] = mask[3, 4, 6] = True
    assert bounding_box(mask) == ((1, 4, 2), (3, 2, 5))
