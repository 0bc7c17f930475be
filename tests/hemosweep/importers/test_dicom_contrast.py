"""Contrast agent by the texts of a header, in the words of several languages, and the series that is taken then."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hemosweep.data.dicom.header import Header, read_headers
from hemosweep.importers.dicom import import_dicom
from hemosweep.importers.dicom_study import choose, find_studies
from hemosweep.importers.dicom_study.contrast import Contrast, contrast
from hemosweep.importers.dicom_study.texts import body_part
from hemosweep.importers.writer import ImportSummary
from tests.dicom_files import write_series, write_slice

THICK, THIN = (0.0, 5.0, 10.0, 15.0, 20.0), tuple(2.0 * index for index in range(11))


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Header]:
    path = tmp_path_factory.mktemp("header") / "slice.dcm"
    write_slice(path)
    (one,) = read_headers(path)
    return lambda **texts: replace(one, **texts)


def imported(folder: Path, *descriptions: str, **tags: str) -> ImportSummary:
    """A study whose series have the same slices, these descriptions and times of their own."""
    for number, text in enumerate(descriptions, start=1):
        write_series(folder / "in", THICK, series=number, SeriesDescription=text, AcquisitionTime=f"08{number}500")
    return import_dicom(folder / "in", folder / "out")


@pytest.mark.parametrize(
    "text",
    ["HEAD POST CONTRAST", "HEAD W/ CONTRAST", "HEAD_W_CONTRAST", "HEAD W CON", "HEAD POSTCON", "Head C+", "Head +C",
     "Head IV+", "Head CE 5.0", "CECT", "post iv", "Head contrast enhanced", "Head Iomeron", "non-ionic contrast",
     "Schaedel mit KM", "Kopf KM", "Kopf nach KM i.v.", "CRANE AVEC INJECTION", "TDM crane injecté", "CON CONTRASTE",
     "cabeza c/contraste", "cranio con mdc", "Głowa z kontrastem", "Голова контраст"],
)  # fmt: skip
def test_contrast_is_known_in_several_languages(header: Callable[..., Header], text: str) -> None:
    assert contrast(header(description=text)) is Contrast.GIVEN


@pytest.mark.parametrize(
    "text",
    ["Brain venous phase", "CTV", "venogram", "CTA venous", "delayed", "late phase", "Kopf venös", "Kopf Spätphase",
     "phase veineuse"],
)  # fmt: skip
def test_a_venous_or_late_phase_is_known_also_of_an_angiography(header: Callable[..., Header], text: str) -> None:
    assert contrast(header(description=text)) is Contrast.LATE


@pytest.mark.parametrize("text", ["CTA HEAD", "AngioHead", "arterial phase", "arterielle Phase", "Brain Perf 5.0"])
def test_an_arterial_phase_is_an_angiography(header: Callable[..., Header], text: str) -> None:
    assert contrast(header(description=text)) is Contrast.ANGIOGRAPHY


@pytest.mark.parametrize(
    "text",
    ["HEAD W/O CONTRAST", "HEAD WO CON", "HEAD W/O IV CONTRAST", "CT HEAD WITH NO CONTRAST", "NONCONTRAST", "NON CON",
     "NCCT", "unenhanced", "precontrast", "contrast not given", "contrast: none", "Head no delay", "Head C-",
     "Schaedel nativ", "Kopf ohne i.v. KM", "Kopf KM- 5.0", "KM: nein", "vor KM", "CRANE SANS INJECTION",
     "TDM non injecté", "sans produit de contraste", "sin contraste", "senza mdc", "sem contraste", "zonder contrast",
     "bez kontrastu", "kontrastsiz", "без контраста"],
)  # fmt: skip
def test_a_denial_of_contrast_is_known_in_several_languages(header: Callable[..., Header], text: str) -> None:
    assert contrast(header(description=text)) is Contrast.SAID_WITHOUT


@pytest.mark.parametrize(
    "text",
    ["HEAD 7.5", "Head post op 5.0", "post trauma", "pre-op", "head injury", "contusion", "concussion", "control",
     "conebeam", "Contre-coup", "Icecream", "High contrast", "Edge enhanced", "angioma f/u", "perforated", "C-Spine",
     "Head C1-C2", "venous sinus thrombosis?", "Head with tilt", "Kopf 5 cm", "octane"],
)  # fmt: skip
def test_a_word_that_only_resembles_contrast_says_nothing(header: Callable[..., Header], text: str) -> None:
    assert contrast(header(description=text)) is Contrast.UNSAID


@pytest.mark.parametrize(
    "text",
    ["HEAD W & W/O CONTRAST", "HEAD W/WO", "without and with contrast", "pre and post contrast", "mit und ohne KM",
     "avec et sans injection", "Head post", "HEAD POST 5.0 mm", "Kopf mit", "HEAD W/"],
)  # fmt: skip
def test_with_and_without_in_one_text_or_half_a_word_is_unclear(header: Callable[..., Header], text: str) -> None:
    assert contrast(header(description=text)) is Contrast.UNCLEAR


@pytest.mark.parametrize(
    "agent", ["Nein", "NULL", "False", "Unknown", "IV contrast not given", "keine", "0 ml", "não", "nicht gegeben"]
)
def test_an_agent_s_tag_that_says_no_names_no_agent(header: Callable[..., Header], agent: str) -> None:
    assert contrast(header(description="Head", contrast_agent=agent)) is Contrast.UNSAID


@pytest.mark.parametrize(
    "text", ["CRANE", "Crâne", "cabeza", "Cabeça", "testa", "hoofd", "głowa", "encéphale", "hersenen", "Голова"]
)
def test_the_head_is_known_in_several_languages(header: Callable[..., Header], text: str) -> None:
    assert body_part(header(description=text, study_text="")).head is True
    assert body_part(header(description="contestation", study_text="", protocol="")).head is None


@pytest.mark.parametrize(
    ("with_contrast", "plain"),
    [("HEAD W/ CONTRAST", "HEAD W/O CONTRAST"), ("Head C+", "Head C-"), ("Schaedel mit KM", "Schaedel nativ"),
     ("CRANE AVEC INJECTION", "CRANE SANS INJECTION"), ("Brain venous phase", "Brain")],
)  # fmt: skip
def test_a_head_after_contrast_is_neither_the_plain_ct_nor_the_angiography(
    tmp_path: Path, with_contrast: str, plain: str
) -> None:
    summary = imported(tmp_path, with_contrast, plain)
    assert (summary.written, summary.warnings) == (("sub-001",), {})
    by = "a venous or late phase" if "venous" in with_contrast else "so"
    assert summary.notes == (
        f"1 of 1 cases (sub-001): its 2 series: 1 out (has contrast (its description says {by}), which is no "
        "angiography); 2 ct (is the only plain head CT)",
    )
    assert not list((tmp_path / "out").rglob("*_cta.nii.gz"))


def test_a_named_angiography_is_better_than_a_longer_series_with_an_agent(tmp_path: Path) -> None:
    write_series(tmp_path, THICK, series=1, SeriesDescription="Head")
    write_series(tmp_path, THIN, series=2, SeriesDescription="Head 2.0", ContrastBolusAgent="Iomeron")
    write_series(tmp_path, THICK, series=3, SeriesDescription="CTA head")
    (group,) = find_studies(tmp_path).cases.values()
    assert [(one.take.value, one.reason) for one in choose(group).decisions] == [
        ("ct", "is the only plain head CT"),
        ("out", "has contrast (an agent is named), but is not described as an angiography, as 3 is"),
        ("cta", "has contrast (its description says angiography or perfusion)"),
    ]


def test_a_series_that_is_described_as_plain_is_better_than_one_that_says_nothing(tmp_path: Path) -> None:
    summary = imported(tmp_path, "Head Übersicht", "Head nativ")
    assert summary.warnings["sub-001"] == (
        "series 2 of 2 is taken; 1 would do as well (import the study alone with --series)",
    )
    assert "2 ct (is the best of 2 plain head CTs: it is described as without contrast)" in summary.notes[0]


def test_a_text_that_may_mean_contrast_is_told_and_comes_last(tmp_path: Path) -> None:
    summary = imported(tmp_path, "Head post", "Head")
    assert "2 ct (is the best of 2 plain head CTs: it is surer that it has no contrast)" in summary.notes[0]
    alone = imported(tmp_path / "alone", "Head post")
    assert alone.warnings["sub-001"] == (
        "series 1 of 1: its description may mean contrast; look at it, and decide with --series or in a table "
        "(--dry-run) if it has contrast",
    )


def test_two_series_that_only_unknown_words_tell_apart_are_told(tmp_path: Path) -> None:
    summary = imported(tmp_path, "Head fuarán", "Head gan", "Head fuarán 2")
    assert summary.warnings["sub-001"][1] == (
        "series 1 of 3 and 2 are alike but for their descriptions, and none of these says whether there is contrast: 1 "
        "is taken; look at it, and decide with --series or in a table (--dry-run) if it has contrast"
    )
    for number, text in enumerate(("Head soft", "Head smooth"), start=1):
        write_series(tmp_path / "one", series=number, SeriesDescription=text, AcquisitionTime="081500")
    (group,) = find_studies(tmp_path / "one").cases.values()
    assert len(choose(group).warnings) == 1, "two reconstructions of one acquisition"
