"""`sweep --seeds auto`: seeds are added where a comparison is open, by looks that share the error among them."""

import json

import numpy as np
import pytest

from tests.e2e.stand_in import MIDDLE, SMALL, Child, stand_in, with_store

LARGE = "48x48x24"
DSC = {SMALL: 0.55, MIDDLE: 0.80, LARGE: 0.815}
NOISE = 0.012


class Drawn(Child):
    """Predicts so much of a lesion that its DSC is that of the arm, with noise of each training and of each case."""

    seconds = 300.0

    def predict(self, spec, name, number, reference_DHW):
        arm, seed, fold = name
        rng = np.random.default_rng([int(arm[:2]), seed, fold])
        training, *cases = rng.normal(0.0, NOISE, 9)
        dsc = DSC[arm] + training + cases[number]
        lesion = np.flatnonzero(reference_DHW)
        # Of n voxels k are found, and no other one: DSC = 2 k / (k + n).
        reference_DHW.flat[lesion[round(lesion.size * dsc / (2 - dsc)) :]] = False
        return reference_DHW


@pytest.fixture
def child(monkeypatch):
    child = Drawn()
    stand_in(monkeypatch, child)
    return child


@pytest.fixture
def sweep(main, phantoms, tmp_path, migrated_database, child):
    """Runs the three patch sizes in three folds: exit code, standard output, standard error."""
    with_store(out(tmp_path), migrated_database)

    def sweep(*options, command="sweep", name="patchsize"):
        where = ("--data", phantoms, "--profile", "demo", "--folds", 3, "--out", out(tmp_path))
        return main(command, name, *where, *options)

    return sweep


def out(tmp_path):
    return tmp_path / "runs"


def seeds(child):
    """Number of seeds of each arm that were trained."""
    return {arm: len({seed for name, seed, _ in child.trained if name == arm}) for arm in DSC}


def looks(stderr):
    return [line for line in stderr.splitlines() if line.startswith("look at ")]


def test_seeds_are_added_to_the_arms_of_open_comparisons_until_they_are_settled(sweep, child, main, tmp_path):
    code, stdout, stderr = sweep("--seeds", "auto", "--json")
    assert code == 0, stderr
    assert seeds(child) == {SMALL: 3, MIDDLE: 12, LARGE: 12}
    assert looks(stderr) == [
        f"look at 3 seeds: {SMALL} to {MIDDLE} settled: B is better",
        f"look at 3 seeds: {MIDDLE} to {LARGE} open: more seeds may settle it",
        f"look at 6 seeds: {MIDDLE} to {LARGE} open: more seeds may settle it",
        f"look at 12 seeds: {MIDDLE} to {LARGE} settled: B is better",
    ]
    result = json.loads(stdout)
    assert [(end["a"], end["num_seeds"], end["state"]) for end in result["looks"]] == [
        (SMALL, 3, "settled"),
        (MIDDLE, 12, "settled"),
    ]
    first, second = (row["claim"] for row in result["comparisons"])
    ((num_seeds, p),) = first["looks"]
    assert (num_seeds, first["p"]) == (3, pytest.approx(p / 0.5))
    (_, at_3), (_, at_6), (_, at_12) = second["looks"]
    assert second["p"] == pytest.approx(min(at_3 / 0.5, at_6 / 0.25, at_12 / 0.25)) == pytest.approx(at_12 / 0.25)
    assert at_3 > 0.025, "it was open"
    assert result["comparisons"][1]["verdict"].startswith("B is better than A")
    assert ", over the looks at 3, 6 and 12 seeds);" in result["comparisons"][1]["verdict"]

    by_hand = json.loads(
        main("compare", f"patchsize/{MIDDLE}", f"patchsize/{LARGE}", "--out", out(tmp_path), "--json")[1]
    )
    family = json.loads(main("compare-all", "patchsize", "--out", out(tmp_path), "--json")[1])["comparisons"]
    assert by_hand["claim"] == second
    assert [row["claim"] for row in family] == [first, second]
    assert [row["holm_p"] for row in family] == [row["holm_p"] for row in result["comparisons"]]
    printed = main("compare", f"patchsize/{SMALL}@0", f"patchsize/{MIDDLE}@0", "--out", out(tmp_path))[1]
    assert "as seeds are added by looks, the first at 3 of both arms" in printed, "one seed is no look"

    trained = len(child.trained)
    code, again, stderr = sweep("--seeds", "auto", "--json")
    assert (code, len(child.trained)) == (0, trained)
    assert json.loads(again)["looks"] == result["looks"]
    assert [row["claim"] for row in json.loads(again)["comparisons"]] == [first, second]


