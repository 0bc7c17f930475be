"""`hemosweep report`: the study beside the paper, from recorded runs to a page in a browser."""

import html
import json
import re
import shutil
import statistics
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from hemosweep.tracking.database import tagged_runs
from hemosweep.tracking.reader import MlflowStore
from tests.chrome import chrome, needs_chrome, resize
from tests.recorded import MIDDLE

NAMES = ["cases", "figures", "index.html", "report.md", "report.tex"]


@pytest.fixture(scope="session")
def finished(recorded, tmp_path_factory):
    """A copy of the recorded runs with the report of three sweeps; no test changes it."""
    from hemosweep.workflows.report import make_report

    out = shutil.copytree(recorded.out, tmp_path_factory.mktemp("report") / "runs")
    return make_report(out, ("angio", "patchsize", "se"), to=None, data=None)


def rows(markdown, name):
    """The cells of every table row that begins so."""
    return [
        [cell.strip().replace("\\", "").replace("\N{NO-BREAK SPACE}", " ") for cell in line.strip("|").split(" | ")]
        for line in markdown.splitlines()
        if line.startswith(f"| {name} ")
    ]


def test_a_report_has_its_sweeps_in_the_papers_order_and_every_file(finished):
    assert finished.sweeps == ("se", "patchsize", "angio")
    assert sorted(path.name for path in finished.folder.iterdir()) == NAMES
    assert sorted(f"figures/{path.name}" for path in (finished.folder / "figures").iterdir()) == sorted(
        finished.figures
    )
    assert len(finished.figures) == 1 + (3 + 2 * 3) + 1
    page = (finished.folder / "index.html").read_text()
    assert [name for name in re.findall(r'<section id="(\w+)"', page) if name in finished.sweeps] == [*finished.sweeps]
    for name in finished.figures:
        with Image.open(finished.folder / name) as opened:
            assert min(opened.size) > 300
        for text in ("report.md", "report.tex"):
            assert name in (finished.folder / text).read_text()


def test_rows_hold_both_figures_both_verdicts_and_what_is_missing(finished):
    text = (finished.folder / "report.md").read_text()
    (row, *_) = rows(text, "32x32x16")
    assert row[1:3] == ["0.842 ± 0.115", f"0.715 ± {statistics.stdev(MIDDLE):.3f}"]
    assert (row[3], row[4], row[6]) == ("24x24x8", "+0.083", "better (p < 0.001)")
    assert row[7].startswith("higher on these trained models, no claim (Holm p = 0.")
    (cta, *_) = rows(text, "ncct+cta")
    assert cta[5:] == ["–", "worse (p < 0.001)", "not comparable"]
    (se, *_) = rows(text, "se\\_unet")
    assert (se[2], se[7]) == ("not trained", "not finished")
    assert "data set content differs (A: data, B: another)" in text.replace("\\", "")
    assert "no reproduction of the paper" in text
    assert "No pictures of cases: the predictions of 24x24x8, seed 0, are not kept" in text.replace("\\", "")


def test_a_report_tells_no_path_and_no_host(finished):
    for name in ("index.html", "report.md", "report.tex"):
        text = re.sub(r"base64,[^\"]+", "", (finished.folder / name).read_text())
        assert str(finished.folder.parent) not in text
        assert "/tmp" not in text


def test_a_report_is_the_artifacts_of_one_run_a_sweep_and_no_arm(finished):
    out = finished.folder.parent
    logged = {run.tags["hemosweep.sweep"]: run for run in tagged_runs(out, "hemosweep/", "hemosweep.level", "report")}
    assert {name: run.run_id for name, run in logged.items()} == finished.runs
    assert {run.status for run in logged.values()} == {"FINISHED"}
    artifacts = out / "artifacts" / "patchsize" / finished.runs["patchsize"] / "artifacts"
    assert sorted(path.name for path in artifacts.iterdir()) == ["cases.html", "report"]
    assert sorted(path.name for path in (artifacts / "report").iterdir()) == NAMES[1:]
    assert len(list((artifacts / "report" / "figures").iterdir())) == 9
    own = finished.folder / "cases" / "patchsize.html"
    assert (artifacts / "cases.html").read_bytes() == own.read_bytes()
    # Beside an artifact there is no other file to lead to.
    assert "cases/" not in (artifacts / "report" / "report.md").read_text()
    assert not {run.run_id for run in MlflowStore(out).list_runs()} & set(finished.runs.values())


def test_a_comparison_and_a_case_lead_to_the_case_page(finished):
    names = sorted(path.name for path in (finished.folder / "cases").iterdir())
    assert [name for name in names if "-to-" not in name] == ["angio.html", "patchsize.html", "se.html"]
    page = (finished.folder / "index.html").read_text()
    links = [html.unescape(link) for link in re.findall(r'href="(cases/[^"]+)"', page)]
    pair = "cases/patchsize.html#a=24x24x8&b=32x32x16"
    assert links.count(pair) == 3, "at a glance, among the tests and among the claims"
    assert any(link.startswith(f"{pair}&case=") for link in links)
    assert "patchsize-24x24x8-to-32x32x16.html" in names
    assert "cases/patchsize-24x24x8-to-32x32x16.html" in page
    assert {link.partition("#")[0].removeprefix("cases/") for link in links} <= set(names)


@pytest.mark.slow
def test_a_second_report_is_the_same_bytes_and_the_same_runs(main, finished, tmp_path):
    out = shutil.copytree(finished.folder.parent, tmp_path / "runs")
    before = {path.relative_to(out): path.read_bytes() for path in (out / "report").rglob("*") if path.is_file()}
    code, stdout, stderr = main("report", "se", "patchsize", "angio", "--out", out, "--json")
    assert code == 0, stderr
    told = json.loads(stdout)
    assert told["runs"] == finished.runs
    assert told["page"] == str(out / "report" / "index.html")
    after = {path.relative_to(out): path.read_bytes() for path in (out / "report").rglob("*") if path.is_file()}
    assert {path for path in after if after[path] != before.get(path)} == set()
    assert before.keys() == after.keys()


