"""The case page at the end of a sweep, and the same page in a report."""

import errno
import io
import shutil

import pytest
from rich.console import Console

from hemosweep.ablation.catalogue import find_sweep
from hemosweep.comparison.family import compare_family
from hemosweep.engine.request import Request
from hemosweep.errors import HemosweepError
from hemosweep.sweeps.base import profile
from hemosweep.tracking.database import database_path
from hemosweep.tracking.reader import MlflowStore
from hemosweep.workflows.report import make_report
from hemosweep.workflows.sweeping.case_page import case_page_note
from tests.hemosweep.report.cases.decode import scripts_of
from tests.recorded import MIDDLE, SMALL, Book, cases

SWEEP = find_sweep("se")
READ = "hemosweep.workflows.reporting.case_pages.read_pictures"
KILLED = "a process was killed, for lack of memory perhaps; give fewer --jobs and start again"


@pytest.fixture
def empty(migrated_database, tmp_path):
    folder = tmp_path / "two words" / "runs"
    folder.mkdir(parents=True)
    shutil.copyfile(migrated_database, database_path(folder))
    return folder


@pytest.fixture
def out(empty):
    book = Book(empty)
    for arm, scores in (("unet", SMALL), ("se_unet", MIDDLE)):
        book.write(f"se/{arm}@0", cases(scores))
    return empty


def ended(out):
    """Function that writes the page as the end of a sweep does, and returns its note."""
    demo = profile("demo")
    arms = SWEEP.select(demo.config, ())
    request = Request(sweep=SWEEP, profile=demo, base=demo.config, arms=arms, seeds=(0,), data=None, out=out)
    family = compare_family(MlflowStore(out), "se", SWEEP.comparisons)
    return lambda: case_page_note(request, request.sweep.declaration, family, Console(file=io.StringIO()))


@pytest.fixture
def note(out):
    return ended(out)


@pytest.fixture
def page(out):
    return out / "figures" / "se" / "cases.html"


def killed(*_, **__):
    raise HemosweepError(KILLED)


def test_the_page_at_the_end_of_a_sweep_is_that_of_the_report(note, out, page, tmp_path):
    assert note() == f"Case page: {page}"
    make_report(out, ["se"], to=tmp_path / "report")
    assert page.read_bytes() == (tmp_path / "report" / "cases" / "se.html").read_bytes()
    (logged,) = out.glob("artifacts/se/*/artifacts/cases.html")
    assert logged.read_bytes() == page.read_bytes()
    summary, _ = scripts_of(page.read_text())
    assert [(arm["name"], arm["trainings"]) for arm in summary["arms"]] == [
        ("unet", ["seed 0"]), ("se_unet", ["seed 0"])
    ]  # fmt: skip
    assert summary["pairs"][0]["mean"] == pytest.approx(0.04)


def test_a_sweep_without_a_finished_run_has_no_page(empty):
    Book(empty).write("se/unet@0", None, status="KILLED")
    assert ended(empty)() == ""
    assert not (empty / "figures").exists()


def test_a_killed_process_costs_the_page_and_no_result_and_no_report(note, out, tmp_path, monkeypatch):
    monkeypatch.setattr(READ, killed)
    assert note() == f"No case page: {KILLED}."
    report = make_report(out, ["se"], to=tmp_path / "report")
    assert report.warnings == (f"se has no case page: {KILLED}",)
    assert report.case_pages == ()
    text = (tmp_path / "report" / "index.html").read_text()
    assert "cases/" not in text
    assert "unet" in text


def test_a_page_that_mlflow_has_not_got_is_a_page(note, page, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "artifacts")

    monkeypatch.setattr("hemosweep.tracking.reports.log_case_page", full)
    why = "artifacts: No space left on device; free some space there"
    assert note() == f"Case page: {page} (MLflow has not got it: {why})"


def test_no_folder_above_the_output_folder_is_on_the_page(note, page, out, monkeypatch):
    reason = f"no permission in {out.parent}"
    monkeypatch.setattr(READ, lambda facts, **_: {row["case_id"]: {"missing": reason} for row in rows_of(facts)})
    note()
    _, pictures = scripts_of(page.read_text())
    assert pictures[0] == {"missing": "no permission in [folder]"}


def rows_of(facts):
    return facts.arms[0].trainings[0].cases.to_dict("records")
