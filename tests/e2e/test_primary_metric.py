"""An ablation that declares another primary metric than the DSC: every road to a verdict takes it."""

import json

import pytest

from tests.e2e.stand_in import MIDDLE, SMALL, Child, stand_in, with_store

FILE = """
from dataclasses import replace
from hemosweep.sweeps.patchsize import SWEEP as PATCHSIZE
SWEEP = replace(PATCHSIZE, name="boundary", primary_metric={metric!r})
"""


@pytest.fixture
def out(tmp_path, migrated_database):
    return with_store(tmp_path / "runs", migrated_database)


@pytest.fixture
def sweep(main, phantoms, out, monkeypatch, tmp_path):
    stand_in(monkeypatch, Child())

    def sweep(*options, metric="nsd"):
        file = tmp_path / "boundary.py"
        file.write_text(FILE.format(metric=metric))
        where = ("--data", phantoms, "--profile", "demo", "--folds", 2, "--arms", f"{SMALL},{MIDDLE}", "--out", out)
        return main("sweep", file, *where, *options)

    return sweep


def test_the_declared_metric_decides_on_every_road(sweep, main, out, tmp_path):
    code, stdout, stderr = sweep("--json")
    assert code == 0, stderr
    (row,) = json.loads(stdout)["comparisons"]
    assert (row["metric"]["name"], row["claim"]["basis"]) == ("nsd", "folds")
    code, stdout, stderr = sweep()
    assert "Comparisons are by nsd, which the ablation declares as its primary metric." in stdout

    (tmp_path / "boundary.py").unlink()  # What was declared is in the output folder.
    family = json.loads(main("compare-all", "boundary", "--out", out, "--json")[1])
    assert family["metric"] == "nsd"
    assert [one["claim"] for one in family["comparisons"]] == [row["claim"]]
    by_hand = main("compare", f"boundary/{SMALL}", f"boundary/{MIDDLE}", "--metric", "nsd", "--out", out, "--json")[1]
    assert json.loads(by_hand)["verdict"] == row["verdict"]
    assert json.loads(main("power", "boundary", "--out", out, "--json")[1])["metric"] == "nsd"
    assert json.loads(main("compare-all", "boundary", "--metric", "dsc", "--out", out, "--json")[1])["metric"] == "dsc"

    code, _, stderr = main("report", "boundary", "--out", out, "--to", tmp_path / "report")
    assert code == 0, stderr
    text = (tmp_path / "report" / "report.md").read_text()
    label = row["metric"]["label"]
    assert f"boundary: mean {label} ± standard deviation" in text
    assert "HD95 in mm (lower is better), a secondary metric" in text
    assert row["verdict"] in text.replace("\\", "")


def test_a_metric_that_no_case_is_scored_by_is_named_at_the_end(sweep):
    code, stdout, _ = sweep(metric="blood")
    assert code == 0
    assert "no metric 'blood'; it has dsc," in stdout


@pytest.mark.parametrize("metric", ["", 3, "a b"])
def test_what_is_no_name_of_a_metric_is_refused(sweep, metric):
    code, stdout, stderr = sweep(metric=metric)
    assert (code, stdout) == (2, "")
    assert f"primary_metric is {metric!r}; give a metric's name, such as 'nsd'" in stderr
    assert stderr.count("\n") == 1
