"""Slopes, bars of differences, and Bland and Altman's plot: what is drawn where, and what is written."""

import math

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hemosweep.errors import BadInput
from hemosweep.report.plots.arm_plots import BLUE, GREY, VERMILION
from hemosweep.report.plots.bland_altman import bland_altman
from hemosweep.report.plots.paired_cases import MINUS, read_pairs, shortened, spread
from hemosweep.report.plots.paired_plots import difference_bars, slope_plot
from hemosweep.stats import DSC, find_metric

HD95 = find_metric("hd95_mm")
PLOTS = [slope_plot, difference_bars, bland_altman]
# Differences +0.10, 0 and -0.04, one case of each kind.
THREE = [("001", 0.50, 0.60, "yes"), ("002", 0.70, 0.70, "no"), ("003", 0.80, 0.76, "no")]


def table(*rows):
    return pd.DataFrame(rows, columns=["case_id", "a", "b", "ivh"])


def many(num, case_id="{:03}"):
    rng = np.random.default_rng(num)
    a = rng.beta(6, 2, num).round(3)
    b = np.clip(a + rng.normal(0.02, 0.05, num), 0, 1).round(3)
    return table(*zip(map(case_id.format, range(num)), a, b, np.where(rng.random(num) < 0.3, "yes", "no"), strict=True))


@pytest.fixture
def drawn(saved_figures, tmp_path):
    """Draws, and returns the figure as it was saved with its text."""

    def drawn(plot, pairs, metric=DSC, name_a="single", name_b="symmetric"):
        path = tmp_path / "paired.svg"
        with mpl.rc_context({"svg.fonttype": "none"}):
            plot(pairs, path, name_a=name_a, name_b=name_b, metric=metric)
        return saved_figures[-1].axes[0], path.read_text(encoding="utf-8")

    return drawn


def colours_of(axes, marker):
    return [line.get_color() for line in axes.lines if line.get_marker() == marker]


def bars_of(axes):
    """Place, length and colour of each bar; the band of the interval is as high as the axes."""
    bars = [bar for bar in axes.patches if bar.get_height() == pytest.approx(0.78)]
    return [(bar.get_y() + 0.39, bar.get_width(), mpl.colors.to_hex(bar.get_facecolor()).upper()) for bar in bars]


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_same_cases_are_the_same_bytes_whatever_their_order(plot, suffix, tmp_path):
    pairs = many(12)
    for name, own in (("one", pairs), ("two", pairs[::-1])):
        plot(own, tmp_path / "new" / f"{name}.{suffix}", name_a="a", name_b="b", metric=DSC)
    one, two = ((tmp_path / "new" / f"{name}.{suffix}").read_bytes() for name in ("one", "two"))
    assert one == two
    if suffix == "png":
        with Image.open(tmp_path / "new" / "one.png") as picture:
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_a_slope_goes_from_the_score_in_a_to_that_in_b_in_the_look_of_what_became_of_it(drawn):
    axes, text = drawn(slope_plot, table(*THREE))
    slopes = {tuple(line.get_ydata()): line for line in axes.lines if tuple(line.get_xdata()) == (0, 1)}
    assert [slopes[own].get_color() for own in ((0.5, 0.6), (0.7, 0.7), (0.8, 0.76))] == [BLUE, GREY, VERMILION]
    assert len({line.get_linestyle() for line in slopes.values()}) == 3, "not by colour alone"
    ends = {line.get_marker(): line for line in axes.lines if list(line.get_xdata()) == [1]}
    assert {marker: line.get_ydata()[0] for marker, line in ends.items()} == {"^": 0.6, "o": 0.7, "v": 0.76}
    assert [ends[marker].get_markerfacecolor() for marker in "^ov"] == [BLUE, "white", "white"], "IVH is filled"
    for word in ("improved (1)", "unchanged (1)", "worsened (1)", "with IVH (1)", "no IVH"):
        assert f">{word}<" in text


def test_beside_the_slopes_stand_both_means_with_their_intervals(drawn):
    axes, text = drawn(slope_plot, table(*THREE))
    means = [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "D"]
    # (0.5 + 0.7 + 0.8) / 3 and (0.6 + 0.7 + 0.76) / 3.
    assert means == [pytest.approx(0.666667, abs=1e-6), pytest.approx(0.686667, abs=1e-6)]
    # sd of A 0.152753, t at two degrees 4.302653: 0.666667 ± 0.379460; sd of B 0.080829: 0.686667 ± 0.200790.
    bars = [tuple(line.get_ydata()) for line in axes.lines if line.get_marker() == "_"]
    assert bars[0] == pytest.approx((0.287207, 1.046126), abs=1e-5)
    assert bars[1] == pytest.approx((0.485877, 0.887457), abs=1e-5)
    assert ">[0.287, 1.046]<" in text
    assert ">[0.486, 0.887]<" in text


