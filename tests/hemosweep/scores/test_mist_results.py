"""The columns of MIST's results.csv; whole files are in test_score_files.py."""

import pytest

from hemosweep.errors import BadInput
from hemosweep.scores.mist_results import best_columns, is_mist, mist_column


def test_a_table_of_mist_has_its_ids_and_a_metric_of_its_own():
    assert is_mist(["id", "tumor_dice"])
    assert is_mist(["x", "id", "tumor_lesion_wise_dice"])
    assert not is_mist(["id", "dice"])
    assert not is_mist(["id", "tumor_dsc"])
    assert not is_mist(["tumor_dice"])
    assert not is_mist(["id", "case_id", "tumor_dice"])


def test_a_column_of_mist_is_that_of_the_longest_metric_that_fits(tmp_path):
    columns = ["id", "a_dice", "a_lesion_wise_dice", "b_b_dice", "a_haus95"]
    assert mist_column(tmp_path, columns, "dsc", "b_b") == ("b_b_dice", ("a", "b_b"), "b_b")
    assert mist_column(tmp_path, columns, "lesion_wise_dice", None) == ("a_lesion_wise_dice", ("a",), "a")
    for metric in ("HD95_mm", "hd95", "haus95"):
        assert mist_column(tmp_path, columns, metric, None) == ("a_haus95", ("a",), "a")
    with pytest.raises(
        BadInput, match=r"no metric 'nsd'; it has dsc, lesion_wise_dice, hd95_mm \(its columns are id, a_d"
    ):
        mist_column(tmp_path, columns, "nsd", None)
    with pytest.raises(BadInput, match="scores of labels a; b_b; choose one with --label"):
        mist_column(tmp_path, columns, "dsc", None)


def test_the_best_score_of_a_column_is_that_of_its_metric():
    columns = ["id", "a_dice", "a_lesion_wise_dice", "b_dice", "a_haus95", "a_avg_surf", "a_surf_dice", "a_volume"]
    assert best_columns(columns, "a") == {
        **{"a_dice": 1.0, "a_lesion_wise_dice": 1.0, "a_surf_dice": 1.0},
        **{"a_haus95": 0.0, "a_avg_surf": 0.0},
    }
