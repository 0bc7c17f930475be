"""The paired cases of a figure: the change of each from A to B, and its style.

The colour shows if a case got better. Marker and line show the same, so that a figure can be read without colours. A
filled marker is a case with IVH.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from hemosweep.errors import BadInput
from hemosweep.report.plots.arm_plots import BLACK, BLUE, GREY, VERMILION
from hemosweep.report.terminal.table import ARROW, MINUS
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.table import scores_by_case
from hemosweep.stats.groups import IVH_GROUPS, UNLABELLED
from hemosweep.stats.pairing import Floats, Pairs, pair
from hemosweep.stats.ttest import MeanTest, mean_test

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
MAX_ID_LETTERS = 26
# Letters of the title that fit in an inch of the figure.
TITLE_LETTERS_PER_INCH = 13.0
# Style of a case by the sign of its gain: B gains, no change, B loses.
COLOURS = {1: BLUE, 0: GREY, -1: VERMILION}
LINES = {1: "-", 0: ":", -1: "--"}
# Marker by the sign of the difference B - A: higher, equal, lower.
MARKERS = {1: "^", 0: "o", -1: "v"}
BAND_COLOUR = "#D9D9D9"
LEGEND_BELOW: Any = {"loc": "outside lower left", "handletextpad": 0.5, "columnspacing": 1.4}
"""Place of the legend in such a figure."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PairedCases:
    """N cases that both arms scored, ascending by id. `ivh` holds "yes", "no" or "n/a", a case each."""

    pairs: Pairs
    ivh: tuple[str, ...]
    metric: MetricDescription
    test: MeanTest

    @property
    def n(self) -> int:
        return len(self.ivh)

    @property
    def directions_N(self) -> NDArray[np.int64]:
        """1 where B is higher, 0 where both are the same, -1 where B is lower."""
        return np.sign(self.pairs.steps_N)

    @property
    def gains_N(self) -> NDArray[np.int64]:
        """1 where B is better, 0 where both are the same, -1 where B is worse; a higher B counts as better where
        neither direction is.
        """
        return -self.directions_N if self.metric.higher_is_better is False else self.directions_N

    @property
    def words(self) -> dict[int, str]:
        if self.metric.higher_is_better is None:
            return {1: "higher in B", 0: "unchanged", -1: "lower in B"}
        return {1: "improved", 0: "unchanged", -1: "worsened"}

    @property
    def axis_name(self) -> str:
        return self.metric.label + (f" ({self.metric.unit})" if self.metric.unit else "")

    @property
    def thin(self) -> float:
        """Factor for the width of drawn cases: 1 for up to 24 of them, less for more, so that 200 lines stay apart."""
        return min(1.0, math.sqrt(24 / self.n))

    def count(self, gain: int) -> int:
        return int((self.gains_N == gain).sum())

    def fills(self) -> list[bool]:
        """True if each case's marker is filled: those with IVH are, and all where no case's label is known."""
        unknown = set(self.ivh) == {UNLABELLED}
        return [unknown or label == "yes" for label in self.ivh]

    def mean_text(self) -> str:
        """The mean difference with its 95% interval, in the digits that people read."""
        assert self.test.mean is not None
        text = " ".join(
            part for part in ("mean difference", self.metric.number(self.test.mean, sign="+"), self.metric.unit) if part
        )
        if self.test.ci95 is not None:
            low, high = (self.metric.number(bound, sign="+") for bound in self.test.ci95)
            text += f" (95% CI {low} to {high})"
        return text.replace("-", MINUS)

    def short_ids(self) -> dict[str, str]:
        """Case id to its label. Long ids lose the parts that all have in common; every label is unique."""
        ids = self.pairs.case_ids
        if max(map(len, ids)) <= MAX_ID_LETTERS:
            return {case_id: case_id for case_id in ids}
        head = _common_words(ids)
        tail = _common_words([case_id[len(head) :][::-1] for case_id in ids])
        texts = [
            (ELLIPSIS if head else "") + case_id[len(head) : len(case_id) - len(tail)] + (ELLIPSIS if tail else "")
            for case_id in ids
        ]
        for candidates in ([shortened(text) for text in texts], texts):
            if (
                len(ids) > 1
                and len(set(candidates)) == len(ids)
                and all(candidate.strip(ELLIPSIS) for candidate in candidates)
            ):
                return dict(zip(ids, candidates, strict=True))
        # A single id shares no part with another, so its start and end are enough.
        return {case_id: shortened(case_id) if len(ids) == 1 else case_id for case_id in ids}


