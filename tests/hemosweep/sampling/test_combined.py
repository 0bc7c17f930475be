import numpy as np
import pytest

from hemosweep.errors import BadInput
from hemosweep.sampling.combined import Either, Preferred
from hemosweep.sampling.restriction import Brain, BrainCenter, Hyperdense, LesionBorder
from hemosweep.testing.regions import RegionContract

CENTER, BORDER = BrainCenter(half_width_mm=2.0), LesionBorder(half_width_mm=2.0)


class TestEither(RegionContract):
    component = Either(one=LesionBorder(), other=Hyperdense())


class TestPreferred(RegionContract):
    component = Preferred(first=Hyperdense(), otherwise=LesionBorder(), at_least_ml=1.0)


@pytest.fixture
def case(make_case):
    """A brain of 4 x 20 x 40 voxels of 10 cubic millimetres, with a lesion of 2 x 4 x 4 near one end."""
    lesion = np.zeros((4, 20, 40), dtype=bool)
    lesion[1:3, 8:12, 4:8] = True
    return make_case(np.ones_like(lesion), lesion)


def test_either_region_gives_its_voxels(case) -> None:
    mask = Either(one=CENTER, other=BORDER).mask(case)
    np.testing.assert_array_equal(mask, CENTER.mask(case) | BORDER.mask(case))
    assert CENTER.mask(case).any()
    assert not (CENTER.mask(case) & BORDER.mask(case)).any()


# The cube around the centre has 1 x 3 x 5 voxels, 0.15 mL.
@pytest.mark.parametrize(("at_least_ml", "taken"), [(0.0, CENTER), (0.14, CENTER), (0.16, BORDER)])
def test_the_preferred_region_gives_a_case_s_voxels_where_it_is_large_enough(case, at_least_ml, taken) -> None:
    region = Preferred(first=CENTER, otherwise=BORDER, at_least_ml=at_least_ml)
    np.testing.assert_array_equal(region.mask(case), taken.mask(case))


def test_an_empty_region_is_never_preferred(case) -> None:
    region = Preferred(first=Hyperdense(), otherwise=Brain(), at_least_ml=0.0)
    assert not Hyperdense().mask(case).any()
    assert region.mask(case).all()


def test_a_region_that_is_no_component_is_refused() -> None:
    with pytest.raises(BadInput, match="other='brain': is no component"):
        Either(one=Brain(), other="brain")
    with pytest.raises(BadInput, match=r"^at_least_ml=-1\.0: must not be negative$"):
        Preferred(first=Brain(), otherwise=Brain(), at_least_ml=-1.0)
