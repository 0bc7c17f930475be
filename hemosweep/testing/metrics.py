"""The contract of a metric: what comparisons, reports and `hemosweep score` rely on."""

import copy
import json
import math
from dataclasses import asdict, fields, is_dataclass
from itertools import product

import numpy as np

from hemosweep.arrays import Mask, Spacing
from hemosweep.identity.metric import metric_digest
from hemosweep.scores.masks import Masks, cropped
from hemosweep.scores.metric import Metric

SHAPE_DHW = (6, 8, 10)
SPACING_DHW_MM: Spacing = (5.0, 0.5, 0.75)
NUM_RANDOM = 20
NEGLIGIBLE = 1e-9


class MetricContract:
    """Tests of one metric: `class TestMine(MetricContract): metric = Mine()`."""

    metric: Metric

    def test_it_is_a_frozen_dataclass_whose_fields_json_can_carry(self) -> None:
        kind = type(self.metric)
        assert is_dataclass(kind)
        assert kind.__dataclass_params__.frozen
        values = asdict(self.metric)
        json.dumps(values, allow_nan=False)
        assert hash(self.metric) == hash(copy.deepcopy(self.metric))
        assert {field.name for field in fields(kind)} == values.keys()

    def test_its_name_is_a_plain_identifier_and_its_description_is_whole(self) -> None:
        metric = self.metric
        assert metric.name.isidentifier()
        assert metric.name.isascii()
        assert metric.label
        assert isinstance(metric.unit, str)
        assert metric.higher_is_better in (True, False, None)
        assert isinstance(metric.averaged, bool)
        for bound in (metric.lowest, metric.highest):
            assert bound is None or math.isfinite(bound)
        if metric.lowest is not None and metric.highest is not None:
            assert metric.lowest < metric.highest

    def test_it_has_a_digest_which_is_the_same_for_an_equal_metric(self) -> None:
        assert metric_digest(self.metric) == metric_digest(copy.deepcopy(self.metric))

    def test_the_same_masks_have_the_same_score_to_the_bit(self) -> None:
        for prediction_DHW, reference_DHW in _pairs():
            assert _text(self._score(prediction_DHW, reference_DHW)) == _text(
                self._score(prediction_DHW, reference_DHW)
            )

    def test_a_score_is_none_or_finite_and_within_its_bounds(self) -> None:
        for prediction_DHW, reference_DHW in _pairs():
            value = self._score(prediction_DHW, reference_DHW)
            if value is None:
                continue
            assert math.isfinite(value)
            assert self.metric.lowest is None or value >= self.metric.lowest - NEGLIGIBLE
            assert self.metric.highest is None or value <= self.metric.highest + NEGLIGIBLE

    def test_the_order_in_memory_changes_nothing(self) -> None:
        for prediction_DHW, reference_DHW in _pairs():
            value = self._score(prediction_DHW, reference_DHW)
            other = self._score(np.asfortranarray(prediction_DHW), np.asfortranarray(reference_DHW))
            assert _text(value) == _text(other)

    def test_another_place_in_an_image_of_one_size_changes_nothing(self) -> None:
        widths = ((1, 2), (0, 3), (4, 0))
        for prediction_DHW, reference_DHW in _pairs():
            here = self._score(np.pad(prediction_DHW, widths), np.pad(reference_DHW, widths))
            turned = tuple(width[::-1] for width in widths)
            there = self._score(np.pad(prediction_DHW, turned), np.pad(reference_DHW, turned))
            assert _text(here) == _text(there)

    def test_the_masks_stay_as_they_are(self) -> None:
        for prediction_DHW, reference_DHW in _pairs():
            masks = cropped(prediction_DHW, reference_DHW, SPACING_DHW_MM)
            before = masks.prediction_DHW.copy(), masks.reference_DHW.copy()
            self.metric.score(masks)
            assert np.array_equal(before[0], masks.prediction_DHW)
            assert np.array_equal(before[1], masks.reference_DHW)

    def test_it_does_not_depend_on_what_other_metrics_have_computed(self) -> None:
        for prediction_DHW, reference_DHW in _pairs():
            masks = cropped(prediction_DHW, reference_DHW, SPACING_DHW_MM)
            first, again = self.metric.score(masks), self.metric.score(masks)
            assert _text(first) == _text(again) == _text(self._score(prediction_DHW, reference_DHW))

    def _score(self, prediction_DHW: Mask, reference_DHW: Mask) -> float | None:
        masks: Masks = cropped(prediction_DHW, reference_DHW, SPACING_DHW_MM)
        return self.metric.score(masks)


def _pairs() -> list[tuple[Mask, Mask]]:
    """Predictions and references: every case of empty and full masks, single voxels, and random ones."""
    rng = np.random.default_rng(0)
    nothing, everything = np.zeros(SHAPE_DHW, dtype=bool), np.ones(SHAPE_DHW, dtype=bool)
    voxel, corner = nothing.copy(), nothing.copy()
    voxel[2, 3, 4] = corner[-1, -1, -1] = True
    special = (nothing, everything, voxel, corner)
    shares = rng.uniform(0.0, 0.6, size=(NUM_RANDOM, 2))
    random = [(rng.random(SHAPE_DHW) < one, rng.random(SHAPE_DHW) < other) for one, other in shares]
    return [*product(special, repeat=2), *random]


def _text(value: float | None) -> str:
    """Every digit of a score."""
    return "None" if value is None else float(value).hex()
