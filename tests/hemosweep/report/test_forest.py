"""The forest plot: what is drawn where, and what is written beside it."""

import matplotlib as mpl
import pytest
from PIL import Image

from hemosweep.errors import BadInput
from hemosweep.report.plots.forest import MINUS, draw_forest
from hemosweep.stats import find_metric, paired_comparison
from hemosweep.stats.multiple_testing import adjusted

IDS = [f"{number:03}" for number in range(8)]
A = dict(zip(IDS, [0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85], strict=True))
BETTER = {case_id: value + 0.05 + 0.01 * (int(case_id) % 3) for case_id, value in A.items()}
ALIKE = {case_id: value + 0.02 * (-1) ** int(case_id) for case_id, value in A.items()}
FOLDS = {case_id: str(place % 4) for place, case_id in enumerate(IDS)}
PAIRS = [("none", "brain"), ("brain+lesion", "brain+lesion+hyperdense"), ("brain", "same")]


def rows(metric="dsc", folds=FOLDS):
    results = [
        paired_comparison(A, b, metric=find_metric(metric), folds_a=folds, folds_b=folds) for b in (BETTER, ALIKE, A)
    ]
    return adjusted(PAIRS, results, len(PAIRS))


@pytest.fixture
def drawn(saved_figures, tmp_path):
    """Draws, and returns the figure as it was saved with its text."""

    def drawn(own, **options):
        path = tmp_path / "forest.svg"
        with mpl.rc_context({"svg.fonttype": "none"}):
            draw_forest(own, path, title="sampling", **options)
        return saved_figures[-1], path.read_text(encoding="utf-8")

    return drawn


def test_it_is_a_300_dpi_picture_that_is_the_same_every_time(tmp_path):
    for name in ("one.png", "two.png"):
        draw_forest(rows(), tmp_path / "new" / name, title="sampling")
    with Image.open(tmp_path / "new" / "one.png") as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert (tmp_path / "new" / "one.png").read_bytes() == (tmp_path / "new" / "two.png").read_bytes()


def test_every_difference_has_its_point_interval_and_numbers(drawn):
    own = rows()
    figure, text = drawn(own)
    axes = figure.axes[0]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in points] == [row.comparison.mean_diff for row in own]
    bars = [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() == "|"]
    assert bars == [row.comparison.ci95 for row in own[:2]]
    assert [line.get_markerfacecolor() == "white" for line in points] == [False, True, True], "filled after Holm"
    assert ">none → brain<" in text
    assert ">→ brain+lesion+hyperdense<" in text, "a long name takes two lines"
    # 0.05, 0.06 and 0.07 in turn: 0.05875, and 2.365 standard errors of 0.00295 to either side.
    assert ">+0.059 [+0.052, +0.066]<" in text
    assert f">{own[1].holm_p:.4f}<" in text
    assert text.count(">–<") >= 1, "no p-value where both are the same"


def test_the_interval_of_the_claim_is_a_bar_where_there_is_one(drawn):
    figure, text = drawn(rows())
    bars = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in figure.axes[0].patches]
    # t(0.975, 3) = 3.1824 standard errors. Fold means of 0.055, 0.065, 0.06, 0.055 vary less than their cases, which
    # are 0.005 from them, and 0.01 in one fold: a mean square of (6 * 0.000025 + 2 * 0.0001) / 4. The second has fold
    # means of ±0.02: a variance of 4 * 0.0004 / 3, over 4 folds.
    halves = [3.1824 * (0.0000875 / 8) ** 0.5, 3.1824 * 0.02 / 3**0.5]
    assert bars == [
        (pytest.approx(middle - half, abs=1e-5), pytest.approx(middle + half, abs=1e-5))
        for middle, half in zip((0.05875, 0.0), halves, strict=True)
    ]
    assert figure.axes[0].get_xlim()[0] < -halves[1] < halves[1] < figure.axes[0].get_xlim()[1]
    assert ">95% CI with seeds and folds<" in text


def test_without_folds_and_seeds_no_difference_has_a_bar_or_is_filled(drawn):
    figure, text = drawn(rows(folds=None))
    assert [*figure.axes[0].patches] == []
    points = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() for line in points] == ["white"] * 3
    assert ">95% CI with seeds and folds<" not in text
    assert ">Holm p &lt; 0.05<" not in text


def test_the_papers_difference_stands_beside_ours(drawn):
    figure, text = drawn(rows(), paper={("none", "brain"): 0.3})
    (square,) = (line for line in figure.axes[0].lines if line.get_marker() == "s")
    assert square.get_xdata()[0] == 0.3
    assert figure.axes[0].get_xlim()[1] > 0.3
    assert ">difference that the paper prints<" in text


@pytest.mark.parametrize(
    ("metric", "sides", "label"),
    [
        ("dsc", (">← A better<", ">B better →<"), ">difference in DSC, B {MINUS} A<"),
        ("hd95_mm", (">← B better<", ">A better →<"), ">difference in HD95 (mm), B {MINUS} A<"),
        ("predicted_ml", (), ">difference in predicted volume (mL), B {MINUS} A<"),
    ],
)
def test_the_better_side_follows_the_metric(drawn, metric, sides, label):
    _, text = drawn(rows(metric))
    assert label.replace("{MINUS}", MINUS) in text
    assert all(side in text for side in sides)
    assert ("better" in text) == bool(sides)


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no difference to draw"):
        draw_forest([], tmp_path / "forest.png", title="t")
