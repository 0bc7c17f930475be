"""An output folder that an earlier version wrote: its runs are listed and compared as that version did.

`tests/fixtures/earlier_out` holds the sweeps `patchsize` (two seeds) and `noise` over six phantom cases in two folds,
without checkpoints, predictions and pictures, and what the version that trained them printed of it.
"""

import json
import math
import tarfile
from pathlib import Path

import pytest

EARLIER = Path(__file__).parents[1] / "fixtures" / "earlier_out"
CHANGED = {
    "outcome": "rests on the claim's p, which counts seeds and folds, and no longer on the limit of seed noise",
    "verdict": "tells the outcome with the claim's p and what it counts",
    "family_verdict": "as `verdict`",
    "holm_p": "adjusts the claim's p over the declared comparisons, and no longer the p over cases",
    "bh_p": "as `holm_p`",
    "seed_noise": "`claim` and `seeds` are there in its place",
}
"""Keys whose values differ on purpose from those of the version that wrote the folder, with the reason."""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(EARLIER / "out.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "out"


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("runs", ("runs", "--cases")),
        ("compare", ("compare", "patchsize/24x24x8", "patchsize/32x32x16")),
        ("compare-all", ("compare-all", "patchsize")),
    ],
)
def test_its_runs_are_told_with_the_same_keys_and_numbers(main, out, name, command):
    code, stdout, stderr = main(*command, "--out", out, "--json")
    assert (code, stderr) == (0, "")
    assert differences(json.loads((EARLIER / f"{name}.json").read_text()), json.loads(stdout)) == []


def test_what_it_told_of_the_seeds_is_told_beside_the_claim(main, out):
    _, stdout, _ = main("compare-all", "patchsize", "--out", out, "--json")
    earlier = json.loads((EARLIER / "compare-all.json").read_text())["comparisons"]
    assert len(earlier) == 2
    for before, now in zip(earlier, json.loads(stdout)["comparisons"], strict=True):
        seeds = {arm: before["seed_noise"][arm] for arm in ("a", "b", "baseline")}
        assert seeds["a"]["num_seeds"] == seeds["b"]["num_seeds"] == 2
        assert differences(seeds, now["seeds"]) == []
        assert (now["claim"]["basis"], now["claim"]["num_seeds_a"], now["claim"]["num_seeds_b"]) == ("seeds", 2, 2)
        assert CHANGED.keys() <= before.keys()


def test_its_verdicts_are_those_of_the_claim_over_the_declared_comparisons(main, out):
    _, stdout, _ = main("compare-all", "patchsize", "--out", out, "--json")
    first, second = json.loads(stdout)["comparisons"]
    assert [row["outcome"] for row in (first, second)] == ["trained_models", "no_evidence"]
    assert first["p"] < 0.05 < first["claim"]["p"] < second["claim"]["p"]
    assert first["holm_p"] == pytest.approx(2 * first["claim"]["p"])
    assert second["holm_p"] == second["bh_p"] == pytest.approx(second["claim"]["p"])


def differences(earlier, now, place=""):
    """The places where a value of before is missing or another one; new keys are no difference."""
    if place.endswith(".forest") or place.rpartition(".")[2] in CHANGED:  # Forest: a path of the machine that wrote it.
        return []
    if isinstance(earlier, dict) and isinstance(now, dict):
        missing = [f"{place}.{key} is missing" for key in earlier.keys() - now.keys() - CHANGED.keys()]
        both = earlier.keys() & now.keys()
        return missing + [text for key in both for text in differences(earlier[key], now[key], f"{place}.{key}")]
    if isinstance(earlier, list) and isinstance(now, list) and len(earlier) == len(now):
        pairs = enumerate(zip(earlier, now, strict=True))
        return [text for index, (a, b) in pairs for text in differences(a, b, f"{place}[{index}]")]
    same = math.isclose(earlier, now, rel_tol=1e-12) if isinstance(earlier, float) else earlier == now
    return [] if same and type(earlier) is type(now) else [f"{place}: {earlier!r} became {now!r}"]


def test_its_runs_cannot_be_scored_again_without_predictions_and_stay_comparable(main, out):
    code, _, stderr = main("score", "patchsize", "--out", out)
    assert code == 1
    lines = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert lines
    assert all("its prediction is missing" in line and "run its sweep again" in line for line in lines)
    code, _, stderr = main("compare", "patchsize/24x24x8", "patchsize/32x32x16", "--out", out)
    assert (code, stderr) == (0, "")
