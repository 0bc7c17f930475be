import math

import matplotlib as mpl
import pytest
from PIL import Image

from hemosweep.errors import BadInput
from hemosweep.report.plots.arm_plots import LossCurve, boxplot, training_curves

ARMS = {"24x24x8": [0.7, 0.8, math.nan, 0.9], "lesion+hyperdense/symmetric": [0.0, 1.0], "empty": [math.nan]}
CURVE = LossCurve(train_loss=[1.0, 0.6, 0.5], val_loss=[1.1, 0.7, 0.8], best_epoch=2)


def svg_text(draw, path):
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw(path)
    return path.read_text(encoding="utf-8")


def test_boxplot_is_a_300_dpi_picture_that_is_the_same_every_time(tmp_path):
    for name in ("one.png", "two.png"):
        boxplot(ARMS, tmp_path / "new" / name, title="Patch size", paper={"24x24x8": (0.759, 0.183)})
    with Image.open(tmp_path / "new" / "one.png") as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert min(picture.size) > 900
    assert (tmp_path / "new" / "one.png").read_bytes() == (tmp_path / "new" / "two.png").read_bytes()


def test_boxplot_counts_the_defined_cases_below_the_arms_in_their_order(tmp_path):
    text = svg_text(lambda path: boxplot(ARMS, path, title="Patch size"), tmp_path / "box.svg")
    places = [text.index(label) for label in (">24x24x8<", ">n=3<", ">symmetric<", ">n=2<", ">empty<", ">n=0<")]
    assert places == sorted(places)
    assert ">case<" in text
    assert "paper" not in text


def test_boxplot_names_ivh_and_the_paper_where_given(tmp_path):
    labels = {"24x24x8": ["yes", "no", "no", "no"], "lesion+hyperdense/symmetric": ["no", "yes"], "empty": ["no"]}
    text = svg_text(
        lambda path: boxplot(ARMS, path, title="t", ivh=labels, paper={"24x24x8": (0.759, 0.183)}), tmp_path / "box.svg"
    )
    assert ">case with IVH<" in text
    assert ">case without IVH<" in text
    assert ">case, IVH not known<" not in text
    assert ">paper, mean ± sd<" in text


def test_boxplot_refuses_what_it_cannot_draw(tmp_path):
    with pytest.raises(BadInput, match="no arm"):
        boxplot({}, tmp_path / "box.png", title="t")
    with pytest.raises(BadInput, match="arm x: 1 IVH labels for 2 scores"):
        boxplot({"x": [0.1, 0.2]}, tmp_path / "box.png", title="t", ivh={"x": ["no"]})
    with pytest.raises(BadInput, match="arm x: IVH label 'maybe'"):
        boxplot({"x": [0.1]}, tmp_path / "box.png", title="t", ivh={"x": ["maybe"]})


def test_training_curves_have_a_panel_a_fold(tmp_path):
    folds = {0: CURVE, 1: LossCurve(train_loss=[], val_loss=[], best_epoch=None), 2: CURVE, 4: CURVE}
    text = svg_text(lambda path: training_curves(folds, path, title="sampling"), tmp_path / "curves.svg")
    assert [f">fold {fold}<" in text for fold in range(5)] == [True, True, True, False, True]
    assert ">best epoch<" in text
    training_curves({0: CURVE}, tmp_path / "curves.png", title="se")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_training_curves_refuse_what_they_cannot_draw(tmp_path):
    with pytest.raises(BadInput, match="no fold"):
        training_curves({}, tmp_path / "curves.png", title="t")
    with pytest.raises(BadInput, match="fold 3: 1 training and 2 validation"):
        training_curves(
            {3: LossCurve(train_loss=[1.0], val_loss=[1.0, 0.9], best_epoch=1)}, tmp_path / "curves.png", title="t"
        )