def test_where_lower_is_better_a_lower_score_is_an_improvement_and_still_points_down(drawn):
    pairs = table(("001", 20.0, 12.0, "no"), ("002", 9.0, 11.0, "no"), ("003", 5.0, 5.0, "no"))
    axes, text = drawn(slope_plot, pairs, HD95)
    assert (colours_of(axes, "v"), colours_of(axes, "^")) == ([BLUE], [VERMILION])
    assert ">HD95 (mm)<" in text
    axes, text = drawn(difference_bars, pairs, HD95)
    assert [width for _, width, _ in bars_of(axes)] == [-8, 2]
    assert f">n = 3: 1 win, 1 tie, 1 loss; mean difference {MINUS}2 mm (95% CI {MINUS}15.1 to +11.1)<" in text
    assert text.index("B better") < text.index("A better"), "left of zero B is better"
    axes, _ = drawn(bland_altman, pairs, HD95)
    assert (colours_of(axes, "v"), colours_of(axes, "^")) == ([BLUE], [VERMILION])


def test_a_metric_without_a_better_direction_says_higher_and_lower(drawn):
    pairs = table(("001", -2.0, 3.0, "no"), ("002", 9.0, 1.0, "no"))
    _, text = drawn(slope_plot, pairs, find_metric("volume_difference_ml"))
    assert ">higher in B (1)<" in text
    assert ">lower in B (1)<" in text
    assert "improved" not in text
    assert "better" not in drawn(difference_bars, pairs, find_metric("volume_difference_ml"))[1]


def test_bars_go_from_the_largest_gain_to_the_largest_loss_with_the_mean_and_its_interval(drawn):
    axes, text = drawn(difference_bars, table(*THREE[::-1]))
    bars = bars_of(axes)
    assert [(place, width) for place, width, _ in bars] == [
        (pytest.approx(0), pytest.approx(0.1)),
        (pytest.approx(2), pytest.approx(-0.04)),
    ]
    assert [colour for *_, colour in bars] == [BLUE, VERMILION]
    (tie,) = (line for line in axes.lines if line.get_color() == GREY and line.get_marker() == "o")
    assert (tie.get_xdata()[0], tie.get_ydata()[0]) == (0.0, 1)
    # Mean 0.02, sd 0.072111, so 0.02 ± 4.302653 * 0.072111 / sqrt(3).
    (mean,) = (line for line in axes.lines if line.get_linestyle() == "--")
    assert mean.get_xdata()[0] == pytest.approx(0.02)
    band = axes.patches[0]
    assert (band.get_x(), band.get_x() + band.get_width()) == (
        pytest.approx(-0.159134, abs=1e-5),
        pytest.approx(0.199134, abs=1e-5),
    )
    assert f">n = 3: 1 win, 1 tie, 1 loss; mean difference +0.020 (95% CI {MINUS}0.159 to +0.199)<" in text


def test_the_cases_with_ivh_have_a_mark_in_their_row(drawn):
    axes, text = drawn(difference_bars, table(*THREE))
    (marks,) = (line for line in axes.lines if line.get_marker() == "s")
    assert list(marks.get_ydata()) == [0], "case 001 gains most"
    assert ">IVH<" in text
    assert ">IVH<" not in drawn(difference_bars, table(*THREE[1:]))[1]


def test_of_many_bars_the_five_largest_gains_and_losses_are_named_apart_from_each_other(drawn):
    pairs = many(200)
    axes, _ = drawn(difference_bars, pairs)
    diff = (pairs.b - pairs.a).set_axis(pairs.case_id)
    labels = [own for own in axes.texts if own.get_text() in diff.index]
    order = sorted(diff.index, key=lambda case_id: (-round(diff[case_id], 9), case_id))
    assert [own.get_text() for own in labels] == order[:5] + order[-5:]
    heights = axes.transData.transform([(0, own.get_position()[1]) for own in labels])[:, 1]
    assert (np.diff(heights) <= -7 * axes.figure.dpi / 72).all(), "a line of 7 points each"


def test_only_what_gained_or_lost_is_named_among_many(drawn):
    rows = [(f"{number:03}", 0.5, 0.5, "no") for number in range(40)]
    rows[7] = ("007", 0.5, 0.6, "no")
    axes, _ = drawn(difference_bars, table(*rows))
    assert [own.get_text() for own in axes.texts if own.get_text().isdecimal()] == ["007"]


