"""The list of readings in a report: every choice is a row, in each language."""

import pytest

from hemosweep.report.document.document import Document, Table
from hemosweep.report.document.latex import escape as latex_text
from hemosweep.report.document.latex import to_latex
from hemosweep.report.document.markdown import escape as markdown_text
from hemosweep.report.document.markdown import to_markdown
from hemosweep.report.document.page import to_page
from hemosweep.report.document.reading_tables import readings_section
from hemosweep.report.document.sweep_section import SweepPictures, report_document
from hemosweep.sweeps.reading_list import count_readings, readings
from tests.hemosweep.report.test_report_rows import facts


def test_every_choice_is_a_row_and_the_kinds_are_counted():
    opening, *tables = readings_section().blocks
    rows = [row for table in tables if isinstance(table, Table) for row in table.rows]
    assert [row[:4] for row in rows] == [(one.choice, one.value, one.kind, one.where) for one in readings()]
    for kind in ("printed", "inferred", "changed"):
        assert f"{count_readings(kind)} " in opening.text


@pytest.fixture(scope="module")
def report() -> Document:
    return report_document([facts()], {"se": SweepPictures(by_pair={})})


def test_a_report_of_any_sweep_has_the_readings_last(report):
    assert report.sections[-1] == readings_section()
    assert len({section.anchor for section in report.sections}) == len(report.sections)


def test_each_language_has_every_choice(report, tmp_path):
    page, markdown, latex = to_page(report, tmp_path), to_markdown(report), to_latex(report)
    for one in readings():
        assert markdown_text(one.choice) in markdown
        assert latex_text(one.value) in latex
    assert page.count(">inferred<") == count_readings("inferred")
