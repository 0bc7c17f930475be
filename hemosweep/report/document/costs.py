"""The cost of a sweep's arms beside their quality: a table, and the points of a figure."""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from hemosweep.report.document.cells import significant
from hemosweep.report.document.document import Column, Table
from hemosweep.report.document.facts import ArmFacts, SweepFacts
from hemosweep.report.plots.costs import CostPoint
from hemosweep.report.terminal.table import UNDEFINED
from hemosweep.runs import Cost
from hemosweep.stats.ttest import MeanTest, mean_test

_ON_A_DEVICE = ("epoch_s", "case_s", "gpu_gib", "process_gib")
"""Costs that arms on different devices are not compared by."""
_AXES = {
    "case_gflop": "GFLOP a case",
    "parameters": "parameters",
    "epoch_s": "seconds an epoch",
    "case_s": "seconds a case",
    "gpu_gib": "peak memory on the GPU, GiB",
    "process_gib": "peak memory of the process, GiB",
}


def has_costs(sweep: SweepFacts) -> bool:
    """True for an ablation whose arms differ in cost, where any of it is known."""
    return sweep.differ_in_cost and any(arm.cost != Cost() for arm in sweep.arms)


def cost_table(sweep: SweepFacts) -> Table:
    """Cost of each arm, beside its mean score."""
    return Table(
        caption=f"{sweep.name}: cost beside quality. GFLOP a case are the 10^9 floating point operations of the "
        "forward passes of all windows of a test case, those of convolutions and matrix products, a multiplication "
        "with its addition as two. Operations and seconds are means: of an epoch with its validation, of a case with "
        "reading and scores; they depend on the device, and on what else it did. Peak memory is on a GPU that of its "
        "tensors, on the CPU that of the whole process, Python and its libraries included. A dash: not known, as of "
        "runs of earlier versions.",
        columns=(
            Column(name="Arm", align="left"),
            Column(name=f"Mean {sweep.metric.label}"),
            Column(name="Parameters"),
            Column(name="GFLOP a case"),
            Column(name="an epoch", group="Seconds"),
            Column(name="a case", group="Seconds"),
            Column(name="GPU", group="Peak memory, GiB"),
            Column(name="process", group="Peak memory, GiB"),
            Column(name="Device", align="left"),
        ),
        rows=tuple(_row(sweep, arm) for arm in sweep.arms),
    )


def cost_points(sweep: SweepFacts) -> list[CostPoint]:
    """The arms as points of a figure. Times and memory are left out where the arms' devices differ."""
    alike = len({_devices(sweep, arm.name) for arm in sweep.arms if arm.cost != Cost()}) == 1
    points = []
    for arm in sweep.arms:
        score = mean_score(arm)
        if score is not None and score.mean is not None:
            costs = {
                _AXES[one.name]: value
                for one in fields(Cost)
                if (value := getattr(arm.cost, one.name)) and (alike or one.name not in _ON_A_DEVICE)
            }
            points.append(CostPoint(arm=arm.name, mean=score.mean, ci95=score.ci95, costs=_in_order(costs)))
    return points


def mean_score(arm: ArmFacts) -> MeanTest | None:
    """Mean score of an arm with its interval over the cases; None where no seed is finished."""
    if arm.cases is None:
        return None
    return mean_test(arm.cases["score"].dropna().to_numpy(dtype=np.float64), 0.0)


def _in_order(costs: Mapping[str, float]) -> dict[str, float]:
    return {name: costs[name] for name in _AXES.values() if name in costs}


def _row(sweep: SweepFacts, arm: ArmFacts) -> tuple[str, ...]:
    cost, score = arm.cost, mean_score(arm)
    return (
        arm.name,
        UNDEFINED if score is None or score.mean is None else sweep.metric.number(score.mean),
        UNDEFINED if cost.parameters is None else f"{cost.parameters:,.0f}",
        *map(significant, (cost.case_gflop, cost.epoch_s, cost.case_s, cost.gpu_gib, cost.process_gib)),
        _devices(sweep, arm.name),
    )


def _devices(sweep: SweepFacts, arm: str) -> str:
    """The devices of an arm's folds, such as "cpu, 2 threads"."""
    found = {
        device["device"] + (f", {device['threads']} threads" if device["device"] == "cpu" else "")
        for run in sweep.runs
        if run.arm == arm
        for device in run.devices
        if {"device", "threads"} <= device.keys()
    }
    return " / ".join(sorted(found)) or UNDEFINED
