"""The drawn patch centres of one case over its CT: the training half of the paper's Fig. 4."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.report.plots.arm_plots import STYLE, fit_title, save
from hemosweep.report.slices.panels import label_right, outline, show_slice
from hemosweep.sampling.centres import MIDDLE, Centres

NUM_SLICES = 3
REACH = 1
"""Centres of so many slices on either side are shown on a slice."""
PANEL_INCHES = 2.4
POSITIVE = "lesion"
# Region: colour (Okabe and Ito 2008, lightened where grey matter swallowed it) and legend text.
REGIONS = {
    POSITIVE: ("#00D59A", "on the lesion (positive)"),
    "lesion_border": ("#FF9A1F", "around the lesion"),
    "brain_center": ("#56B4E9", "brain centre"),
    "hyperdense": ("#FF7FD0", "hyperdense"),
    "brain": ("#F0E442", "brain"),
    "volume": ("#F0E442", "whole image"),
    "either": ("#FF9A1F", "either region"),
    "preferred": ("#FF9A1F", "preferred region"),
    MIDDLE: ("#F0E442", "middle of the head"),
}
# For regions of a lab.
OTHER_COLOURS = ("#C79CFF", "#9BE15D", "#FF8A80", "#4DD0E1")
POSITIVE_FRAME, NEGATIVE_FRAME = "#00E000", "#FF3B30"
DOTS_INK = 900.0
DOT_AREA = (2.0, 10.0)
"""Total area of the dots of a panel, and bounds of the area of one dot, in square points."""


def region_look(name: str) -> tuple[str, str]:
    """Colour and legend text of a region. A second one of a kind (`lesion_border_2`) has the colour of the first, and a
    lab's one that follows from its name."""
    kind, _, number = name.rpartition("_")
    if name not in REGIONS and number.isdigit() and kind:
        colour, text = region_look(kind)
        return colour, f"{text} ({number})"
    return REGIONS.get(name, (OTHER_COLOURS[sum(name.encode()) % len(OTHER_COLOURS)], name.replace("_", " ")))


