"""A data set before training: its problems and its numbers as terminal tables, its cohort as one figure."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from hemosweep.errors import BadInput
from hemosweep.qc.cohort import END_HU, FIRST_HU, CaseNumbers, Cohort
from hemosweep.qc.masks import LESION_HU
from hemosweep.qc.problem import CheckReport
from hemosweep.report.terminal.table import UNDEFINED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

SEVERITY_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}
NAMES = {
    "lesion_ml": ("lesion volume, mL", ".1f"),
    "ivh_ml": ("IVH volume, mL", ".1f"),
    "lesion_median_hu": ("lesion median, HU", ".0f"),
    "brain_ml": ("brain mask, mL", ".0f"),
    "slice_step_mm": ("slice step, mm", ".2f"),
    "pixel_mm": ("pixel, mm", ".3f"),
    "num_slices": ("slices", ".0f"),
}
GREY_DARK = "#4D4D4D"
SHOWN_HU = (-30, 130)


def problem_table(report: CheckReport) -> Table:
    """One line a kind of problem and set of cases, errors first."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("cases", max_width=30)
    table.add_column("what, and the way out")
    for severity, kind, cases, message in report.as_rows():
        style = SEVERITY_STYLES[severity]
        table.add_row(Text(severity, style), Text(kind), Text(cases or "data set"), Text(message))
    return table


def spread_table(cohort: Cohort) -> Table:
    """One line a measure: its spread over the cases that have it."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True)
    for header in ("n", "median", "quartiles", "p5–p95", "range"):
        table.add_column(header, justify="right", no_wrap=True)
    for name, spread in cohort.spreads.items():
        title, spec = NAMES[name]
        if spread is None:
            table.add_row(title, "0", *[UNDEFINED] * 4)
            continue
        pairs = ((spread.q1, spread.q3), (spread.p5, spread.p95), (spread.min, spread.max))
        texts = (f"{low:{spec}}–{high:{spec}}" for low, high in pairs)
        table.add_row(title, str(spread.n), f"{spread.median:{spec}}", *texts)
    return table


def draw_cohort(cohort: Cohort, path: Path, *, title: str) -> None:
    """Draw volumes by IVH, spacing against slices, IVH share and HU histograms as one figure.

    Raises:
        BadInput: no case of the data set can be read.
    """
    if not cohort.cases:
        raise BadInput(f"{path}: no case of the data set can be read; hemosweep data check says why")
    # Matplotlib comes with them, and a table needs none of it.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from hemosweep.report.plots.arm_plots import DPI, STYLE

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 5.0), layout="constrained")
        volumes, shares, spacing, histograms, densities = figure.subplot_mosaic("AAAAABBBCCCC;DDDDDDDEEEEE").values()
        _draw_volumes(volumes, cohort.cases)
        _draw_shares(shares, cohort)
        _draw_spacing(spacing, cohort.cases)
        _draw_histograms(histograms, cohort)
        _draw_densities(densities, cohort.cases)
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DPI)


def _draw_volumes(axes: "Axes", cases: Sequence[CaseNumbers]) -> None:
    """Lesion volume by the table's IVH, and IVH volume; the bar is the median, the box the quartiles."""
    from hemosweep.report.plots.arm_plots import BLACK, CASE_KINDS, JITTER_WIDTH

    groups = [
        (
            f"lesion,\n{text}",
            CASE_KINDS[ivh][0],
            [case.lesion_ml for case in cases if case.ivh == ivh and case.lesion_ml],
        )
        for ivh, text in (("no", "no IVH"), ("yes", "IVH"), ("n/a", "IVH not known"))
    ]
    groups.append(("IVH mask", GREY_DARK, [case.ivh_ml for case in cases if case.ivh_ml]))
    groups = [group for group in groups if group[2]]
    for place, (_, colour, volumes_ml) in enumerate(groups):
        q1, median, q3 = np.percentile(volumes_ml, (25, 50, 75))
        axes.fill_between([place - 0.3, place + 0.3], q1, q3, color="#EDEDED", lw=0, zorder=1)
        axes.plot([place - 0.3, place + 0.3], [median, median], color=BLACK, lw=1.4, zorder=3)
        x_n = place + (_spread_out(len(volumes_ml)) - 0.5) * JITTER_WIDTH
        axes.scatter(x_n, sorted(volumes_ml), s=9, color=colour, alpha=0.75, lw=0, zorder=2)
    axes.set_yscale("log")
    _label_volumes(axes.yaxis, [volume_ml for _, _, volumes_ml in groups for volume_ml in volumes_ml])
    axes.set_xticks(range(len(groups)), [f"{name}\nn={len(volumes_ml)}" for name, _, volumes_ml in groups])
    axes.tick_params(axis="x", length=0)
    middle, half_width = (len(groups) - 1) / 2, max(len(groups), 2) / 2 + 0.1
    axes.set_xlim(middle - half_width, middle + half_width)
    axes.set_ylabel("volume, mL")
    axes.set_title("A  Volumes", loc="left")


