from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.sampling.centres import Centres, case_shares, draw_case_centres, draw_centres, split_counts
from hemosweep.sampling.restriction import Hyperdense, restriction

MakeCase = Callable[..., PreprocessedCase]


def hu(value: float) -> float:
    """Network intensity of a CT value."""
    return value / 50.0 - 1.0


@pytest.fixture
def case(make_case: MakeCase) -> PreprocessedCase:
    """A brain of 6 x 16 x 20 voxels around a lesion of 2 x 3 x 4, and 3 x 5 x 8 voxels of other blood."""
    brain, lesion = np.zeros((8, 20, 24), dtype=bool), np.zeros((8, 20, 24), dtype=bool)
    brain[1:7, 2:18, 2:22] = True
    lesion[2:4, 4:7, 16:20] = True
    image = np.full((1, *brain.shape), hu(30), dtype=np.float16)
    image[0, lesion] = hu(60)
    image[0, 3:6, 9:14, 6:14] = hu(60)  # blood that is not the lesion: 40 cubic millimetres a slice and row
    return make_case(brain, lesion, image_CDHW=image)


def draw(case: PreprocessedCase, name: str, num_patches: int, seed: int = 0) -> Centres:
    # The other blood, 0.97 mL, is enough for its whole share.
    where = restriction(name, border_half_width_mm=5.0, center_half_width_mm=6.0, hyperdense_full_share_ml=0.9)
    return draw_case_centres(case, where, num_patches, np.random.default_rng(seed))


def parts(centres: Centres) -> dict[str, NDArray[np.int64]]:
    """The centres of each region: they come in the order of the counts."""
    ends = np.cumsum(list(centres.counts.values()))
    return dict(zip(centres.counts, np.split(centres.index_N, ends[:-1]), strict=True))


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("none", {"lesion": 500, "volume": 500}),
        ("brain", {"lesion": 500, "brain": 500}),
        ("brain+lesion", {"lesion": 500, "lesion_border": 150, "brain": 350}),
        ("brain+lesion+center", {"lesion": 500, "lesion_border": 150, "brain_center": 150, "brain": 200}),
        ("brain+lesion+hyperdense", {"lesion": 500, "lesion_border": 150, "hyperdense": 150, "brain": 200}),
        ("lesion|hyperdense", {"lesion": 500, "lesion_border": 250, "hyperdense": 250}),
    ],
)
def test_each_region_gives_its_share_and_only_its_voxels(
    case: PreprocessedCase, name: str, counts: dict[str, int]
) -> None:
    centres = draw(case, name, 1000)
    assert centres.counts == counts
    assert centres.index_N.dtype == np.int64
    z, y, x = np.indices(case.brain_DHW.shape)
    # The lesion's box, 5 mm wider: 1 slice, 2 rows (2.5 rounds to even) and 5 columns; and 6 mm around (3, 9, 11).
    near = (z >= 1) & (z <= 4) & (y >= 2) & (y <= 8) & (x >= 11) & case.brain_DHW
    middle = (abs(z - 3) <= 1) & (abs(y - 9) <= 3) & (abs(x - 11) <= 6)
    masks = {
        "lesion": case.lesion_DHW,
        "volume": ~case.lesion_DHW,
        "brain": case.brain_DHW & ~case.lesion_DHW,
        "lesion_border": near & ~case.lesion_DHW,
        "brain_center": middle & ~case.lesion_DHW,
        # A block loses no voxel to an opening by a disk of 1 row and 2 columns but the corners of its slices.
        "hyperdense": (z >= 3) & (z <= 5) & (y >= 9) & (y <= 13) & (x >= 6) & (x <= 13),
    }
    for region, index_N in parts(centres).items():
        assert len(index_N) == counts[region]
        assert masks[region].ravel()[index_N].all()
        # So many draws from so few voxels reach all corners of a region.
        drawn = np.array(np.unravel_index(index_N, case.brain_DHW.shape))
        everywhere = np.array(np.nonzero(masks[region]))
        assert (drawn.min(axis=1) <= everywhere.min(axis=1) + 1).all()
        assert (drawn.max(axis=1) >= everywhere.max(axis=1) - 1).all()


