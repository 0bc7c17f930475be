"""`hemosweep compare-all`: a sweep's declared comparisons as one family, on recorded runs."""

import json
import math
import shutil
import statistics

import pytest
from PIL import Image
from scipy import stats

from tests.recorded import LARGE, MIDDLE, SMALL, STEPS, Book, cases

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
    assert [row["holm_p"] for row in (first, second)] == [pytest.approx(2 * p[0]), pytest.approx(p[1])]
    assert [row["bh_p"] for row in (first, second)] == [pytest.approx(2 * p[0]), pytest.approx(p[1])]
    assert (family["num_tests"], family["missing"]) == (2, [])
    assert [row["stars"] for row in (first, second)] == ["*", ""]
    assert first["mean_diff"] == pytest.approx(statistics.fmean(STEPS))
    assert (first["side_a"], first["side_b"]) == ("patchsize/24x24x8@0", "patchsize/32x32x16@0")


def test_the_table_the_verdicts_the_noise_and_the_picture_are_told(main, out):
    code, stdout, stderr = main("compare-all", "patchsize", "--out", out)
    assert (code, stderr) == (0, "")
    header, *_ = (line for line in stdout.splitlines() if "dz" in line)
    assert header.split() == ["A", "→", "B", "n", "[95%", "CI]", "p", "p", "t", "p", "stars", "dz", "p"]
    (row,) = (line for line in stdout.splitlines() if line.startswith("24x24x8 → 32x32x16"))
    differs = [f"{value:.4f}" for value in (2 * p_of(SMALL, MIDDLE), p_of(SMALL, MIDDLE))]
    assert [cell for cell in row.split() if cell in differs] == [differs[0], differs[0], differs[1]]
    assert "<0.001" in row, "what the paper prints"
    assert "24x24x8 to 32x32x16: Within seed noise: " in stdout
    assert "Seeds (A/A) of noise/baseline, seeds 0, 1, 2: mean 0.675, 0.705, 0.665; sd 0.021, range 0.040." in stdout
    assert "Holm and Benjamini-Hochberg over 2 comparisons; raw stars are the paper's, not adjusted." in stdout
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


def test_an_undefined_comparison_does_not_count_in_the_family(main, out):
    family = as_json(main, out, "sampling")
    unpaired, same = family["comparisons"]
    assert [(row["a"], row["b"]) for row in (unpaired, same)] == [
        ("brain", "brain+lesion"),
        ("brain+lesion", "brain+lesion+center"),
    ]
    assert (same["status"], same["p"], same["holm_p"], same["bh_p"]) == ("identical", None, None, None)
    assert family["num_tests"] == 1
    assert unpaired["holm_p"] == unpaired["p"]


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


def test_one_seed_of_each_is_compared_where_not_both_arms_have_several(main, out):
    unpaired, same = as_json(main, out, "sampling")["comparisons"]
    # Of brain only seed 1 belongs together; brain+lesion has two.
    assert (unpaired["side_a"], unpaired["side_b"]) == ("sampling/brain@1", "sampling/brain+lesion@1")
    assert unpaired["warnings"][0] == "brain and brain+lesion do not both have several seeds; one of each"
    assert (same["side_a"], same["side_b"]) == ("sampling/brain+lesion@0", "sampling/brain+lesion+center@0")


def test_arms_with_seeds_are_compared_by_them(main, out):
    (row,) = as_json(main, out, "loss")["comparisons"]
    assert (len(row["run_ids_a"]), len(row["run_ids_b"]), row["baseline_run_ids"]) == (3, 3, [])
    assert row["seed_noise"]["num_seeds_a"] == 3


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
        ("final", "sweep final declares no comparison"),
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
