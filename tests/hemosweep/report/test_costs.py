"""Cost beside quality in a report: the table, the points, and the figure."""

from dataclasses import replace

import pandas as pd
import pytest

from hemosweep.errors import BadInput
from hemosweep.report.document.costs import cost_points, cost_table
from hemosweep.report.document.facts import ArmFacts, RunFacts, SweepFacts
from hemosweep.report.document.sweep_pictures import count_figures, draw_sweep
from hemosweep.report.document.sweep_section import sweep_section
from hemosweep.report.plots.costs import CostPoint, draw_costs, pareto_front
from hemosweep.runs import Cost
from hemosweep.scores.catalogue import find_metric

DSC, HD95 = find_metric("dsc"), find_metric("hd95_mm")


def arm(name, scores, **cost):
    table = pd.DataFrame({"case_id": list("abcd"), "ivh": "no", "score": scores})
    return ArmFacts(name=name, seeds=(0,), cases=table, cost=Cost(**cost))


def run(name, **device):
    return RunFacts(
        arm=name, seed=0, run_id=name, replicate=name, config_digest="", tags={}, folds=(0,), num_cases=4,
        devices=({"torch": "2.13", **device},), seconds=1.0,
    )  # fmt: skip


@pytest.fixture
def sweep():
    large = {"parameters": 22_546_101, "case_gflop": 1234.4, "epoch_s": 12.34, "case_s": 0.512, "process_gib": 1.237}
    arms = (arm("small", [0.5, 0.6, 0.7, 0.8], epoch_s=3.0, case_s=0.25), arm("large", [0.6, 0.7, 0.8, 0.9], **large))
    runs = tuple(run(name, device="cpu", threads="2") for name in ("small", "large"))
    return SweepFacts(name="nets", question="?", arms=arms, pairs=(), runs=runs, differ_in_cost=True)


def test_a_figure_that_an_earlier_version_did_not_record_is_a_dash_and_never_zero(sweep):
    assert cost_table(sweep).rows == (
        ("small", "0.650", "–", "–", "3", "0.25", "–", "–", "cpu, 2 threads"),
        ("large", "0.750", "22,546,101", "1,234", "12.3", "0.512", "–", "1.24", "cpu, 2 threads"),
    )


def test_only_an_ablation_whose_arms_differ_in_cost_has_the_table_and_the_figure(sweep, tmp_path):
    def titles(facts):
        return [section.title for section in sweep_section(facts, draw_sweep(facts, tmp_path, lambda: None)).sections]

    alike = replace(sweep, differ_in_cost=False)
    unknown = replace(sweep, arms=tuple(replace(one, cost=Cost()) for one in sweep.arms))
    assert ("Costs" in titles(sweep), "Costs" in titles(alike), "Costs" in titles(unknown)) == (True, False, False)
    assert [count_figures(facts) for facts in (sweep, alike, unknown)] == [2, 1, 1]
    assert (tmp_path / "figures" / "nets-costs.png").is_file()


def test_arms_on_different_devices_are_not_compared_by_times(sweep):
    assert next(list(point.costs) for point in cost_points(sweep)) == ["seconds an epoch", "seconds a case"]
    elsewhere = replace(sweep, runs=(sweep.runs[0], run("large", device="NVIDIA H200", threads="4")))
    assert [list(point.costs) for point in cost_points(elsewhere)] == [[], ["GFLOP a case", "parameters"]]
    assert [row[-1] for row in cost_table(elsewhere).rows] == ["cpu, 2 threads", "NVIDIA H200"]


def test_the_front_has_the_arms_whose_mean_no_cheaper_one_reaches():
    means = {"a": (1.0, 0.70), "b": (1.0, 0.75), "c": (2.0, 0.72), "d": (3.0, 0.75), "e": (4.0, 0.80)}
    points = [CostPoint(arm=name, mean=mean, ci95=None, costs={"x": cost}) for name, (cost, mean) in means.items()]
    assert [point.arm for point in pareto_front(points, "x", DSC)] == ["b", "e"]
    assert [point.arm for point in pareto_front(points, "x", HD95)] == ["a"], "less is better"
    assert pareto_front(points, "x", find_metric("volume_difference_ml")) == []


def test_each_point_is_at_its_cost_with_its_interval_and_its_name(saved_figures, tmp_path):
    points = [
        CostPoint(arm="first", mean=0.7, ci95=(0.6, 0.8), costs={"GFLOP a case": 10.0, "parameters": 5.0}),
        CostPoint(arm="second", mean=0.8, ci95=None, costs={"GFLOP a case": 200.0}),
    ]
    draw_costs(points, tmp_path / "costs.png", metric=DSC, title="nets")
    (axes,) = saved_figures[-1].axes
    assert (axes.get_xlabel(), axes.get_xscale(), axes.get_ylabel()) == ("GFLOP a case", "log", "mean DSC")
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks] == [(10.0, 0.7), (200.0, 0.8)]
    (interval,) = [bars.get_segments()[0][:, 1].tolist() for bars in axes.collections]
    assert interval == pytest.approx([0.6, 0.8])
    assert {"first", "second"} <= {text.get_text() for text in axes.texts}
    with pytest.raises(BadInput, match="no cost to draw"):
        draw_costs(points[:1], tmp_path / "costs.png", metric=DSC, title="nets")


def test_names_of_arms_that_lie_close_together_cover_no_other_name(saved_figures, tmp_path):
    points = [
        CostPoint(arm=f"network-{place}", mean=0.8 + 0.001 * place, ci95=None, costs={"x": 1.0 + 0.01 * place})
        for place in range(6)
    ]
    draw_costs(points, tmp_path / "costs.png", metric=DSC, title="nets")
    (axes,) = saved_figures[-1].axes
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[:place])