def read_pairs(pairs: pd.DataFrame, path: Path, metric: MetricDescription) -> PairedCases:
    """The cases of a table with columns case_id, a, b and ivh; those without both scores are counted as left out.

    Raises:
        BadInput: no case with both scores, a case id twice, a value that the metric cannot take, an unknown IVH label.
    """
    known = {*IVH_GROUPS, UNLABELLED}
    for case_id, label in zip(pairs["case_id"], pairs["ivh"], strict=True):
        if label not in known:
            raise BadInput(f"case {case_id}: IVH label {label!r} is unknown; write yes, no or n/a")
    ids = pairs["case_id"].tolist()
    a, b = (scores_by_case(side.upper(), zip(ids, pairs[side].tolist(), strict=True)) for side in ("a", "b"))
    scored = pair([a], [b], metric) if ids else None
    if scored is None or not scored.case_ids:
        raise BadInput(f"{path}: no case has a score in both; nothing to draw")
    label_of = dict(zip(ids, pairs["ivh"].tolist(), strict=True))
    return PairedCases(
        pairs=scored,
        ivh=tuple(label_of[case_id] for case_id in scored.case_ids),
        metric=metric,
        test=mean_test(scored.diff_N, scored.resolution),
    )


def legend_handles(cases: PairedCases, *, lines: bool) -> list[Line2D]:
    """Legend handles: one for each kind of case that occurs, with the number of cases; with `lines` also its line
    style."""
    sign = -1 if cases.metric.higher_is_better is False else 1
    handles = []
    for gain, word in cases.words.items():
        if num := cases.count(gain):
            line = LINES[gain] if lines else ""
            marker, colour = MARKERS[sign * gain], COLOURS[gain]
            handles.append(Line2D([], [], color=colour, ls=line, lw=1.0, marker=marker, ms=4, label=f"{word} ({num})"))
    if "yes" in cases.ivh:
        open_label = "no IVH" if UNLABELLED not in cases.ivh else "no IVH, or not known"
        style: Any = {"color": BLACK, "ls": "", "marker": "o", "ms": 4, "mew": 0.8}
        handles.append(Line2D([], [], label=f"with IVH ({cases.ivh.count('yes')})", **style))
        if set(cases.ivh) != {"yes"}:
            handles.append(Line2D([], [], mfc="white", label=open_label, **style))
    return handles


def write_title(figure: Figure, cases: PairedCases, name_a: str, name_b: str, *captions: str) -> None:
    """Write the names of A and B (on two lines where they are long), the captions, and the number of cases left out."""
    room = int(figure.get_figwidth() * TITLE_LETTERS_PER_INCH)
    one = f"A: {name_a} {ARROW} B: {name_b}"
    lines = [one] if len(one) <= room else [f"A: {shortened(name_a, room)}", f"B: {shortened(name_b, room)}"]
    lines += captions
    if num := len(cases.pairs.excluded):
        lines.append(f"left out: {counted(num, 'case')} without both scores")
    figure.suptitle("\n".join(lines), fontsize=8, x=0.01, ha="left", linespacing=1.4)


def counted(num: int, word: str, plural: str | None = None) -> str:
    return f"{num} {word if num == 1 else plural or word + 's'}"


def _common_words(texts: Sequence[str]) -> str:
    """Common start of all texts, up to its last separator, so that no number is cut in two."""
    first, last = min(texts), max(texts)
    start = first[
        : next((place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    ]
    return start[: max(map(start.rfind, "_-. /")) + 1]


def shortened(name: str, num_letters: int = MAX_ID_LETTERS) -> str:
    """A name of at most so many letters: its start and its end."""
    if len(name) <= num_letters:
        return name
    tail = (num_letters - 1) // 2
    return f"{name[: num_letters - 1 - tail]}{ELLIPSIS}{name[-tail:]}"


def spread(places: list[float], gap: float, low: float, high: float) -> list[float]:
    """Ascending places moved as little as needed to lie `gap` apart within [low, high], as far as there is room."""
    gap = min(gap, (high - low) / max(len(places) - 1, 1))
    out: list[float] = []
    for place in places:
        out.append(max(place, low if not out else out[-1] + gap))
    ceiling = high
    for index in reversed(range(len(out))):
        out[index] = min(out[index], ceiling)
        ceiling = out[index] - gap
    return out


def score_range(values_N: Floats, metric: MetricDescription) -> tuple[float, float]:
    """Range of an axis of scores: all of them and a margin, but little beyond the bounds of the metric."""
    low, high = float(values_N.min()), float(values_N.max())
    margin = 0.05 * ((high - low) or 0.1 * (abs(high) or 1.0))
    if metric.lowest is not None:
        low = max(low, metric.lowest + 0.5 * margin)
    if metric.highest is not None:
        high = min(high, metric.highest - 0.5 * margin)
    return low - margin, high + margin
