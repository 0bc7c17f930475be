"""A report names folders, machine and user where it is asked to, and nowhere else."""

from pathlib import Path

import pytest

from hemosweep.report.document.document import Document, Picture
from hemosweep.report.document.facts import ArmFacts, PairFacts, SweepFacts
from hemosweep.report.document.markdown import to_markdown
from hemosweep.report.document.provenance import Origin
from hemosweep.report.document.sweep_section import SweepPictures, report_document

OUT, DATA = Path("/srv/St Planted Hospital/planted runs"), Path("/srv/planted/scans of Jane")


def report(*, is_named: bool) -> Document:
    """A report in which every text that comes from elsewhere names a folder."""
    pair = PairFacts(
        a="a",
        b="b",
        verdict="cannot be compared",
        reason=f"Cannot be compared: {OUT} has no run 's/a'.",
        remarks=(f"{DATA}/sub-1.nii.gz is odd",),
        overlay=f"No pictures: {DATA} is away.",
    )
    sweep = SweepFacts(
        name="s",
        question="Which is better?",
        arms=(ArmFacts(name="a", missing="not trained"), ArmFacts(name="b", missing="not trained")),
        pairs=(pair,),
        runs=(),
        notices=(f"Made in {OUT}/log.txt",),
        missing=(f"a: {DATA}",),
    )
    picture = Picture(path="figures/s/arms.png", caption="All arms", alt="All arms")
    pictures = {"s": SweepPictures(overview=(picture,), by_pair={})}
    return report_document([sweep], pictures, Origin(out=OUT, data=DATA, is_named=is_named))


@pytest.fixture(autouse=True)
def planted(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "ws12.planted.example")
    monkeypatch.setenv("LOGNAME", "jane_planted")


def test_no_text_names_a_folder_a_machine_or_a_user():
    text = to_markdown(report(is_named=False)).replace("\\", "")
    assert "planted" not in text.lower()
    assert "[folder] has no run 's/a'" in text
    assert "sub-1.nii.gz is odd" in text
    assert "figures/s/arms.png" in text


def test_where_it_is_asked_to_a_section_names_them_all():
    document = report(is_named=True)
    assert document.sections[-1].title == "Origin"
    (table,) = document.sections[-1].blocks
    assert table.rows == (
        ("Output folder", str(OUT)),
        ("Data set", str(DATA)),
        ("Machine", "ws12.planted.example"),
        ("User", "jane_planted"),
    )
    assert f"{DATA}/sub-1.nii.gz is odd" in to_markdown(document).replace("\\", "")