def _label_volumes(axis: "Axis", volumes_ml: Sequence[float]) -> None:
    """Plain numbers on a log axis; the margin is wide enough for one of them to be always there."""
    from matplotlib.ticker import FixedLocator, NullLocator

    axis.set_major_locator(FixedLocator([step * 10.0**power for power in range(-3, 4) for step in (1, 2, 5)]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:g}")
    if volumes_ml:
        axis.set_view_interval(min(volumes_ml) / 1.6, max(volumes_ml) * 1.6, ignore=True)


def _spread_out(num: int) -> NDArray[np.float64]:
    """Numbers in [0, 1) of which neighbours lie far apart, the same ones every time."""
    from hemosweep.report.plots.arm_plots import GOLDEN

    return np.asarray(np.arange(1, num + 1) * GOLDEN % 1.0, dtype=np.float64)


def _draw_shares(axes: "Axes", cohort: Cohort) -> None:
    """Number of cases that have IVH by the table."""
    from matplotlib.ticker import MaxNLocator

    from hemosweep.report.plots.arm_plots import CASE_KINDS

    num_ivh = cohort.num_ivh
    total = sum(num_ivh.values())
    for place, (answer, count) in enumerate(num_ivh.items()):
        axes.bar(place, count, width=0.62, color=CASE_KINDS[answer][0])
        axes.annotate(
            f"{count}\n{count / total:.0%}" if count else "0",
            (place, count),
            (0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
    axes.set_xticks(range(len(num_ivh)), ["yes", "no", "not\nknown"])
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, 1.22 * max(num_ivh.values()))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.set_ylabel("cases")
    axes.set_title("B  IVH", loc="left")


def _draw_spacing(axes: "Axes", cases: Sequence[CaseNumbers]) -> None:
    """Slice step against number of slices; cases of one kind of scan are one circle, as large as they are many."""
    from matplotlib.ticker import MaxNLocator

    from hemosweep.report.plots.arm_plots import BLUE

    kinds = Counter((case.num_slices, round(case.slice_step_mm, 1)) for case in cases)
    num_slices, steps_mm = zip(*kinds, strict=True)
    sizes = [14.0 + 260.0 * count / len(cases) for count in kinds.values()]
    axes.scatter(num_slices, steps_mm, s=sizes, color=BLUE, alpha=0.55, lw=0.5, edgecolor="white")
    largest, count = max(kinds.items(), key=lambda item: item[1])
    if count > 1:
        axes.annotate(f"{count} cases", largest, (0, 14), textcoords="offset points", ha="center", fontsize=7)
    low, high = min(num_slices), max(num_slices)
    axes.set_xlim(max(0, low - 3 - 0.1 * (high - low)), high + 3 + 0.1 * (high - low))
    axes.set_ylim(0, 1.25 * max(steps_mm))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.set_xlabel("slices")
    axes.set_ylabel("slice step, mm")
    pixel = [f"{case.pixel_mm:.2f}" for case in sorted(cases, key=lambda case: case.pixel_mm)]
    text = pixel[0] if pixel[0] == pixel[-1] else f"{pixel[0]}–{pixel[-1]}"
    axes.text(0.03, 0.05, f"pixels of {text} mm", transform=axes.transAxes, fontsize=7, color=GREY_DARK)
    axes.set_title("C  Sampling", loc="left")


def _draw_histograms(axes: "Axes", cohort: Cohort) -> None:
    """Share of each tissue's voxels per HU."""
    from hemosweep.report.plots.arm_plots import BLUE, PURPLE, VERMILION

    hu = np.arange(FIRST_HU, END_HU)
    styles = (
        ("brain", "brain without blood", BLUE, "-"),
        ("lesion", "lesion", VERMILION, "--"),
        ("ivh", "IVH", PURPLE, "-."),
    )
    for tissue, label, colour, style in styles:
        counts = cohort.histograms[tissue]
        if counts.sum() == 0:
            continue
        share = 100.0 * counts / counts.sum()
        axes.plot(hu, share, color=colour, ls=style, lw=1.3, label=label)
        axes.fill_between(hu, share, color=colour, alpha=0.12, lw=0)
    axes.axvspan(*LESION_HU, color="#F4F4F4", zorder=0, lw=0)
    axes.set_xlim(*SHOWN_HU)
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])  # room for the legend
    across = axes.get_xaxis_transform()
    axes.text(LESION_HU[1] - 1, 0.83, "lesions: 20–110 HU", transform=across, fontsize=6.5, ha="right", va="top")
    if num_saturated := cohort.counts["num_saturated"]:
        text = f"{num_saturated} of {len(cohort.cases)}\nwindowed,\nbone clipped"
        axes.text(LESION_HU[1] - 1, 0.74, text, transform=across, fontsize=6.5, ha="right", va="top", color=GREY_DARK)
    axes.set_xlabel("HU")
    axes.set_ylabel("% of voxels per HU")
    axes.legend(loc="upper left", ncols=3, columnspacing=1.2)
    axes.set_title("D  Density, all cases", loc="left")


def _draw_densities(axes: "Axes", cases: Sequence[CaseNumbers]) -> None:
    """Median HU of each lesion against its volume."""
    from hemosweep.report.plots.arm_plots import CASE_KINDS

    for ivh, (colour, label) in CASE_KINDS.items():
        points = [
            (case.lesion_ml, case.lesion_median_hu)
            for case in cases
            if case.ivh == ivh and case.lesion_ml and case.lesion_median_hu is not None
        ]
        if points:
            volumes_ml, medians_hu = zip(*points, strict=True)
            axes.scatter(volumes_ml, medians_hu, s=9, color=colour, alpha=0.75, lw=0, label=label)
            axes.legend(loc="upper left", ncols=1)
    axes.set_xscale("log")
    _label_volumes(axes.xaxis, [case.lesion_ml for case in cases if case.lesion_ml])
    low, high = axes.get_ylim()
    axes.set_ylim(low - 3.0, high + 0.35 * (high - low) + 3.0)  # room for the legend
    axes.set_xlabel("lesion volume, mL")
    axes.set_ylabel("lesion median, HU")
    axes.set_title("E  Lesions", loc="left")