def test_the_paths_are_told_on_standard_output(main, recorded, tmp_path):
    out = shutil.copytree(recorded.out, tmp_path / "runs")
    code, stdout, _ = main("report", "noise", "--out", out, "--to", tmp_path / "elsewhere")
    assert (code, stdout.splitlines()) == (0, [str(tmp_path / "elsewhere" / name) for name in NAMES[2:]])
    text = (tmp_path / "elsewhere" / "report.md").read_text()
    assert ["baseline", "8", "0.675, 0.705, 0.665", "0.021 [0.011, 0.131]", "0.040"] in rows(text, "baseline")


def test_with_a_margin_equivalence_is_tested_and_said(main, recorded, tmp_path):
    out = shutil.copytree(recorded.out, tmp_path / "runs")
    code, _, said = main("report", "patchsize", "--out", out, "--margin", 0.9)
    assert code == 0, said
    text = (out / "report" / "report.md").read_text()
    assert "are equivalent within ±0.9 DSC" in text
    assert "| equivalence | within ±0.9 DSC: p" in text
    code, _, said = main("report", "patchsize", "--out", out, "--margin", 0)
    assert (code, said.strip()) == (
        2,
        "error: equivalence margin 0: give the largest difference that does not matter, above 0",
    )


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["patches"], "unknown sweep 'patches' (is it patchsize?); there is se, loss"),
        (["search-patch"], "search-patch is a search"),
        (["final"], "sweep final has no finished run"),
        (["--out", "{empty}"], "has no runs; start one with"),
        (["se", "--data", "{empty}"], "no such data folder"),
        (["se", "--to", "{mine}"], "holds something else than a report, which would be lost"),
    ],
)
def test_what_cannot_be_reported_is_one_line(main, recorded, tmp_path, arguments, part):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    places = {"empty": tmp_path / "empty", "mine": mine}
    given = [argument.format(**places) for argument in arguments]
    code, stdout, stderr = main("report", *(given if "--out" in given else [*given, "--out", recorded.out]))
    assert (code, stdout) == (2, "")
    (line,) = stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert part in line
    assert (mine / "notes.txt").read_text() == "mine"
    assert not (recorded.out / "report").exists()


@pytest.mark.slow
@pytest.mark.browser
@needs_chrome
def test_a_browser_shows_tables_and_pictures_from_the_file_alone(finished, tmp_path):
    alone = Path(shutil.copy(finished.folder / "index.html", tmp_path / "page.html"))
    with chrome(tmp_path / "profile", "browser", "performance") as driver:
        driver.get(alone.as_uri())
        widths = driver.execute_script("return [...document.images].map(image => image.naturalWidth)")
        tables = driver.execute_script("return [...document.querySelectorAll('table')].map(t => t.rows.length)")
        scopes = driver.execute_script("return [...document.querySelectorAll('th')].every(th => th.scope)")
        alts = driver.execute_script("return [...document.images].every(image => image.alt.length > 20)")
        hidden = {}
        for width in (1280, 390):
            resize(driver, width, 900)
            hidden[width] = driver.execute_script(
                "return [...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth)"
                ".map(e => e.getAttribute('aria-label'))"
            )
        resize(driver, 1000, 900)
        scrolled, cut = driver.execute_script(
            "const tables = [...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth);"
            "const right = e => e.getBoundingClientRect().right;"
            "return [tables.length, tables.filter(e => right(e.querySelector('caption span')) > right(e) + 1).length]"
        )
        resize(driver, 390, 900)
        overflow = driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
        said = driver.get_log("browser")
        sent = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    assert len(widths) == len(finished.figures)
    assert min(widths) > 300
    # At a glance; the table, IVH, cases, tests, claims, lesion volumes, provenance twice for each; another metric,
    # seeds, ranks, and the numbers and the cases of two comparisons of patchsize; claims, headline and Table 6 of the
    # paper; five parts of the list of readings.
    assert len(tables) == 1 + 3 * 8 + 7 + 3 + 5
    assert hidden == {1280: [], 390: []}, "columns behind a scrollbar"
    assert scrolled > 0
    assert cut == 0, "captions behind a scrollbar"
    assert min(tables) >= 2
    assert scopes
    assert alts
    assert overflow <= 0
    assert said == []
    # The browser's own empty tab asks for things, too.
    of_page = [
        m["params"]["request"]["url"]
        for m in sent
        if m["method"] == "Network.requestWillBeSent" and m["params"]["documentURL"] == alone.as_uri()
    ]
    assert alone.as_uri() in of_page
    assert {url for url in of_page if not url.startswith(("data:", alone.as_uri()))} == set()


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="pdflatex is absent (Debian's texlive-latex-extra, lmodern)"
)
def test_latex_compiles_to_vector_fonts_without_a_line_or_a_float_that_does_not_fit(finished, tmp_path):
    folder = shutil.copytree(finished.folder, tmp_path / "report")
    for _ in range(2):
        command = ("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex")
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    log = (folder / "report.log").read_text(errors="replace")
    too_wide = [float(points) for points in re.findall(r"Overfull .hbox .([0-9.]+)pt too wide", log)]
    assert [points for points in too_wide if points > 5] == []
    assert "Float too large" not in log
    assert "Font Warning" not in log
    fonts = subprocess.run(("pdffonts", "report.pdf"), cwd=folder, capture_output=True, text=True, check=True).stdout
    assert "Type 3" not in fonts, "fonts of pixels"
