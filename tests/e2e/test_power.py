"""`hemosweep power SWEEP` as a user types it, on the runs of an earlier version."""

import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

EARLIER = Path(__file__).parents[1] / "fixtures" / "earlier_out" / "out.tar.xz"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Three arms of the sweep `patchsize` with two seeds each, six cases in two folds."""
    folder = tmp_path_factory.mktemp("power")
    with tarfile.open(EARLIER) as archive:
        archive.extractall(folder, filter="data")
    return folder / "out"


def test_the_power_of_a_sweep_is_a_table_the_seeds_of_its_differences_and_a_picture(main, out):
    code, printed, said = main("power", "patchsize", "--out", out)
    assert (code, said) == (0, "")
    assert printed.startswith("patchsize: power of a comparison of 6 cases in 2 folds\n")
    first, second = (line.split() for line in printed.splitlines()[5:7])
    assert first[:2] == ["1", "–"], "no DSC is larger than 1"
    assert (second[0], second[2]) == ("2", "DSC")
    assert "24x24x8 to 32x32x16, 0.137 DSC: " in printed
    with Image.open(out / "figures" / "patchsize" / "power.png") as picture:
        assert picture.size[0] > 1000


def test_another_design_and_difference_can_be_asked_for(main, out):
    code, printed, _ = main("power", "patchsize", "--out", out, "--cases", 76, "--folds", 5, "--json")
    assert code == 0
    large = json.loads(printed)
    small = json.loads(main("power", "patchsize", "--out", out, "--json")[1])
    assert (large["num_cases"], large["num_folds"]) == (76, 5)
    for one, other in zip(large["rows"], small["rows"], strict=True):
        assert one["difference"] < other["difference"]
    asked = json.loads(main("power", "patchsize", "--out", out, "--difference", 0.2, "--json")[1])
    assert [needed["difference"] for needed in asked["needed"]] == [0.2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("patchsizes",), "unknown sweep 'patchsizes'"),
        (("loss",), "has no runs of sweep 'loss'; it has noise, patchsize"),
        (("patchsize", "--difference", 0), "--difference 0: give the true difference"),
        (("patchsize", "--metric", "nds"), "nds"),
    ],
)
def test_what_cannot_be_is_one_line(main, out, arguments, said):
    code, printed, stderr = main("power", *arguments, "--out", out)
    assert (code, printed) == (2, "")
    assert said in stderr
    assert len(stderr.strip().splitlines()) == 1
