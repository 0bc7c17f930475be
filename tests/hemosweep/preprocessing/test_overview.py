"""Numbers and views of a prepared case, and their place in its file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.errors import BadInput
from hemosweep.preprocessing.cache import preprocess
from hemosweep.preprocessing.overview import (
    OUTLINE,
    Overview,
    append_overview,
    case_numbers,
    cohort_ranges,
    load_overview,
    make_overview,
)
from hemosweep.preprocessing.pipeline import prepare_images, to_network_grid
from hemosweep.preprocessing.record import load_preprocessed, save_preprocessed

WriteCase = Callable[[str], Case]
PLAIN, CONFIG = PreprocessingConfig(), PreprocessingConfig(symmetric="plane")


def test_numbers_of_a_ball_of_a_head(write_ball_case: WriteCase) -> None:
    numbers = case_numbers(prepare_images(write_ball_case("sub-001"), CONFIG))
    assert numbers["volume_ml"] == pytest.approx(4 / 3 * np.pi * 70**3 / 1000, rel=0.06)
    assert (numbers["slice_mm"], numbers["pixel_mm"]) == (8.0, 4.0)
    assert (numbers["hu_p5"], numbers["hu_median"]) == (30.0, 30.0)
    # A ball of 60 HU and 15 mm (14 mL) differs by 30 HU from its mirror image on either side.
    lesion_ml = 4 / 3 * np.pi * 15**3 / 1000
    assert numbers["symmetric_residual_hu"] == pytest.approx(2 * 30 * lesion_ml / numbers["volume_ml"], rel=0.35)
    assert "cta_residual_hu" not in numbers
    assert numbers["lesion_outside_share"] == 0.0


def test_views_are_upright_on_square_pixels_and_outline_the_mask(write_ball_case: WriteCase) -> None:
    low, high, coronal, sagittal = make_overview(prepare_images(write_ball_case("sub-001"), CONFIG)).views
    assert low.shape == high.shape
    diameter = 2 * 84 / 0.9
    assert coronal.shape[1:] == pytest.approx((diameter, diameter), abs=12)
    for view in (low, high, coronal, sagittal):
        rows, columns = np.nonzero(view[OUTLINE])
        assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=10), "a ball"


def test_the_overview_lies_in_the_case_s_file_and_changes_nothing_of_the_case(
    tmp_path: Path, write_ball_case: WriteCase
) -> None:
    case = write_ball_case("sub-001")
    outcome = preprocess([case], {CONFIG: tmp_path / "out"}, jobs=1, progress=lambda done, total: None)[CONFIG]
    path = outcome.paths["sub-001"]
    images = prepare_images(case, CONFIG)
    found, made = load_overview(path), make_overview(images)
    assert isinstance(found, Overview)
    assert found.numbers == made.numbers
    for one, other in zip(found.views, made.views, strict=True):
        np.testing.assert_array_equal(one, other)
    assert load_preprocessed(path).content_digest == to_network_grid(images, CONFIG).content_digest


def test_a_case_without_overview_has_none_and_a_damaged_file_is_named(
    tmp_path: Path, write_ball_case: WriteCase
) -> None:
    path = tmp_path / "case.npz"
    save_preprocessed(to_network_grid(prepare_images(write_ball_case("sub-001"), PLAIN), PLAIN), path)
    assert load_overview(path) is None
    path.write_bytes(b"PK half a case")
    with pytest.raises(BadInput, match=r"case\.npz: not a readable preprocessed case; delete it"):
        load_overview(path)


def test_ranges_of_a_cohort_are_of_the_numbers_that_all_cases_have(tmp_path: Path) -> None:
    paths = []
    for name, numbers in {"a": {"volume_ml": 1300.0, "cta_residual_hu": 9.0}, "b": {"volume_ml": 1500.0}}.items():
        paths.append(tmp_path / f"{name}.npz")
        append_overview(Overview(numbers=numbers, views=()), paths[-1])
    assert cohort_ranges(paths) == (("volume_ml", 1300.0, 1500.0),)
    np.savez(tmp_path / "earlier.npz", image=np.zeros(3))
    assert cohort_ranges([*paths, tmp_path / "earlier.npz"]) == ()
