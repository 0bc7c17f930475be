from dataclasses import replace
from io import StringIO

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from hemosweep.errors import BadInput
from hemosweep.qc import CheckReport, Problem
from hemosweep.qc.cohort import CaseNumbers, Cohort
from hemosweep.report.terminal.cohort import draw_cohort, problem_table, spread_table

COUNTS = np.bincount([130, 131, 131], minlength=250)


def case(number, ivh="no", lesion_ml=3.0, **changes):
    numbers = CaseNumbers(
        case_id=f"sub-{number}",
        ivh=ivh,
        num_slices=30,
        slice_step_mm=5.0,
        pixel_mm=0.45,
        tilt_deg=0.0,
        oblique_deg=0.0,
        is_saturated=False,
        has_cta=False,
        brain_ml=1400.0,
        lesion_ml=lesion_ml,
        lesion_median_hu=None if lesion_ml is None else 60.0,
        ivh_ml=None,
        histograms={tissue: COUNTS for tissue in ("head", "brain", "lesion", "ivh")},
    )
    return replace(numbers, **changes)


def cohort(*cases):
    return Cohort(cases=cases, left_out={}, num_patients=len(cases), digest="0123456789abcdef")


def svg_text(drawn, path):
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_cohort(drawn, path, title="a title")
    return path.read_text(encoding="utf-8")


def printed(table, width=100):
    out = StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


def test_figure_is_a_300_dpi_picture_that_is_the_same_every_time(tmp_path):
    drawn = cohort(case(1), case(2, "yes", 30.0, ivh_ml=12.0))
    for name in ("one.png", "two.png"):
        draw_cohort(drawn, tmp_path / "new" / name, title="t")
    with Image.open(tmp_path / "new" / "one.png") as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert picture.size == (2160, 1500)
    assert (tmp_path / "new" / "one.png").read_bytes() == (tmp_path / "new" / "two.png").read_bytes()


def test_figure_names_its_groups_with_their_counts(tmp_path):
    text = svg_text(
        cohort(case(1), case(2), case(3, "yes", ivh_ml=4.0), case(4, lesion_ml=None, num_slices=12)), tmp_path / "a.svg"
    )
    for wanted in (">a title<", ">no IVH<", ">n=2<", ">IVH mask<", ">n=1<", ">75%<", ">25%<", ">3 cases<"):
        assert wanted in text
    assert ">pixels of 0.45 mm<" in text
    assert "windowed" not in text


def test_figure_says_that_scans_are_windowed(tmp_path):
    text = svg_text(cohort(case(1, is_saturated=True), case(2, pixel_mm=0.5)), tmp_path / "a.svg")
    assert ">1 of 2<" in text
    assert ">windowed,<" in text
    assert ">pixels of 0.45–0.50 mm<" in text


@pytest.mark.parametrize("volume_ml", [0.013, 1.4, 77.0])
def test_one_lesion_has_a_labelled_axis(tmp_path, volume_ml):
    text = svg_text(cohort(case(1, lesion_ml=volume_ml)), tmp_path / "a.svg")
    labels = {0.013: (">0.01<", ">0.02<"), 1.4: (">1<", ">2<"), 77.0: (">50<", ">100<")}[volume_ml]
    assert any(label in text for label in labels)


def test_cases_without_masks_are_drawn(tmp_path):
    nothing = np.zeros(250, dtype=np.int64)
    histograms = {"head": COUNTS, "brain": COUNTS, "lesion": nothing, "ivh": nothing}
    text = svg_text(cohort(case(1, "n/a", None, histograms=histograms)), tmp_path / "a.svg")
    assert ">brain without blood<" in text
    assert ">lesion<" not in text


def test_a_data_set_that_cannot_be_read_is_not_drawn(tmp_path):
    with pytest.raises(BadInput, match="data check"):
        draw_cohort(cohort(), tmp_path / "a.png", title="t")


def test_spread_table_prints_what_exists():
    lines = printed(spread_table(cohort(case(1, lesion_ml=1.0), case(2, lesion_ml=3.0)))).splitlines()
    (lesion,) = [line for line in lines if line.startswith("lesion volume")]
    assert lesion.split()[3:] == ["2", "2.0", "1.5–2.5", "1.1–2.9", "1.0–3.0"]
    (ivh,) = [line for line in lines if line.startswith("IVH volume")]
    assert ivh.split()[3:] == ["0", *"––––"]


def test_problem_table_has_a_line_a_problem_and_shows_brackets_as_they_are():
    problems = [
        Problem(case_id="sub-1", kind="odd-values", severity="warning", message="CT is clipped to [-20, 100] HU"),
        Problem(case_id="", kind="unlisted-folder", severity="error", message="folder [b]"),
    ]
    report = CheckReport(case_ids=("sub-1",), trainable_ids=("sub-1",), problems=tuple(problems))
    lines = printed(problem_table(report)).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["error", "warning"]
    assert "data set" in lines[2]
    assert "folder [b]" in lines[2]
    assert "[-20, 100] HU" in lines[3]
