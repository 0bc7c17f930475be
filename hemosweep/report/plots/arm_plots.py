"""Figures of a sweep for print, in colours that every kind of colour vision can distinguish (Okabe and Ito 2008)."""

import itertools
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hemosweep.errors import BadInput
from hemosweep.files import replacing
from hemosweep.scores.catalogue import DSC
from hemosweep.scores.metric import MetricDescription

DPI = 300
BLUE, VERMILION, PURPLE, BLACK, GREY = "#0072B2", "#D55E00", "#CC79A7", "#000000", "#8C8C8C"
# IVH label: colour and legend text; no labels were given where it is "".
CASE_KINDS = {
    "": (BLUE, "case"),
    "no": (BLUE, "case without IVH"),
    "yes": (VERMILION, "case with IVH"),
    "n/a": (PURPLE, "case, IVH not known"),
}
# Any: matplotlib's own type for such a dict changes between its versions.
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "DejaVu Sans"],
    "font.size": 8,
    # A dollar sign in a case id is no mathematics.
    "text.parse_math": False,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
}
TITLE_LETTERS_PER_INCH, TITLE_LINE_INCHES = 12.5, 0.15
BOX_WIDTH = 0.5
JITTER_WIDTH = 0.34
PAPER_BAR_OFFSET = 0.36
# Fractional part of the golden ratio: neighbours in rank are placed far apart, in the same way every time.
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LossCurve:
    """Losses of one fold, one value an epoch (NaN leaves a gap); `best_epoch` counts from 1, None = none was kept."""

    train_loss: Sequence[float]
    val_loss: Sequence[float]
    best_epoch: int | None


