"""Four cells of `tests/benchmarks/calibration.py`, with room for the error of a few hundred samples."""

from dataclasses import replace

import pytest

from tests.benchmarks.calibration import BOTH_SEEDS, MOST_SEEDS, SINGLE, one, one_by_looks, share, star

NUM_SAMPLES = 400


@pytest.mark.parametrize(
    ("sample", "scene", "lowest", "highest"),
    [
        # Within 5%, and three standard errors of 400 samples above it.
        pytest.param(one, replace(SINGLE, f=0.04), 0.0, 0.083, id="one comparison, one seed each"),
        pytest.param(star, replace(BOTH_SEEDS, f=0.02), 0.0, 0.083, id="a family, three seeds each"),
        pytest.param(one_by_looks, replace(MOST_SEEDS, f=0.04), 0.0, 0.083, id="one comparison, seeds by looks"),
        # 91%, and three standard errors below it.
        pytest.param(one, replace(BOTH_SEEDS, f=0.02, difference=0.05), 0.865, 1.0, id="a true difference of 0.05"),
    ],
)
def test_a_difference_is_claimed_as_often_as_it_should_be(sample, scene, lowest, highest):
    assert lowest <= share(sample, scene, "claims", NUM_SAMPLES, seed=17) <= highest
