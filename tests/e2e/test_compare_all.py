"""`hemosweep compare-all`: a sweep's declared comparisons as one family, on recorded runs."""

import json
import math
import shutil
import statistics

import pytest
from PIL import Image
from scipy import stats

from tests.recorded import CLEAR, FOUR_FOLDS, FURTHER, LARGE, MIDDLE, SMALL, STEPS, Book, cases, shifted

PAIRS = [("24x24x8", "32x32x16"), ("32x32x16", "48x48x24")]


@pytest.fixture
def out(recorded, tmp_path):
    """A copy: the forest plot is drawn beside the runs."""
    return shutil.copytree(recorded.out, tmp_path / "runs")


def p_of(a, b):
    """Student's p from the definition of t."""
    differences = [after - before for before, after in zip(a, b, strict=True)]
    t = statistics.fmean(differences) / (statistics.stdev(differences) / math.sqrt(len(differences)))
    return 2 * stats.t.sf(abs(t), len(differences) - 1)


def claim_p_of(differences):
    """p over two folds of four cases that take turns, whose means are not taken to vary less than their cases do."""
    means = [statistics.fmean(differences[fold::2]) for fold in (0, 1)]
    within = sum((value - means[place % 2]) ** 2 for place, value in enumerate(differences)) / 6
    variance = max(statistics.variance(means) / 2, within / 8)
    return 1 - 2 * math.atan(abs(statistics.fmean(means)) / math.sqrt(variance)) / math.pi


@pytest.fixture
def folded(out):
    """Writes an arm of `augmentation`, which declares five comparisons, in four folds."""

    def write(arm, scores):
        Book(out).write(f"augmentation/{arm}@0", cases(scores, FOUR_FOLDS))

    return write


def as_json(main, out, sweep, *options):
    code, stdout, stderr = main("compare-all", sweep, "--out", out, "--json", *options)
    assert (code, stderr) == (0, ""), stderr
    return json.loads(stdout)


def test_the_declared_comparisons_are_adjusted_as_one_family(main, out):
    family = as_json(main, out, "patchsize")
    first, second = family["comparisons"]
    p = [p_of(SMALL, MIDDLE), p_of(MIDDLE, LARGE)]
    assert p[0] < 0.05 < p[1]
    assert [(row["a"], row["b"]) for row in (first, second)] == PAIRS
    assert [row["p"] for row in (first, second)] == [pytest.approx(value) for value in p]
    claims = [claim_p_of(STEPS), claim_p_of(FURTHER)]
    assert [row["claim"]["p"] for row in (first, second)] == [pytest.approx(value) for value in claims]
    assert claims[0] < claims[1] < 2 * claims[0]
    assert [row["holm_p"] for row in (first, second)] == [pytest.approx(2 * claims[0])] * 2
    assert [row["bh_p"] for row in (first, second)] == [pytest.approx(claims[1])] * 2
    assert [row["family_outcome"] for row in (first, second)] == ["trained_models", "no_evidence"]
    assert (family["num_tests"], family["num_declared"], family["missing"]) == (2, 2, [])
    assert [row["stars"] for row in (first, second)] == ["*", ""]
    assert first["mean_diff"] == pytest.approx(statistics.fmean(STEPS))
    assert (first["side_a"], first["side_b"]) == ("patchsize/24x24x8@0", "patchsize/32x32x16@0")


def test_the_table_the_verdicts_the_noise_and_the_picture_are_told(main, out):
    code, stdout, stderr = main("compare-all", "patchsize", "--out", out)
    assert (code, stderr) == (0, "")
    header, *_ = (line for line in stdout.splitlines() if "dz" in line)
    assert header.split() == ["A", "→", "B", "n", "[95%", "CI]", "p", "p", "p", "p", "stars", "dz", "p"]
    above = stdout.splitlines()[stdout.splitlines().index(header) - 1]
    assert above.split() == ["difference", "Holm", "B-H", "claim", "raw", "raw", "paper's"]
    (row,) = (line for line in stdout.splitlines() if line.startswith("24x24x8 → 32x32x16"))
    claims = claim_p_of(STEPS), claim_p_of(FURTHER)
    numbers = [f"{value:.4f}" for value in (2 * claims[0], claims[1], claims[0], p_of(SMALL, MIDDLE))]
    assert row.split()[5:] == [*numbers, "*", "1.08", "<0.001"], "what the paper prints comes last"
    assert "24x24x8 to 32x32x16: A and B differ on these trained models (" in stdout
    low, high = (statistics.stdev((0.0, 0.03, -0.01)) * math.sqrt(2 / stats.chi2.ppf(p, 2)) for p in (0.975, 0.025))
    spread = f"mean 0.675, 0.705, 0.665; sd 0.021 (95% CI {low:.3f} to {high:.3f}), range 0.040."
    assert f"Seeds (A/A) of noise/baseline, seeds 0, 1, 2: {spread}" in stdout
    assert "Claims count cases, seeds and folds; Holm and Benjamini-Hochberg adjust them over 2 declared comp" in stdout
    assert "Raw p and stars are of the paper's t-test over cases, not adjusted: * p < 0.05, ** p < 0.01, " in stdout
    picture = out / "figures" / "patchsize" / "forest.png"
    assert f"Forest plot: {picture}" in stdout
    with Image.open(picture) as opened:
        assert min(opened.size) > 400


