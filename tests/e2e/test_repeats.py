"""Repeated cross-validation as a user types it: `sweep --repeats`, and what comes of it."""

import json

import pytest

from tests.e2e.stand_in import MIDDLE, SMALL, Child, stand_in, with_store


@pytest.fixture
def child(monkeypatch):
    child = Child()
    child.draws = True
    stand_in(monkeypatch, child)
    return child


@pytest.fixture
def out(tmp_path, migrated_database):
    return with_store(tmp_path / "runs", migrated_database)


@pytest.fixture
def sweep(main, phantoms, out, child):
    def sweep(*options, command="sweep"):
        where = ("--data", phantoms, "--profile", "demo", "--folds", 3, "--out", out, "--arms", f"{SMALL},{MIDDLE}")
        return main(command, "patchsize", *where, *options)

    return sweep


def compare(main, out, *options):
    code, printed, said = main("compare", f"patchsize/{SMALL}", f"patchsize/{MIDDLE}", "--out", out, *options)
    assert code == 0, said
    return printed


def test_each_repeat_is_a_run_and_the_claim_counts_them(sweep, main, out, child):
    code, printed, said = sweep("--repeats", 3, "--json")
    assert code == 0, said
    assert len(child.trained) == 2 * 3 * 3
    listed = json.loads(main("runs", "--out", out, "--json")[1])
    assert [(run["arm"], run["seed"], run["repeat"]) for run in listed] == [
        (arm, number, number) for arm in (SMALL, MIDDLE) for number in range(3)
    ]
    (row,) = json.loads(printed)["comparisons"]
    claim = row["claim"]
    assert (claim["basis"], claim["num_repeats"], claim["num_folds"]) == ("repeats", 3, 3)
    by_hand = json.loads(compare(main, out, "--json"))
    assert by_hand["claim"] == claim
    assert by_hand["verdict"] == row["verdict"]
    assert by_hand["a"] == f"patchsize/{SMALL}, repeats 0, 1, 2"
    assert "counting cases and 3 repeats of 3 folds" in compare(main, out)
    assert "Nadeau-Bengio" in compare(main, out)
    one = json.loads(main("compare", f"patchsize/{SMALL}~1", f"patchsize/{MIDDLE}~1", "--out", out, "--json")[1])
    assert (one["claim"]["basis"], one["a"]) == ("folds", f"patchsize/{SMALL}~1")


@pytest.mark.slow
def test_a_sweep_of_one_split_is_part_of_its_repeats_and_more_repeats_go_on(sweep, child):
    assert sweep()[0] == 0
    first = len(child.trained)
    assert sweep("--repeats", 2)[0] == 0
    assert len(child.trained) == 2 * first
    assert sweep("--repeats", 3)[0] == 0
    assert len(child.trained) == 3 * first
    code, printed, _ = sweep("--repeats", 4, "--json", command="plan")
    assert code == 0
    assert [(arm["num_fold_runs"], arm["num_done"]) for arm in json.loads(printed)["arms"]] == [(12, 9), (12, 9)]


def test_a_repeat_that_one_arm_lacks_is_left_out_by_name(sweep, main, out, child):
    assert sweep("--repeats", 2)[0] == 0
    assert sweep("--repeats", 3, "--arms", SMALL)[0] == 0
    result = json.loads(compare(main, out, "--json"))
    assert result["claim"]["num_repeats"] == 2
    assert f"left out, as the other side has no such repeat in these folds: patchsize/{SMALL}~2" in result["warnings"]


def test_different_repeats_are_not_comparable(sweep, main, out):
    assert sweep("--repeats", 2)[0] == 0
    code, _, said = main("compare", f"patchsize/{SMALL}@0", f"patchsize/{MIDDLE}~1", "--out", out)
    assert code == 3
    assert "case folds differ" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--repeats", 0), "--repeats 0: give at least 1"),
        (
            ("--repeats", 2, "--seeds", 2),
            "--repeats trains each split into folds with a seed of its own; leave --seeds",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(sweep, child, options, said):
    code, printed, stderr = sweep(*options)
    assert (code, printed, child.trained) == (2, "", [])
    assert said in stderr