def test_without_other_blood_the_lesion_border_gives_all_negatives(make_case: MakeCase) -> None:
    brain, lesion = np.ones((8, 20, 24), dtype=bool), np.zeros((8, 20, 24), dtype=bool)
    lesion[2:4, 4:7, 16:20] = True
    case = make_case(brain, lesion, image_CDHW=np.full((1, *brain.shape), hu(30), dtype=np.float16))
    assert draw(case, "lesion|hyperdense", 100).counts == {"lesion": 50, "lesion_border": 50, "hyperdense": 0}


@pytest.mark.parametrize(("num_patches", "num_lesion"), [(2, 1), (7, 3), (64, 32), (3000, 1500)])
def test_half_of_the_centres_lie_on_the_lesion(case: PreprocessedCase, num_patches: int, num_lesion: int) -> None:
    centres = draw(case, "brain+lesion+center", num_patches)
    assert len(centres.index_N) == num_patches == sum(centres.counts.values())
    assert np.count_nonzero(case.lesion_DHW.ravel()[centres.index_N]) == num_lesion == centres.counts["lesion"]


def test_the_share_of_an_empty_region_goes_to_the_others_in_proportion(case: PreprocessedCase) -> None:
    some, none = case.brain_DHW & ~case.lesion_DHW, np.zeros_like(case.brain_DHW)
    shares = restriction("brain+lesion+center").shares
    negatives = {"lesion_border": none, "brain_center": some, "brain": some}
    centres = draw_centres(case.lesion_DHW, negatives, shares, 140, np.random.default_rng(0))
    assert centres.counts == {"lesion": 70, "lesion_border": 0, "brain_center": 30, "brain": 40}
    assert centres.empty == ("lesion_border",)
    assert len(centres.index_N) == 140


@pytest.mark.parametrize("share", [0.0, 0.001])
def test_a_region_whose_share_is_no_patch_is_not_called_empty(case: PreprocessedCase, share: float) -> None:
    some = case.brain_DHW & ~case.lesion_DHW
    negatives, shares = {"lesion_border": some, "brain": some}, {"lesion_border": share, "brain": 1.0 - share}
    centres = draw_centres(case.lesion_DHW, negatives, shares, 20, np.random.default_rng(0))
    assert centres.counts == {"lesion": 10, "lesion_border": 0, "brain": 10}
    assert centres.empty == ()


def test_regions_without_a_share_do_not_step_in_for_an_empty_one(case: PreprocessedCase) -> None:
    some, none = case.brain_DHW & ~case.lesion_DHW, np.zeros_like(case.brain_DHW)
    negatives, shares = {"lesion_border": some, "hyperdense": none}, {"lesion_border": 0.0, "hyperdense": 0.3}
    centres = draw_centres(case.lesion_DHW, negatives, shares, 20, np.random.default_rng(0))
    assert centres.counts == {"lesion": 20, "lesion_border": 0, "hyperdense": 0}
    assert centres.empty == ("hyperdense",)


def test_a_case_without_lesion_voxels_gives_negatives_only(case: PreprocessedCase) -> None:
    none = np.zeros_like(case.brain_DHW)
    centres = draw_centres(none, {"brain": case.brain_DHW}, {"brain": 1.0}, 10, np.random.default_rng(0))
    assert centres.counts == {"lesion": 0, "brain": 10}
    assert centres.empty == ("lesion",)
    assert case.brain_DHW.ravel()[centres.index_N].all()


def test_a_case_that_is_nothing_but_lesion_gives_positives_only() -> None:
    lesion = np.ones((2, 2, 2), dtype=bool)
    centres = draw_centres(lesion, {"brain": ~lesion}, {"brain": 1.0}, 10, np.random.default_rng(0))
    assert centres.counts == {"lesion": 10, "brain": 0}
    assert len(centres.index_N) == 10


def test_each_voxel_of_a_region_is_as_likely() -> None:
    lesion = np.zeros((2, 5, 5), dtype=bool)
    lesion[0, :2] = True
    centres = draw_centres(lesion, {"volume": ~lesion}, {"volume": 1.0}, 20_000, np.random.default_rng(0))
    counts = np.bincount(centres.index_N, minlength=lesion.size)
    assert counts[lesion.ravel()].sum() == counts[~lesion.ravel()].sum() == 10_000
    assert stats.chisquare(counts[lesion.ravel()]).pvalue > 0.001
    assert stats.chisquare(counts[~lesion.ravel()]).pvalue > 0.001


