"""Rows of a finished sweep's arms, beside the paper's figures."""

import math

import pandas as pd
import pytest

from hemosweep.report.terminal.summary import arm_row

SMALL = {"a": 0.50, "b": 0.60, "c": 0.70, "d": 0.80}
IVH = {"a": "yes", "b": "no", "c": "no", "d": "n/a"}


def table(scores):
    rows = [{"case_id": case_id, "dsc": dsc, "ivh": IVH[case_id]} for case_id, dsc in scores.items()]
    return pd.DataFrame(rows).astype({"dsc": float})


def test_an_arm_shows_its_mean_its_spread_its_groups_and_the_papers_figures():
    row = arm_row("patchsize", "32x32x16", "32x32x16@1", table(SMALL), 12.5)
    assert row.arm == "32x32x16@1"
    assert row.dsc == (pytest.approx(0.65), pytest.approx(math.sqrt(0.05 / 3)))
    assert row.ivh == (pytest.approx(0.5), None)
    assert row.no_ivh == (pytest.approx(0.65), pytest.approx(math.sqrt(0.005)))
    assert (row.min, row.max, row.seconds, row.paper) == (0.5, 0.8, 12.5, (0.842, 0.115))


def test_an_arm_that_the_paper_does_not_print_has_no_figures_of_it():
    assert arm_row("patchsize", "8x8x8", "8x8x8", table(SMALL), 0.0).paper is None


def test_an_arm_without_a_score_has_no_numbers():
    row = arm_row("patchsize", "24x24x8", "24x24x8", table({"a": math.nan}), 0.0)
    assert (row.dsc, row.ivh, row.no_ivh, row.min, row.max) == (None, None, None, None, None)
