"""`hemosweep report`: what is refused before a folder is touched, and the report of runs whose predictions are gone."""

import math
import shutil
from dataclasses import replace

import pytest

from hemosweep.ablation.catalogue import find_sweep
from hemosweep.errors import BadInput
from hemosweep.tracking.database import database_path
from hemosweep.workflows.compare_all import compare_all
from hemosweep.workflows.power import power
from hemosweep.workflows.predict import predict_scans
from hemosweep.workflows.report import make_report
from tests.recorded import MIDDLE, SMALL, Book, cases


@pytest.fixture
def write(migrated_database, tmp_path):
    """Writes two finished runs of `se` into an output folder; `columns` are changed in both case tables."""

    def write(**columns):
        folder = tmp_path / "runs"
        folder.mkdir()
        shutil.copyfile(migrated_database, database_path(folder))
        book = Book(folder)
        for arm, scores in (("unet", SMALL), ("se_unet", MIDDLE)):
            book.write(f"se/{arm}@0", cases(scores).assign(**columns))
        return folder

    return write


@pytest.fixture
def out(write):
    return write()


def test_a_report_is_one_folder_with_its_three_documents(out, tmp_path):
    result = make_report(out, ["se"], to=tmp_path / "report")
    assert result.sweeps == ("se",)
    assert [path.name for path in map(tmp_path.__class__, result.as_lines())] == [
        "index.html", "report.md", "report.tex"
    ]  # fmt: skip
    assert all((tmp_path / "report" / name).is_file() for name in ("index.html", "report.md", "report.tex"))
    assert "unet" in (tmp_path / "report" / "report.md").read_text()


def test_a_report_that_replaces_one_of_another_subject_says_so(out, tmp_path):
    to = tmp_path / "report"
    assert make_report(out, ["se"], to=to).warnings == make_report(out, ["se"], to=to).warnings
    book = Book(out)
    for arm, scores in (("3000", SMALL), ("500->3000", MIDDLE)):
        book.write(f"augmentation/{arm}@0", cases(scores))
    warnings = make_report(out, ["augmentation"], to=to).warnings
    assert "the report of before (Ablation se) is replaced; --to FOLDER writes one beside it" in warnings


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["search-patch"], "search-patch is a search, not an ablation"),
        (["ses"], "unknown sweep 'ses'"),
        (["loss"], "sweep loss has no finished run in "),
    ],
)
def test_what_has_no_report_is_refused_and_nothing_is_written(out, tmp_path, names, said):
    with pytest.raises(BadInput, match=said):
        make_report(out, names, to=tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_prediction_with_a_run_whose_fold_runs_are_gone_is_refused(out, tmp_path):
    scan = tmp_path / "scan.nii.gz"
    scan.touch()
    with pytest.raises(BadInput, match="run se/unet@0: the store has 0 of its folds, not all; run its sweep again"):
        predict_scans(str(out), str(scan), run="se/unet", to=str(tmp_path / "to"))


def test_the_boundary_stands_beside_the_dsc_and_the_dsc_beside_the_boundary(out, tmp_path):
    make_report(out, ["se"], to=tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "se: mean DSC ± standard deviation" in text
    assert "HD95 in mm (lower is better), a secondary metric" in text
    assert "| 0.765 ± 0.217 |" in text, "the paper's DSC"
    make_report(out, ["se"], to=tmp_path / "report", metric="hd95_mm")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "se: mean HD95 ± standard deviation" in text
    assert "DSC (higher is better), a secondary metric" in text
    assert "no part of the family of the primary metric, HD95" in text
    # 0 to 7 mm: mean 3.5, and a standard deviation of the square root of 6.
    assert "| unet | 3.5 ± 2.45 |" in text
    assert "0.765" not in text, "the paper prints no HD95"
    assert "Mean HD95" not in text, "two arms have no ranks"


def test_a_metric_that_no_run_has_is_refused(out, tmp_path):
    for metric in ("blood", "fold"):
        with pytest.raises(BadInput, match=f"--metric {metric}: no run of se has it; they have .*hd95_mm"):
            make_report(out, ["se"], to=tmp_path / "report", metric=metric)
    assert not (tmp_path / "report").exists()


def test_the_primary_metric_of_an_ablation_decides_where_no_other_is_asked_for(out, tmp_path, monkeypatch):
    declared = replace(find_sweep("se").declaration, primary_metric="hd95_mm")
    for module in ("report", "compare_all", "power"):
        monkeypatch.setattr(f"hemosweep.workflows.{module}.find_declared", lambda out, name, named=None: declared)
    make_report(out, ["se"], to=tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "se: mean HD95 ± standard deviation" in text
    assert compare_all(out, "se").metric == "hd95_mm"
    assert compare_all(out, "se", metric="dsc").metric == "dsc"
    with pytest.raises(BadInput, match="no comparison shows what trainings do"):
        power(out, "se")  # Every case has the same distance in both.


def test_runs_without_a_boundary_metric_have_their_report_all_the_same(write, tmp_path):
    make_report(write(hd95_mm=math.nan), ["se"], to=tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text().replace("\N{NO-BREAK SPACE}", " ")
    (row,) = [line for line in text.splitlines() if "not testable: fewer than two pairs" in line]
    assert row.startswith("| unet")
    assert " | 0 | " in row
