"""Weights of voxels, by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hemosweep.errors import BadInput
from hemosweep.model.weight_maps.border import BorderWeights
from hemosweep.model.weight_maps.component_size import ComponentSizeWeights
from hemosweep.testing.fold_runs import tiny_case
from hemosweep.testing.weight_maps import WeightMapContract


@pytest.mark.parametrize(
    "component", [BorderWeights(), BorderWeights(lesion=0.0, border=0.5), ComponentSizeWeights()], ids=str
)
class TestOurs(WeightMapContract):
    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


def case_of(lesion_DHW):
    return replace(tiny_case("a"), lesion_DHW=lesion_DHW, spacing_DHW_mm=(5.0, 2.0, 2.0))


def test_the_border_term_falls_off_with_the_distance_in_millimetres():
    lesion_DHW = np.zeros((1, 1, 6), dtype=bool)
    lesion_DHW[..., :3] = True
    weight_W = BorderWeights(lesion=3.0, border=10.0, sigma_mm=2.0).weights(case_of(lesion_DHW))[0, 0]
    falls = [10.0 * math.exp(-((2.0 * step) ** 2) / 8.0) for step in (3, 2, 1, 1, 2, 3)]
    assert weight_W == pytest.approx([base + fall for base, fall in zip([3, 3, 3, 1, 1, 1], falls, strict=True)])


def test_each_component_of_a_lesion_weighs_by_its_size():
    lesion_DHW = np.zeros((1, 3, 6), dtype=bool)
    lesion_DHW[0, 0, :4] = True
    lesion_DHW[0, 2, 5] = True
    weight_DHW = ComponentSizeWeights().weights(case_of(lesion_DHW))
    # 1/2 and 1; their mean over the five voxels is 3/5.
    assert weight_DHW[0, 0, :4] == pytest.approx(5 / 6)
    assert weight_DHW[0, 2, 5] == pytest.approx(5 / 3)
    assert (weight_DHW[~lesion_DHW] == 1.0).all()
    votes = ComponentSizeWeights(power=1.0).weights(case_of(lesion_DHW))
    assert votes[0, 0, :4].sum() == pytest.approx(votes[0, 2, 5])


@pytest.mark.parametrize(
    "make",
    [
        lambda: BorderWeights(border=-1.0),
        lambda: BorderWeights(lesion=math.inf),
        lambda: BorderWeights(sigma_mm=0.0),
        lambda: ComponentSizeWeights(power=0.0),
    ],
)
def test_an_impossible_one_is_refused(make):
    with pytest.raises(BadInput, match="must"):
        make()