def test_bland_and_altmans_plot_has_the_difference_against_the_mean_and_the_limits(drawn):
    rows = [(f"{n:03}", 0.5 + 0.05 * n, 0.5 + 0.05 * n + d, "no") for n, d in enumerate([0.01, 0.03, 0.02, 0.00, 0.04])]
    axes, text = drawn(bland_altman, table(*rows))
    points = sorted((line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_marker() in "^ov")
    assert points[0] == (pytest.approx(0.505), pytest.approx(0.01))
    assert points[-1] == (pytest.approx(0.72), pytest.approx(0.04))
    # sd 0.0158114, limits 0.02 ± 1.959964 sd.
    limits = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"]
    assert limits == [pytest.approx(-0.010990, abs=1e-5), pytest.approx(0.050990, abs=1e-5)]
    for words in (f"{MINUS}1.96 sd {MINUS}0.011", "bias +0.020", "+1.96 sd +0.051", "95% limits of agreement"):
        assert f">{words}<" in text


def test_outliers_are_named_by_the_rule_of_the_comparison(drawn):
    pairs = many(60)
    pairs.loc[7, ["a", "b"]] = 0.9, 0.1
    pairs.loc[8, ["a", "b"]] = 0.9, 0.1
    axes, _ = drawn(bland_altman, pairs)
    named = {own.get_text(): own.get_position()[1] for own in axes.texts if own.get_text().isdecimal()}
    assert sorted(named) == ["007", "008"]
    assert named["007"] != named["008"], "of the same place, and still to be read"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (THREE[:1], "no limits of agreement: too few cases"),
        (THREE, "no limits of agreement: too few cases"),
        ([(f"{n}", 0.1 * n, 0.1 * n + 0.1, "n/a") for n in range(8)], "no limits of agreement: all differences are"),
        ([(f"{n}", 0.1 * n, 0.1 * n, "n/a") for n in range(8)], "no limits of agreement: all differences are"),
    ],
)
def test_what_has_no_limits_says_so_and_every_plot_is_drawn(rows, words, drawn):
    axes, text = drawn(bland_altman, table(*rows))
    assert words in text
    assert not [line for line in axes.lines if line.get_linestyle() == "--"]
    for plot in (slope_plot, difference_bars):
        assert ">A: single → B: symmetric<" in drawn(plot, table(*rows))[1]


def test_the_picture_of_two_cases_is_not_squeezed_by_the_interval_of_their_mean(drawn):
    axes, _ = drawn(slope_plot, table(("1", 0.5, 0.6, "no"), ("2", 0.7, 0.6, "no")))
    low, high = axes.get_ylim()
    assert high - low < 0.2 * 3 + 0.1


def test_cases_without_both_scores_are_counted_and_not_drawn(drawn):
    rows = [*THREE, ("004", math.nan, 0.5, "no"), ("005", 0.5, math.inf, "no")]
    for plot in PLOTS:
        _, text = drawn(plot, table(*rows))
        assert ">left out: 2 cases without both scores<" in text
        assert "n = 3" in text


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (table(), "no case has a score in both"),
        (table(("1", math.nan, 0.5, "no")), "no case has a score in both"),
        (table(*THREE, THREE[0]), "A: more than one row for 001"),
        (table(("1", 0.5, 81.2, "no")), r"B: DSC outside \[0, 1\] in 1 \(81.2\)"),
        (table(("1", 0.5, 0.6, "maybe")), "case 1: IVH label 'maybe' is unknown"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(pairs, words, tmp_path):
    for plot in PLOTS:
        with pytest.raises(BadInput, match=words):
            plot(pairs, tmp_path / "x.png", name_a="a", name_b="b", metric=DSC)
    assert not list(tmp_path.iterdir())


def test_long_ids_are_written_without_what_all_share_and_stay_different(tmp_path):
    cases = read_pairs(many(30, "HospitalUniversitari_2019_{:05}_followup_scan"), tmp_path / "x.png", DSC)
    texts = cases.short_ids()
    assert texts["HospitalUniversitari_2019_00007_followup_scan"] == "…00007…"
    unlike = table(*((f"{'x' * 20}{n}{'y' * 20}", 0.5, 0.6, "no") for n in range(3)))
    assert len(set(read_pairs(unlike, tmp_path / "x.png", DSC).short_ids().values())) == 3
    assert read_pairs(table(*THREE), tmp_path / "x.png", DSC).short_ids()["001"] == "001"


@pytest.mark.parametrize("plot", PLOTS)
def test_long_names_and_signs_of_mathematics_stay_inside_the_picture_as_they_are(plot, drawn):
    rows = [(f"case_$x^{{{n}}}$", 0.5, 0.5 + 0.01 * n * n, "no") for n in range(6)]
    axes, text = drawn(plot, table(*rows), name_a="brain+lesion border+hyperdense/symmetric" * 3, name_b="$b$")
    assert ">B: $b$<" in text
    axes.figure.draw_without_rendering()
    for own in [*axes.texts, *axes.figure.legends[0].get_texts(), axes.figure._suptitle]:
        box = own.get_window_extent()
        assert -1 <= box.x0 < box.x1 <= axes.figure.bbox.x1 + 1, own.get_text()


def test_labels_are_moved_apart_as_far_as_there_is_room():
    assert spread([0.0, 0.1, 5.0], 1.0, 0.0, 9.0) == [0.0, 1.0, 5.0]
    assert spread([8.8, 8.9, 9.0], 1.0, 0.0, 9.0) == [7.0, 8.0, 9.0]
    assert spread([4.0, 4.0, 4.0, 4.0], 5.0, 0.0, 9.0) == [0.0, 3.0, 6.0, 9.0]
    assert spread([], 1.0, 0.0, 9.0) == []


def test_a_long_name_keeps_its_start_and_its_end():
    assert shortened("abcdefghij", 7) == "abc…hij"
    assert shortened("abcdefg", 7) == "abcdefg"