def boxplot(
    arms: Mapping[str, Sequence[float]],
    path: Path,
    *,
    title: str,
    metric: MetricDescription = DSC,
    paper: Mapping[str, tuple[float, float]] | None = None,
    ivh: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Score of every case by arm, in the order given, in the manner of the paper's Fig. 6.

    Boxes show median and quartiles, whiskers reach the last case within 1.5 interquartile ranges, and each case is a
    point beside them. NaN (undefined) is left out; "n" below the arm counts what is drawn.

    Args:
        arms: arm to the scores of its cases.
        path: file to write; its suffix is the format.
        paper: arm to the (mean, sd) that the paper prints.
        ivh: arm to its cases' IVH labels ("yes", "no", "n/a"), in the order of its scores.

    Raises:
        BadInput: no arm, an arm whose labels are not as many as its scores, or an unknown IVH label.
    """
    if not arms:
        raise BadInput(f"{path}: no arm to draw; give at least one")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(max(3.5, 0.9 + 0.95 * len(arms)), 3.4), layout="constrained")
        axes = figure.subplots()
        tick_labels = []
        kinds: set[str] = set()
        for place, (arm, scores) in enumerate(arms.items()):
            labels = [""] * len(scores) if ivh is None else list(ivh.get(arm, ()))
            if len(labels) != len(scores):
                raise BadInput(f"arm {arm}: {len(labels)} IVH labels for {len(scores)} scores; give one a case")
            if unknown := set(labels) - CASE_KINDS.keys():
                raise BadInput(f"arm {arm}: IVH label {min(unknown)!r} is unknown; write yes, no or n/a")
            kinds.update(labels)
            num_drawn = _draw_arm(axes, place, scores, labels)
            tick_labels.append(f"{broken(arm)}\nn={num_drawn}")
            if paper is not None and arm in paper:
                mean, sd = paper[arm]
                axes.errorbar(
                    place + PAPER_BAR_OFFSET, mean, yerr=sd, fmt="s", color=GREY, ms=3.2, lw=1.0, capsize=2, zorder=4
                )
        axes.set_xticks(range(len(arms)), tick_labels)
        axes.tick_params(axis="x", length=0)
        axes.set_xlim(-0.6, len(arms) - 0.4)
        if metric.is_share:
            axes.set_ylim(0.0, 1.0)
            axes.set_yticks(np.linspace(0.0, 1.0, 6))
        axes.set_ylabel(f"{metric.label} ({metric.unit})" if metric.unit else metric.label)
        axes.set_title(title, loc="left")
        figure.legend(
            handles=_legend(kinds, with_paper=bool(paper)), loc="outside lower left", ncols=5 if len(arms) > 5 else 3
        )
        save(figure, path)


def training_curves(folds: Mapping[int, LossCurve], path: Path, *, title: str) -> None:
    """Training and validation loss against epochs, a panel a fold, with the epoch that was kept.

    Raises:
        BadInput: no fold, or a fold whose two losses differ in length.
    """
    if not folds:
        raise BadInput(f"{path}: no fold to draw; give at least one")
    num_columns = min(len(folds), 3)
    num_rows = math.ceil(len(folds) / num_columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(max(3.5, 2.35 * num_columns), 0.6 + 1.75 * num_rows), layout="constrained")
        panels = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, (fold, curve) in zip(panels, folds.items(), strict=False):
            if len(curve.train_loss) != len(curve.val_loss):
                raise BadInput(
                    f"fold {fold}: {len(curve.train_loss)} training and {len(curve.val_loss)} validation losses; "
                    "give one of each an epoch"
                )
            _draw_curve(axes, curve)
            axes.set_title(f"fold {fold}", loc="left", fontsize=8)
        for axes in panels[len(folds) :]:
            axes.remove()
        panels[0].set_ylim(bottom=0.0)
        panels[0].set_xlim(left=0.0)
        panels[0].xaxis.get_major_locator().set_params(integer=True)
        for axes in panels[: len(folds) : num_columns]:
            axes.set_ylabel("loss")
        for axes in panels[max(len(folds) - num_columns, 0) : len(folds)]:
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("epoch")
        figure.suptitle(title, fontsize=9, x=0.02, ha="left")
        handles = [
            Line2D([], [], color=BLUE, lw=1.2, label="training"),
            Line2D([], [], color=VERMILION, lw=1.2, ls="--", label="validation"),
            Line2D([], [], color=BLACK, ls=":", marker="o", ms=3.5, lw=0.8, label="best epoch"),
        ]
        figure.legend(handles=handles, loc="outside lower right", ncols=3)
        save(figure, path)


def _draw_arm(axes: Axes, place: int, scores: Sequence[float], labels: Sequence[str]) -> int:
    """Draw one arm's box, cases and mean; return how many cases are drawn."""
    scores_n = np.asarray(scores, dtype=np.float64)
    defined_n = ~np.isnan(scores_n)
    labels_n = np.asarray(labels, dtype=str)[defined_n]
    scores_n = scores_n[defined_n]
    if not scores_n.size:
        return 0
    line = {"color": BLACK, "linewidth": 0.8}
    drawn = axes.boxplot(
        scores_n,
        positions=[place],
        widths=BOX_WIDTH,
        showfliers=False,
        manage_ticks=False,
        patch_artist=True,
        boxprops={"facecolor": "#F2F2F2", "edgecolor": BLACK, "linewidth": 0.8},
        medianprops={"color": BLACK, "linewidth": 1.4},
        whiskerprops=line,
        capprops=line,
        zorder=1,
    )
    for artist in itertools.chain.from_iterable(drawn.values()):
        artist.set_clip_on(False)
    x_n = np.empty(scores_n.size)
    x_n[np.argsort(scores_n, kind="stable")] = np.arange(1, scores_n.size + 1) * GOLDEN % 1.0
    x_n = place + (x_n - 0.5) * JITTER_WIDTH
    for label, (colour, _) in CASE_KINDS.items():
        of_n = labels_n == label
        axes.scatter(x_n[of_n], scores_n[of_n], s=7, color=colour, alpha=0.7, lw=0, clip_on=False, zorder=2)
    axes.plot(place, scores_n.mean(), "D", ms=4.5, mfc="white", mec=BLACK, mew=0.9, clip_on=False, zorder=5)
    return int(scores_n.size)


def _draw_curve(axes: Axes, curve: LossCurve) -> None:
    epochs = range(1, len(curve.train_loss) + 1)
    axes.plot(epochs, curve.train_loss, color=BLUE, lw=1.2)
    axes.plot(epochs, curve.val_loss, color=VERMILION, lw=1.2, ls="--")
    if curve.best_epoch is not None:
        axes.axvline(curve.best_epoch, color=BLACK, lw=0.8, ls=":", zorder=1)
        axes.plot(curve.best_epoch, curve.val_loss[curve.best_epoch - 1], "o", color=BLACK, ms=3.5, zorder=3)


def _legend(kinds: set[str], *, with_paper: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], ls="", marker="o", ms=3.5, mew=0, color=colour, label=text)
        for label, (colour, text) in CASE_KINDS.items()
        if label in kinds
    ]
    handles.append(Line2D([], [], ls="", marker="D", ms=4.5, mfc="white", mec=BLACK, mew=0.9, label="mean"))
    if with_paper:
        handles.append(Line2D([], [], color=GREY, marker="s", ms=3.2, lw=1.0, label="paper, mean ± sd"))
    return handles


def broken(arm: str, width: int = 14) -> str:
    """Break a long arm name after its separators, so that neighbours do not touch."""
    lines = [""]
    for part in arm.replace("/", "/\0").replace("+", "+\0").replace("|", "|\0").split("\0"):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def fit_title(title: str, width_inches: float) -> tuple[str, float]:
    """A title on the lines that it needs in a figure of that width, and the height of all but the first in inches."""
    lines = textwrap.wrap(title, int(width_inches * TITLE_LETTERS_PER_INCH), break_on_hyphens=False) or [""]
    return "\n".join(lines), TITLE_LINE_INCHES * (len(lines) - 1)


def save(figure: Figure, path: Path, *, dpi: int = DPI) -> None:
    """Write a figure, whole or not at all; the suffix is the format. The same figure is the same bytes."""
    # Only SVG stores the time and random ids.
    metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
    with mpl.rc_context({"svg.hashsalt": "hemosweep"}), replacing(path) as temporary:
        figure.savefig(temporary, dpi=dpi, metadata=metadata)
