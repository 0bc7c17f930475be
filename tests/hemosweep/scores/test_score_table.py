"""Delimited text as columns; what is refused is in test_score_files.py."""

from pathlib import Path

import pytest

from hemosweep.errors import BadInput
from hemosweep.scores.score_table import read_table

FILE = Path("a.csv")


def test_columns_keep_their_names_but_for_the_case_of_those_that_are_asked_for():
    table = read_table(FILE, "Case_ID,DSC,Note\n 001 ,0.5, x \n", ["case_id", "dsc"])
    assert table.columns == {"case_id": ["001"], "dsc": ["0.5"], "Note": ["x"]}
    both = read_table(FILE, "DSC,dsc,case_id\n1,2,3\n", ["dsc"])
    assert both.columns == {"DSC": ["1"], "dsc": ["2"], "case_id": ["3"]}
    unclear = read_table(FILE, "DSC,Dsc,case_id\n1,2,3\n", ["dsc"])
    assert list(unclear.columns) == ["DSC", "Dsc", "case_id"]


def test_a_column_that_is_there_twice_is_refused_where_it_is_needed():
    table = read_table(FILE, "case_id,dsc,dsc\n001,0.5,0.6\n", [])
    assert table.column("case_id") == ["001"]
    with pytest.raises(BadInput, match=r"a\.csv: more than one column dsc; keep one of each"):
        table.column("dsc")


@pytest.mark.parametrize(("text", "value"), [("0.5", 0.5), ("1e-3", 0.001), ("-inf", -float("inf")), ("#N/A", None)])
def test_a_cell_is_a_number_or_missing(text, value):
    assert read_table(FILE, "case_id,x\n1,2\n", []).number(text) == value


@pytest.mark.parametrize("text", ["half", "1_0", "0,5", "+NAN ", "0x1"])
def test_what_is_no_number_is_refused(text):
    table = read_table(FILE, "case_id,x\n1,2\n", [])
    with pytest.raises(ValueError, match=text.strip()[1:]):
        table.number(text)


def test_semicolons_come_with_decimal_commas():
    table = read_table(FILE, "case_id;x\n1;0,5\n", [])
    assert table.number(table.column("x")[0]) == 0.5


def test_lines_are_kept_where_it_is_asked_for():
    table = read_table(FILE, "id,x\na,1\nb,2\nc,3\n", [])
    assert table.where([True, False, True]).columns == {"id": ["a", "c"], "x": ["1", "3"]}
