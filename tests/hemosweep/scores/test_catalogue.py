"""The catalogue: our metrics in one file each, installed ones, and what is recorded of them."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint

import pytest

from hemosweep import plugins
from hemosweep.errors import BadInput
from hemosweep.scores import catalogue
from hemosweep.scores.catalogue import METRICS, OWN_METRICS, all_metrics, find_metric
from hemosweep.scores.kinds import Share
from hemosweep.scores.metric import MetricDescription, describe, description_from_json
from hemosweep.scores.overlap import Dsc
from hemosweep.scores.recorded import (
    RecordedMetric,
    in_common,
    metric_facts,
    recorded_description,
    recorded_digest,
    recorded_from_json,
)
from hemosweep.scores.surface import SurfaceDice


@dataclass(frozen=True)
class Mine(Share):
    label = "mine"
    name: str = "mine"

    def score(self, masks):
        return 0.5


MINE, NO_DSC = Mine(), Mine(name="dsc")


@pytest.fixture
def installed(monkeypatch):
    """Offers a metric of this module as an installed package does."""

    def offer(name):
        point = EntryPoint(name="any", value=f"lab:{name}", group=catalogue.GROUP)
        monkeypatch.setitem(sys.modules, "lab", sys.modules[__name__])
        monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == catalogue.GROUP else [])
        catalogue.installed_metrics.cache_clear()

    yield offer
    catalogue.installed_metrics.cache_clear()


def test_there_are_fourteen_metrics_with_the_dsc_first():
    assert OWN_METRICS[0].name == "dsc"
    assert len({metric.name for metric in OWN_METRICS}) == len(OWN_METRICS) == 14


def test_each_metric_has_its_better_direction():
    smaller = ("hd95_mm", "assd_mm", "false_positive_ml", "absolute_volume_difference_ml")
    neither = ("reference_ml", "predicted_ml", "volume_difference_ml")
    expected = dict.fromkeys(METRICS, True) | dict.fromkeys(smaller, False) | dict.fromkeys(neither)
    assert {name: metric.higher_is_better for name, metric in METRICS.items()} == expected


def test_a_surface_dice_of_another_tolerance_says_so():
    assert METRICS["nsd"].label == "NSD"
    assert describe(SurfaceDice(tolerance_mm=1.0)).label == "NSD at 1 mm"


def test_the_catalogue_takes_neither_arrays_nor_scipy():
    code = "import sys, hemosweep.scores.catalogue; print({'numpy', 'scipy', 'pandas'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_installed_metric_is_scored_and_found_with_its_bounds(installed):
    assert find_metric("mine").highest is None
    installed("MINE")
    assert all_metrics()[-1] == MINE
    assert find_metric("mine") == describe(MINE)


def test_two_metrics_of_one_name_are_refused_and_one_given_twice_is_one(installed):
    assert all_metrics((Dsc(), SurfaceDice(tolerance_mm=1.0)))[-1].name == "nsd_1mm"
    with pytest.raises(BadInput, match=r"metric nsd: .*SurfaceDice and .* have this name"):
        all_metrics((Mine(name="nsd"),))
    installed("NO_DSC")
    with pytest.raises(BadInput, match="metric dsc"):
        all_metrics()


def test_an_installed_metric_that_cannot_be_imported_is_named(installed):
    installed("LOST")
    with pytest.raises(BadInput, match=r"entry point lab:LOST: cannot be loaded \(AttributeError: .*LOST"):
        all_metrics()


def test_a_description_comes_back_from_json():
    for description in METRICS.values():
        assert description_from_json(description.name, json.loads(json.dumps(description.as_json()))) == description


def test_a_metric_is_recorded_with_digest_and_description():
    metrics = {"mine": RecordedMetric(digest="d", description=describe(MINE))}
    assert recorded_from_json(json.loads(json.dumps({"mine": metrics["mine"].as_json()}))) == metrics
    tags = {f"hemosweep.{name}": value for name, value in metric_facts(metrics).items()}
    assert (recorded_digest(tags, "mine"), recorded_digest(tags, "dsc")) == ("d", None)
    assert recorded_description(tags, "mine") == describe(MINE)
    assert recorded_description(tags, "dsc") is None


def test_folds_that_do_not_agree_have_no_digest_in_common():
    one, other = (RecordedMetric(digest=digest, description=describe(MINE)) for digest in "ab")
    assert in_common([{"mine": one}, {"mine": one}]) == {"mine": one}
    assert in_common([{"mine": one}, {"mine": other}])["mine"].digest is None
    assert in_common([{"mine": one}, {}])["mine"].digest is None
    assert in_common([]) == in_common([{}, {}]) == {}
    assert metric_facts(in_common([{"mine": one}, {}])) == {}


def test_a_run_of_a_version_with_one_number_for_all_metrics_has_that():
    assert recorded_digest({"hemosweep.metric_version": "2"}, "dsc") == "version 2"
    assert recorded_digest({}, "dsc") is None


def test_each_metric_has_its_unit_its_bounds_and_whether_its_mean_measures_quality():
    shares = [metric for metric in METRICS.values() if metric.is_share]
    assert len(shares) == 7
    for metric in METRICS.values():
        unit = "mm" if metric.name.endswith("_mm") else "mL" if metric.name.endswith("_ml") else ""
        lowest = None if metric.name == "volume_difference_ml" else 0.0
        highest = 1.0 if metric in shares else None
        averaged = metric.name not in {"reference_ml", "predicted_ml", "false_positive_ml"}
        assert (metric.unit, metric.lowest, metric.highest, metric.averaged) == (unit, lowest, highest, averaged)


def test_a_name_of_another_program_is_described_as_ours_in_that_programs_unit():
    assert find_metric("Dice") == replace(METRICS["dsc"], name="Dice")
    assert find_metric("HD95") == replace(METRICS["hd95_mm"], name="HD95", unit="")
    assert find_metric("HD95_MM") == METRICS["hd95_mm"]


def test_a_description_without_a_label_has_the_name_and_what_is_not_known_is_left_out():
    assert description_from_json("froc", {}) == MetricDescription(name="froc", label="froc")
    found = description_from_json("froc", {"name": "another", "label": "FROC", "later": 1, "digest": "d"})
    assert found == MetricDescription(name="froc", label="FROC")