@pytest.mark.slow
def test_a_budget_ends_the_looks_before_it_is_used_up_and_a_larger_one_goes_on(sweep, child):
    # Three folds of 300 s: 15 min a seed of an arm, 2 h 15 min for the first look and 1 h 30 min for the next one.
    code, stdout, stderr = sweep("--seeds", "auto", "--budget", "3h")
    assert code == 0, stderr
    assert seeds(child) == {SMALL: 3, MIDDLE: 3, LARGE: 3}
    reason = "the next look takes about 1 h 30 min of training, and 45 min 00 s of the budget are left"
    assert looks(stderr)[1] == f"look at 3 seeds: {MIDDLE} to {LARGE} open: {reason}"
    assert f"{MIDDLE} to {LARGE}: open at 3 seeds: {reason}." in stdout
    assert "which spend 0.5, 0.25 and 0.25 of the error" in stdout
    assert f"{SMALL}@2" in stdout
    child.interrupted = {(LARGE, 4, 1)}
    code, _, stderr = sweep("--seeds", "auto", "--budget", "4h")
    assert (code, stderr.splitlines()[-1]) == (1, "stopped; the same command goes on from here")
    child.interrupted = set()
    code, stdout, stderr = sweep("--seeds", "auto", "--budget", "4h")
    assert code == 0, stderr
    assert seeds(child) == {SMALL: 3, MIDDLE: 6, LARGE: 6}
    assert (
        f"{MIDDLE} to {LARGE}: open at 6 seeds: the next look takes about 3 h 00 min of training, and 15 min" in stdout
    )


def test_a_budget_that_is_too_small_for_the_first_look_is_refused_before_anything_is_trained(sweep, child):
    code, stdout, stderr = sweep("--seeds", "auto", "--budget", "2s")
    assert (code, stdout, child.trained) == (2, "", [])
    assert stderr.startswith("error: --budget 2 s: the first look, 3 seeds of every arm, takes about ")
    assert stderr.endswith(" of training here; give more, or fewer arms with --arms\n")


@pytest.mark.slow
def test_a_comparison_whose_training_failed_ends_and_the_others_go_on(sweep, child):
    child.failing = {(SMALL, 1, 2)}
    code, stdout, stderr = sweep("--seeds", "auto", "--budget", "4h")
    assert code == 1, stderr
    assert looks(stderr)[0] == f"look at 3 seeds: {SMALL} to {MIDDLE} stopped: a fold run failed"
    assert seeds(child) == {SMALL: 3, MIDDLE: 6, LARGE: 6}
    assert f"{MIDDLE} to {LARGE}: open at 6 seeds: " in stdout


def test_a_difference_that_no_number_of_seeds_would_show_ends_at_the_first_look(sweep, child, monkeypatch):
    monkeypatch.setitem(DSC, LARGE, DSC[MIDDLE])
    monkeypatch.setattr(Drawn, "predict", same_training_noise(Drawn.predict))
    code, stdout, stderr = sweep("--seeds", "auto")
    assert code == 0, stderr
    assert f"{MIDDLE} to {LARGE}: stopped at 3 seeds: " in stdout
    assert seeds(child)[LARGE] == 3


def same_training_noise(predict):
    """Let the largest patch predict what the middle one does."""
    return lambda self, spec, name, number, reference: predict(
        self, spec, (MIDDLE if name[0] == LARGE else name[0], *name[1:]), number, reference
    )


def test_without_deciding_by_looks_seeds_have_no_looks(sweep, tmp_path, main):
    code, stdout, _ = sweep("--seeds", 3, "--arms", f"{SMALL},{MIDDLE}", "--json")
    assert code == 0
    (row,) = json.loads(stdout)["comparisons"]
    assert row["claim"]["looks"] is None
    code, stdout, _ = sweep("--seeds", "auto", "--arms", f"{SMALL},{MIDDLE}", "--json")
    (by_looks,) = json.loads(stdout)["comparisons"]
    assert by_looks["claim"]["looks"] == [[3, row["claim"]["p"]]], "runs that were finished before are looked at, too"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--seeds", "three"), "--seeds three: give a number, or auto"),
        (("--seeds", "2.5"), "--seeds 2.5: give a number, or auto"),
        (
            ("--budget", "12h"),
            "--budget is for --seeds auto, which adds seeds; a given number of seeds is trained whole",
        ),
        (("--seeds", "auto", "--budget", "12"), "--budget '12': give a time such as 45m, 1h30m or 2d"),
        (
            ("--seeds", "auto", "--only-folds", "0"),
            "--only-folds is for trying, and --seeds auto decides over all folds",
        ),
        (("--seeds", "auto", "--repeats", "2"), "--repeats trains each split into folds with a seed of its own"),
        (("--seeds", "auto", "--arms", SMALL), "patchsize has none of these arms; give the number of seeds"),
    ],
)
def test_options_that_do_not_go_together_are_refused_in_one_line(sweep, child, options, said):
    code, stdout, stderr = sweep(*options)
    assert (code, stdout, child.trained) == (2, "", [])
    assert stderr.count("\n") == 1
    assert said in stderr


def test_sweeps_without_a_comparison_have_a_number_of_seeds(sweep):
    for name, said in (("noise", "noise has none of these arms"), ("search-sampling", "leave --arms, --seeds")):
        code, _, stderr = sweep("--seeds", "auto", name=name)
        assert code == 2
        assert said in stderr


def test_the_plan_is_that_of_the_first_look(sweep):
    code, stdout, _ = sweep("--seeds", "auto", command="plan")
    assert code == 0
    assert "27 fold runs" in stdout
    assert "the first look, 3 seeds of every arm; looks at 6 and 12 seeds train the arms of open comparisons" in stdout
