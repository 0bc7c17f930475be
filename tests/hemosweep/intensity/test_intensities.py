"""The HU that an intensity maps to -1 and 1, worked by hand."""

import numpy as np
import pytest

from hemosweep.errors import BadInput
from hemosweep.intensity.min_max import MinMax
from hemosweep.intensity.window import Window
from hemosweep.intensity.z_score import ZScore

BRAIN_HU_N = np.array([20, 30, 40, 50], dtype=np.float32)  # Mean 35, standard deviation sqrt(125).


@pytest.mark.parametrize(
    ("intensity", "low_hu", "high_hu"),
    [
        (Window(), 0.0, 100.0),
        (Window(low_hu=-20.0, high_hu=80.0), -20.0, 80.0),
        (ZScore(num_sd=2.0), 35.0 - 2 * 125**0.5, 35.0 + 2 * 125**0.5),
        (MinMax(), 20.0, 50.0),
    ],
    ids=str,
)
def test_a_range_follows_the_brain_or_is_fixed(intensity, low_hu, high_hu):
    assert intensity.build(BRAIN_HU_N) == pytest.approx((low_hu, high_hu))


@pytest.mark.parametrize("intensity", [ZScore(), MinMax()], ids=str)
def test_a_brain_of_one_intensity_has_no_range(intensity):
    with pytest.raises(BadInput, match="one intensity throughout"):
        intensity.build(np.full(5, 30, dtype=np.float32))


@pytest.mark.parametrize(
    ("kind", "values"),
    [(Window, {"low_hu": 100.0, "high_hu": 0.0}), (Window, {"high_hu": float("nan")}), (ZScore, {"num_sd": 0.0})],
)
def test_an_impossible_range_is_refused(kind, values):
    with pytest.raises(BadInput, match=next(iter(values))):
        kind(**values)
