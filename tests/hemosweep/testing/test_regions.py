"""Our regions keep the contract, and the contract finds what breaks it."""

from dataclasses import dataclass

import numpy as np
import pytest

from hemosweep.errors import BadInput
from hemosweep.sampling.restriction import Brain, BrainCenter, Hyperdense, LesionBorder, Volume
from hemosweep.testing.regions import RegionContract


@pytest.mark.parametrize("component", [Volume(), Brain(), LesionBorder(), BrainCenter(), Hyperdense()], ids=str)
class TestOurs(RegionContract):
    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


def changes(case):
    case.brain_DHW[0] = True
    return case.brain_DHW


def around_the_lesion(case):
    """Half of the image, from the lesion's first slice on: there is none without a lesion."""
    mask_DHW = np.zeros_like(case.brain_DHW)
    mask_DHW[np.flatnonzero(case.lesion_DHW.any(axis=(1, 2)))[0] :] = True
    return mask_DHW


BROKEN = {
    "": lambda case: case.brain_DHW,
    "numbers": lambda case: case.brain_DHW.astype(np.uint8),
    "list": lambda case: case.brain_DHW.tolist(),
    "slice": lambda case: case.brain_DHW[2],
    "channels": lambda case: case.image_CDHW > 0.0,
    "random": lambda case: np.random.default_rng().random(case.brain_DHW.shape) > 0.5,
    "changes": changes,
    "lesion": around_the_lesion,
}


@dataclass(frozen=True)
class Broken:
    kind: str = ""

    def mask(self, case):
        return BROKEN[self.kind](case)


@dataclass
class Changeable:
    def mask(self, case):
        return case.brain_DHW


def contract_of(component):
    contract = RegionContract()
    contract.component = component
    return contract


@pytest.mark.parametrize("test", [name for name in dir(RegionContract) if name.startswith("test_")])
def test_what_is_broken_below_is_whole_without_its_mistake(test):
    getattr(contract_of(Broken()), test)()


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        *((kind, "test_it_is_a_mask_of_the_case") for kind in ("numbers", "list", "slice", "channels")),
        ("random", "test_the_same_case_has_the_same_mask"),
        ("changes", "test_the_case_stays_as_it_is"),
        ("lesion", "test_a_case_without_a_lesion_has_a_mask"),
    ],
)
def test_a_region_that_breaks_the_contract_fails(kind, test):
    with pytest.raises((AssertionError, IndexError)):
        getattr(contract_of(Broken(kind)), test)()


def test_a_region_that_can_be_changed_fails():
    with pytest.raises(BadInput, match="is not frozen"):
        contract_of(Changeable()).test_its_record_keeps_it()
