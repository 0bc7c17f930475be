"""Every metric of ours and the lab's keep the contract, and the contract finds what breaks it."""

from dataclasses import dataclass

import pytest

from hemosweep.scores.catalogue import OWN_METRICS
from hemosweep.scores.kinds import Share
from hemosweep.scores.surface import SurfaceDice
from hemosweep.testing.metrics import MetricContract
from tests.e2e.lab.boundary import BoundaryIoU


@pytest.mark.parametrize(
    "metric", [*OWN_METRICS, SurfaceDice(tolerance_mm=0.5), BoundaryIoU()], ids=lambda metric: metric.name
)
class TestGood(MetricContract):
    @pytest.fixture(autouse=True)
    def _of(self, metric):
        self.metric = metric


@dataclass
class Changeable(Share):
    name = "changeable"
    label = "changeable"

    def score(self, masks):
        return 0.5


@dataclass(frozen=True)
class Spoilt(Share):
    kind: str = ""
    label = "spoilt"

    @property
    def name(self):
        return "not a name" if self.kind == "name" else "spoilt"

    def score(self, masks):
        if self.kind == "bounds":
            return float(masks.prediction_DHW.sum())
        if self.kind == "nan":
            return float("nan")
        if self.kind == "mutates":
            masks.prediction_DHW[...] = True
        if self.kind == "place":
            return masks.prediction_DHW.strides[0] / 1e6
        return 0.5


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        ("name", "test_its_name_is_a_plain_identifier_and_its_description_is_whole"),
        ("bounds", "test_a_score_is_none_or_finite_and_within_its_bounds"),
        ("nan", "test_a_score_is_none_or_finite_and_within_its_bounds"),
        ("mutates", "test_the_masks_stay_as_they_are"),
        ("place", "test_the_order_in_memory_changes_nothing"),
    ],
)
def test_a_metric_that_breaks_the_contract_fails(kind, test):
    contract = MetricContract()
    contract.metric = Spoilt()
    getattr(contract, test)()
    contract.metric = Spoilt(kind=kind)
    with pytest.raises((AssertionError, ValueError)):
        getattr(contract, test)()


def test_a_metric_that_can_be_changed_fails():
    contract = MetricContract()
    contract.metric = Changeable()
    with pytest.raises(AssertionError):
        contract.test_it_is_a_frozen_dataclass_whose_fields_json_can_carry()