def draw_centres(
    case: PreprocessedCase,
    centres: Centres,
    patch_DHW: tuple[int, int, int],
    path: Path,
    *,
    title: str,
    regions: Mapping[str, Mask] | None = None,
) -> None:
    """Draw three axial slices of a preprocessed case with the centres of these and their neighbouring slices as dots.

    The dots' colours are the regions that the centres were drawn from; the legend counts all of them. Two frames on
    the slice with the most positives show how far a patch reaches, a positive and a negative one, as in the paper. The
    patient's right is at the picture's left.

    Args:
        patch_DHW: size of a patch in voxels.
        path: file to write; its suffix is the format.
        regions: masks to outline, each in the colour of its dots; the lesion is outlined in any case.
    """
    dots = {name: _voxels(centres, name, case) for name in (POSITIVE, *centres.counts)}
    shown = informative_slices(dots, len(case.lesion_DHW))
    framed = max(shown, key=lambda index: len(near(dots[POSITIVE], index)))
    _, height, width = case.lesion_DHW.shape
    _, height_mm, width_mm = case.spacing_DHW_mm
    panel_inches = PANEL_INCHES * height * height_mm / (width * width_mm)
    outlined = {name: mask for name, mask in (regions or {}).items() if name != "volume"}
    masks = {
        name: mask if mask.shape == case.lesion_DHW.shape else case.grid.crop(mask) for name, mask in outlined.items()
    }
    masks |= {POSITIVE: case.lesion_DHW}
    with mpl.rc_context(STYLE):
        width_inches = PANEL_INCHES * len(shown)
        title, title_inches = fit_title(title, width_inches)
        figure = Figure(figsize=(width_inches, panel_inches + 0.85 + title_inches))
        figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.015, h_pad=0.03, wspace=0.0, hspace=0.0))
        for axes, index in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
            show_slice(axes, case.image_CDHW[0, index].astype(np.float32), (height_mm, width_mm), (-1.0, 1.0))
            for name, mask_DHW in masks.items():
                outline(axes, mask_DHW[index], region_look(name)[0], linewidth=0.5)
            slice_dots = {name: near(dots_N3, index) for name, dots_N3 in dots.items()}
            _draw_dots(axes, slice_dots, (height, width))
            if index == framed:
                _draw_frames(axes, slice_dots, patch_DHW, (height, width))
            axes.set_title(f"slice {index + 1} ± {REACH} of {len(case.lesion_DHW)}", fontsize=7)
        label_right(figure.axes[0])
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        handles = _legend(centres.counts, dots, patch_DHW)
        figure.legend(handles=handles, loc="outside lower left", ncols=len(handles) // 2)
        save(figure, path)


def informative_slices(dots: Mapping[str, NDArray[np.int64]], num_slices: int) -> list[int]:
    """Up to three slices whose neighbourhoods do not overlap, in order.

    The first holds the most positives. Each further one holds the most centres of the region of which the smallest
    share is shown so far, so that every region is seen. Ties go to the slice that holds more of them itself, then to
    the lower one.
    """
    neighbourhood = np.ones(2 * REACH + 1)
    neighbourhood[REACH] += 1e-6
    per_slice = {name: np.bincount(d_N3[:, 0], minlength=num_slices) for name, d_N3 in dots.items() if len(d_N3)}
    shares = {
        name: np.convolve(count_D, neighbourhood, mode="same") / count_D.sum() for name, count_D in per_slice.items()
    }
    shown: list[int] = []
    while len(shown) < NUM_SLICES:
        free_D = np.all([np.abs(np.arange(num_slices) - index) > 2 * REACH for index in shown], axis=0)
        free_D = np.broadcast_to(free_D, num_slices)
        seen = {name: share_D[shown].sum() for name, share_D in shares.items() if (share_D * free_D).any()}
        if not seen:
            break
        least = POSITIVE if not shown and POSITIVE in seen else min(seen, key=lambda name: seen[name])
        shown.append(int((shares[least] * free_D).argmax()))
    return sorted(shown)


def near(voxels_N3: NDArray[np.int64], index: int) -> NDArray[np.int64]:
    """The voxels that are shown on slice `index`."""
    return voxels_N3[np.abs(voxels_N3[:, 0] - index) <= REACH]


def _voxels(centres: Centres, region: str, case: PreprocessedCase) -> NDArray[np.int64]:
    """(d, h, w) of the centres that a region gave and the picture, which ends with the head, holds.

    The centres lie region by region in the order of the counts.
    """
    region_N = np.repeat(list(centres.counts), list(centres.counts.values()))
    voxel_N3 = centres.voxel_3N(case).T[region_N == region]
    in_picture_N = ((voxel_N3 >= 0) & (voxel_N3 < case.lesion_DHW.shape)).all(axis=1)
    return np.asarray(voxel_N3[in_picture_N])


def _draw_dots(axes: Axes, dots: Mapping[str, NDArray[np.int64]], shape_HW: tuple[int, int]) -> None:
    num_dots = sum(len(d_N3) for d_N3 in dots.values())
    area = float(np.clip(DOTS_INK / max(num_dots, 1), *DOT_AREA))
    for name, voxels_N3 in dots.items():
        y_N, x_N = _displayed(voxels_N3, shape_HW)
        axes.scatter(x_N, y_N, s=area, color=region_look(name)[0], edgecolors="black", linewidths=0.15 * area**0.5)


def _draw_frames(
    axes: Axes, dots: Mapping[str, NDArray[np.int64]], patch_DHW: tuple[int, int, int], shape_HW: tuple[int, int]
) -> None:
    """Frame the positive patch in the middle of its kind, and the negative one farthest from it.

    Where a patch is at least four slices deep, the slice cuts it, too, if its centre is on the next one. Patches that
    the picture holds come first, and negative ones that leave the positive one free.
    """
    size_HW, picture_HW = np.array(patch_DHW[1:]), np.array(shape_HW)
    positives_N2 = dots[POSITIVE][:, 1:]
    negatives = [voxels_N3[:, 1:] for name, voxels_N3 in dots.items() if name != POSITIVE]
    negatives_N2 = np.concatenate([positives_N2[:0], *negatives])

    def outside(centre_N2: NDArray[np.int64]) -> Mask:
        start_N2 = centre_N2 - size_HW // 2
        return np.asarray(((start_N2 < 0) | (start_N2 + size_HW > picture_HW)).any(axis=1))

    middle = (positives_N2 if len(positives_N2) else negatives_N2).mean(axis=0)
    if len(positives_N2):
        distance_N = np.linalg.norm(positives_N2 - middle, axis=1)
        middle = positives_N2[np.lexsort((distance_N, outside(positives_N2)))[0]]
        _draw_frame(axes, middle, size_HW, picture_HW, POSITIVE_FRAME, "-")
    if len(negatives_N2):
        distance_N = np.linalg.norm(negatives_N2 - middle, axis=1)
        overlaps_N = (np.abs(negatives_N2 - middle) < size_HW).all(axis=1)
        farthest = negatives_N2[np.lexsort((-distance_N, outside(negatives_N2), overlaps_N))[0]]
        _draw_frame(axes, farthest, size_HW, picture_HW, NEGATIVE_FRAME, "--")


def _draw_frame(
    axes: Axes,
    centre: NDArray[np.int64],
    size_HW: NDArray[np.int64],
    picture_HW: NDArray[np.int64],
    colour: str,
    style: str,
) -> None:
    """Frame the voxels of a patch around a centre, from half a patch before it (`PatchBank`)."""
    # Both axes are turned round: the displayed corner is that of the patch's last row and column.
    top, left = picture_HW - (centre - size_HW // 2 + size_HW) - 0.5
    height, width = size_HW
    axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=colour, linewidth=0.9, linestyle=style))


def _displayed(voxels_N3: NDArray[np.int64], shape_HW: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of voxels on the radiological display of their slice."""
    return shape_HW[0] - 1 - voxels_N3[:, 1], shape_HW[1] - 1 - voxels_N3[:, 2]


def _legend(
    counts: Mapping[str, int], dots: Mapping[str, NDArray[np.int64]], patch_DHW: tuple[int, int, int]
) -> list[Line2D]:
    """Entries for columns of two: the regions, then the frames in a column of their own."""
    handles = []
    for name, count in counts.items():
        colour, text = region_look(name)
        beyond = count - len(dots[name])
        text = f"{text}: {count}{f', {beyond} of them outside the picture' if beyond else '' if count else ' (empty)'}"
        handles.append(Line2D([], [], ls="", marker="o", ms=3.5, mew=0.3, mec="black", color=colour, label=text))
    if len(handles) % 2:
        handles.append(Line2D([], [], ls="", label=" "))
    depth, height, width = patch_DHW
    frames = [(POSITIVE_FRAME, "-", "positive"), (NEGATIVE_FRAME, "--", "negative")]
    if MIDDLE in counts:
        frames = [(NEGATIVE_FRAME, "--", "the one")]
    for colour, style, text in frames:
        size = f"{height} x {width} x {depth}"
        handles.append(Line2D([], [], color=colour, ls=style, lw=1.0, label=f"{text} patch, {size} voxels"))
    return handles