def test_a_forest_plot_that_cannot_be_written_costs_no_result(main, out):
    (out / "figures").write_text("no folder")
    family = as_json(main, out, "patchsize")
    assert (family["num_tests"], family["forest"]) == (2, None)
    code, stdout, stderr = main("compare-all", "patchsize", "--out", out)
    assert (code, stderr) == (0, "")
    assert stdout.splitlines()[-1].startswith(f"No forest plot: {out / 'figures'}")


def test_an_undefined_comparison_and_those_that_are_not_there_yet_count_as_declared(main, out, folded):
    for arm, scores in (("3000", SMALL), ("500->3000", SMALL), ("1000->6000", CLEAR)):
        folded(arm, scores)
    family = as_json(main, out, "augmentation")
    same, clear = family["comparisons"]
    assert (same["status"], same["p"], same["holm_p"], same["bh_p"]) == ("identical", None, None, None)
    assert same["family_outcome"] == "not_testable"
    assert (family["num_tests"], family["num_declared"], len(family["missing"])) == (1, 5, 3)
    assert clear["holm_p"] == clear["bh_p"] == pytest.approx(5 * clear["claim"]["p"])
    assert clear["outcome"] == clear["family_outcome"] == "better"
    assert clear["family_verdict"] == clear["verdict"]
    _, stdout, _ = main("compare-all", "augmentation", "--out", out)
    assert (
        "500->3000 to 1000->6000: B is better than A (mean difference +0.060 DSC over 8 paired cases, p = 0.0" in stdout
    )
    assert "3000 to 500->3000: Not testable: A and B score the same on all 8 paired cases." in stdout
    assert "adjust them over 5 declared comparisons." in stdout


@pytest.mark.parametrize(("lower_by", "outcome"), [(0.03, "better"), (0.04, "trained_models")])
def test_a_claim_that_does_not_hold_among_the_declared_comparisons_is_taken_back(main, out, folded, lower_by, outcome):
    folded("3000", SMALL)
    folded("500->3000", shifted(CLEAR, -lower_by))
    (row,) = as_json(main, out, "augmentation")["comparisons"]
    assert (row["outcome"], row["family_outcome"]) == ("better", outcome)
    assert row["claim"]["p"] < 0.05
    assert (row["holm_p"] < 0.05) == (outcome == "better")
    _, stdout, _ = main("compare-all", "augmentation", "--out", out)
    taken_back = "Not significant within this family of comparisons (Holm p = 0.1400). By itself: B is better than A ("
    assert (f"3000 to 500->3000: {taken_back}" in stdout) == (outcome != "better")


def test_a_worse_arm_and_one_that_is_no_different_are_told(main, out, folded):
    noisy = shifted(SMALL, -0.001, 0.05)
    for arm, scores in (("3000", CLEAR), ("500->3000", SMALL), ("1000->6000", noisy)):
        folded(arm, scores)
    folded("1500->9000", [value + step / 4 for value, step in zip(noisy, FURTHER, strict=True)])
    rows = as_json(main, out, "augmentation", "--margin", 0.03)["comparisons"]
    assert [row["family_outcome"] for row in rows] == ["worse", "no_evidence", "equivalent"]


def test_arms_that_are_not_trained_are_named(main, out):
    assert as_json(main, out, "sampling")["missing"] == [
        "none to brain: none not finished; run make sweep-sampling",
        "brain+lesion to brain+lesion+hyperdense: brain+lesion+hyperdense not finished; run make sweep-sampling",
    ]