def test_the_same_random_stream_gives_the_same_centres(case: PreprocessedCase) -> None:
    first, again, other = (draw(case, "brain", 100, seed).index_N for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.fixture
def cropped(make_case: MakeCase) -> PreprocessedCase:
    """A head of 2 x 4 x 5 voxels, all brain, with a lesion of 4, stored out of an image of 4 x 10 x 10."""
    lesion = np.zeros((2, 4, 5), dtype=bool)
    lesion[0, :2, :2] = True
    grid = Grid(native_DHW=(4, 10, 10), full_DHW=(4, 10, 10), crop_start_DHW=(1, 3, 2), crop_DHW=(2, 4, 5))
    return replace(make_case(np.ones((2, 4, 5), dtype=bool), lesion), grid=grid)


def test_no_restriction_draws_every_voxel_of_the_whole_image_alike(cropped: PreprocessedCase) -> None:
    centres = draw(cropped, "none", 20_000)
    negatives = parts(centres)["volume"]
    counts = np.bincount(negatives, minlength=400)
    lesion = cropped.grid.uncrop(cropped.lesion_DHW, fill=False).ravel()
    assert counts[lesion].sum() == 0
    assert stats.chisquare(counts[~lesion]).pvalue > 0.001
    # 36 of the 396 voxels off the lesion are in the stored head: 909 of 10,000, give or take.
    head = cropped.grid.uncrop(cropped.brain_DHW, fill=False).ravel()
    assert 800 < counts[head].sum() < 1020
    assert lesion[parts(centres)["lesion"]].all()


@pytest.mark.parametrize("name", ["none", "brain"])
def test_centres_are_the_voxels_of_the_stored_case_wherever_it_lies_in_the_image(
    cropped: PreprocessedCase, name: str
) -> None:
    centres = draw(cropped, name, 100)
    d, h, w = centres.voxel_3N(cropped)[:, :50]
    assert cropped.lesion_DHW[d, h, w].all()
    outside = (centres.voxel_3N(cropped) < 0).any()
    assert outside == (name == "none")


def test_a_region_that_noise_can_imitate_takes_its_share_by_its_volume(case: PreprocessedCase) -> None:
    # 97 voxels of 10 cubic millimetres: 0.97 of the 3 mL from which on a hyperdense region takes its whole share.
    blood = Hyperdense()
    voxels = np.count_nonzero(blood.mask(case))
    masks = {"lesion_border": ~case.lesion_DHW, "hyperdense": blood.mask(case)}
    shares = case_shares(case, restriction("lesion|hyperdense"), masks)
    assert shares == {"lesion_border": 0.3, "hyperdense": pytest.approx(0.3 * voxels / 300)}
    counts = draw_case_centres(case, restriction("lesion|hyperdense"), 2000, np.random.default_rng(0)).counts
    assert counts["hyperdense"] == round(1000 * (voxels / 300) / (1 + voxels / 300))
    assert counts["lesion_border"] == 1000 - counts["hyperdense"]


def test_an_empty_region_keeps_its_share_so_that_it_is_named(case: PreprocessedCase) -> None:
    none = np.zeros_like(case.brain_DHW)
    shares = case_shares(case, restriction("lesion|hyperdense"), {"lesion_border": ~none, "hyperdense": none})
    assert shares == {"lesion_border": 0.3, "hyperdense": 0.3}


@given(st.integers(0, 5000), st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5))
def test_split_counts_add_up_and_differ_from_the_shares_by_less_than_one(total: int, shares: list[float]) -> None:
    counts = split_counts(total, {str(index): share for index, share in enumerate(shares)})
    assert sum(counts.values()) == total
    for index, share in enumerate(shares):
        assert abs(counts[str(index)] - total * share / sum(shares)) < 1.0 + 1e-9


def test_split_counts_by_hand() -> None:
    assert split_counts(10, {"a": 0.3, "b": 0.3, "c": 0.4}) == {"a": 3, "b": 3, "c": 4}
    assert split_counts(5, {"a": 0.3, "b": 0.3, "c": 0.4}) == {"a": 2, "b": 1, "c": 2}  # 1.5, 1.5, 2
    assert split_counts(1, {"a": 1.0, "b": 2.0}) == {"a": 0, "b": 1}