def test_an_arm_over_some_of_the_folds_is_missing_among_those_over_all(main, out):
    tried = {"folds_digest": "fold 1", "subset": "folds 1 of 2 only"}
    Book(out).write("sampling/brain+lesion+hyperdense@0", cases(SMALL).iloc[1::2], **tried)
    family = as_json(main, out, "sampling")
    assert len(family["comparisons"]) == 2
    pair, why = family["missing"][1].split(": ")
    assert pair == "brain+lesion to brain+lesion+hyperdense"
    assert why == "brain+lesion+hyperdense has folds 1 of 2 only; run make sweep-sampling"


def test_arms_that_were_all_tried_on_the_same_folds_are_compared(main, out):
    tried = {"folds_digest": "fold 1", "subset": "folds 1 of 2 only"}
    for arm, scores in (("3000", SMALL), ("500->3000", MIDDLE)):
        Book(out).write(f"augmentation/{arm}@0", cases(scores).iloc[1::2], **tried)
    (row,) = as_json(main, out, "augmentation")["comparisons"]
    assert row["n"] == 4
    assert "augmentation/3000@0 has folds 1 of 2 only: for trying, not for the study" in row["warnings"]


def test_a_newer_run_that_is_not_finished_leaves_the_family_whole(main, out):
    Book(out).write("patchsize/24x24x8@0", cases(SMALL), alias="again", status="KILLED")
    first, _ = as_json(main, out, "patchsize")["comparisons"]
    assert "is KILLED" in first["warnings"][0]


def test_all_seeds_of_an_arm_are_compared_also_with_an_arm_of_one(main, out):
    first, second = as_json(main, out, "sampling")["comparisons"]
    # Of brain only seed 1 belongs together; brain+lesion has two.
    both = "sampling/brain+lesion, seeds 0, 1"
    assert (first["side_a"], first["side_b"]) == ("sampling/brain@1", both)
    assert (second["side_a"], second["side_b"]) == (both, "sampling/brain+lesion+center@0")
    assert (
        first["mean_b"]
        == second["mean_a"]
        == pytest.approx((statistics.fmean(LARGE) + statistics.fmean(MIDDLE) + 0.01) / 2)
    )
    assert not any("several seeds" in warning for warning in first["warnings"])
    assert [(row["claim"]["num_seeds_a"], row["claim"]["num_seeds_b"]) for row in (first, second)] == [(1, 2), (2, 1)]
    assert {row["claim"]["basis"] for row in (first, second)} == {"folds"}, "one arm alone has seeds"


def test_arms_with_seeds_are_compared_by_them(main, out):
    (row,) = as_json(main, out, "loss")["comparisons"]
    assert (len(row["run_ids_a"]), len(row["run_ids_b"]), row["baseline_run_ids"]) == (3, 3, [])
    claim = row["claim"]
    assert (claim["basis"], claim["num_seeds_a"], claim["num_seeds_b"], claim["num_folds"]) == ("seeds", 3, 3, 2)
    assert row["holm_p"] == row["bh_p"] == claim["p"], "the only one that is declared"


def test_another_metric_has_its_own_picture_and_nothing_of_the_paper(main, out):
    family = as_json(main, out, "patchsize", "--metric", "hd95_mm")
    assert {row["status"] for row in family["comparisons"]} == {"identical"}
    assert {row["paper_p"] for row in family["comparisons"]} == {None}
    assert (family["num_tests"], family["metric"]) == (0, "hd95_mm")
    assert family["forest"].endswith("forest-hd95_mm.png")


def test_a_pair_that_is_not_comparable_refuses_the_family_unless_told_otherwise(main, out):
    code, stdout, stderr = main("compare-all", "angio", "--out", out)
    assert (code, stdout) == (3, "")
    (line,) = stderr.splitlines()
    assert line.startswith("error: ncct to ncct+cta: not comparable: data set content differs")
    (row,) = as_json(main, out, "angio", "--allow-incomparable")["comparisons"]
    assert row["incomparable_reasons_overridden"][0].startswith("data set content differs")
    assert row["outcome"] == "not_comparable"


@pytest.mark.parametrize(
    ("sweep", "part"),
    [
        ("patches", "unknown sweep 'patches'"),
        ("noise", "sweep noise declares no comparison"),
        ("augmentation", "has no runs of sweep 'augmentation'"),
        ("se", "sweep se: no comparison has both arms finished; run make sweep-se first"),
        ("search-patch", "has no runs of sweep 'search-patch'"),
    ],
)
def test_a_family_that_is_not_there_is_refused(main, out, sweep, part):
    code, stdout, stderr = main("compare-all", sweep, "--out", out)
    assert (code, stdout) == (2, "")
    (line,) = stderr.splitlines()
    assert part in line
