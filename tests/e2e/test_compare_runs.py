"""`hemosweep compare` of recorded runs: what a run is called, its seeds, the gate, and the noise of seeds."""

import json
import math
import shutil
import statistics

import pytest
from scipy import stats

from hemosweep.tracking.store import open_store
from tests.imports import imported
from tests.recorded import CLEAR, CLEAR_STEPS, FOUR_FOLDS, IDS, MIDDLE, SEEDS, SMALL, STEPS, cases


@pytest.fixture
def compared(main, recorded):
    def compared(a, b, *options):
        code, stdout, stderr = main("compare", a, b, "--out", recorded.out, *options, "--json")
        assert (code, stderr) == (0, ""), stderr
        return json.loads(stdout)

    return compared


@pytest.fixture
def refused(main, recorded):
    """Exit code and the one line in which `compare` refuses."""

    def refused(a, b, *options):
        code, stdout, stderr = main("compare", a, b, "--out", recorded.out, *options)
        assert stdout == ""
        (line,) = stderr.splitlines()
        return code, line

    return refused


def t_of(differences):
    return statistics.fmean(differences) / (statistics.stdev(differences) / math.sqrt(len(differences)))


SMALL_RUN, MIDDLE_RUN = "patchsize/24x24x8", "patchsize/32x32x16"


def test_two_runs_are_compared_case_by_case_whatever_they_are_called(compared, recorded):
    ids = {name: recorded.ids[f"patchsize/{name}@0"] for name in ("24x24x8", "32x32x16")}
    results = [
        compared(SMALL_RUN, MIDDLE_RUN),
        compared("patchsize/24x24x8@0", "patchsize/32x32x16@0"),
        compared("24x24x8@0", "32x32x16@0"),
        compared(ids["24x24x8"], ids["32x32x16"][:12]),
    ]
    assert all(result == results[0] for result in results)
    (result, *_) = results
    assert (result["status"], result["n"], result["df"]) == ("ok", 8, 7)
    assert result["t"] == pytest.approx(t_of(STEPS))
    assert result["mean_diff"] == pytest.approx(0.04)
    assert (result["wins"], result["ties"], result["losses"]) == (7, 0, 1)
    assert (result["a"], result["b"]) == ("patchsize/24x24x8@0", "patchsize/32x32x16@0")
    assert (result["run_id_a"], result["run_id_b"]) == (ids["24x24x8"], ids["32x32x16"])
    assert [group["n"] for group in result["groups"]] == [4, 4]
    # Cases take turns in two folds: means of 0.05, 0.08, 0.06, 0.09 and of 0.02, 0.01, 0.03, -0.02.
    assert [fold["mean_diff"] for fold in result["folds"]["means"]] == [pytest.approx(0.07), pytest.approx(0.01)]


def test_any_logged_metric_is_compared_and_one_that_is_not_is_refused_with_those_that_are(compared, refused, recorded):
    result = compared(SMALL_RUN, MIDDLE_RUN, "--metric", "hd95_mm")
    assert (result["status"], result["mean_a"]) == ("identical", pytest.approx(3.5))
    code, line = refused(SMALL_RUN, MIDDLE_RUN, "--metric", "hd95")
    assert code == 2
    assert "patchsize/24x24x8@0" in line
    assert "no metric 'hd95'; it has dsc, lesion_f1" in line
    assert "hd95_mm" in line


# --- Seeds ------------------------------------------------------------------------------------------------------------


def sd_interval(sd, num_seeds):
    """95% interval of the standard deviation of a normal sample, from that of chi-squared."""
    return [sd * math.sqrt((num_seeds - 1) / stats.chi2.ppf(p, num_seeds - 1)) for p in (0.975, 0.025)]


def within_parts(expected, sd):
    """Squares of the parts of the variance within folds, each over its degrees of freedom, added up (Satterthwaite)."""
    of_cases = sum((step - (0.08, 0.0)[place % 2]) ** 2 for place, step in enumerate(expected)) / 6 / 8
    # Two folds of three seeds have two degrees of freedom each; an arm's share is 1 / 2 of its variance, over 3 seeds.
    return of_cases**2 / 6 + 2 * (sd**2 / 6) ** 2 / 4


def test_seeds_on_both_sides_are_compared_by_the_mean_of_each_case_with_their_noise(compared):
    result = compared("loss/focal", "loss/dice_ce")
    assert (result["a"], result["b"]) == ("loss/focal, seeds 0, 1, 2", "loss/dice_ce, seeds 0, 1, 2")
    assert (len(result["run_ids_a"]), result["run_id_a"]) == (3, None)
    # Both arms move alike from seed to seed, and every other case of B by one hundredth.
    expected = [step + 0.01 * (-1) ** place for place, step in enumerate(STEPS)]
    assert result["t"] == pytest.approx(t_of(expected))
    assert result["mean_a"] == pytest.approx(statistics.fmean(SMALL) + 0.02 / 3)
    sd = statistics.stdev([0.0, 0.03, -0.01])
    for side in ("a", "b"):
        assert result["seeds"][side]["num_seeds"] == 3
        assert result["seeds"][side]["sd"] == pytest.approx(sd)
        assert result["seeds"][side]["sd_ci95"] == pytest.approx(sd_interval(sd, 3))
        assert result["seeds"][side]["range"] == pytest.approx(0.04)
    # The folds differ by more than cases and seeds account for: means of 0.08 and 0, of which each seed has both alike.
    claim = result["claim"]
    within = sum((step - (0.08, 0.0)[place % 2]) ** 2 for place, step in enumerate(expected)) / 6 / 8 + sd**2 / 3
    f = 0.04**2 / within
    assert claim["fold_p"] == pytest.approx(stats.f.sf(f, 1, within**2 / (within_parts(expected, sd))), rel=1e-6)
    assert (claim["basis"], claim["folds_count"], claim["df"]) == ("seeds", True, 1)
    assert claim["standard_error"] == pytest.approx(0.04)
    assert claim["p"] == pytest.approx(0.5), "t = 1 with one degree of freedom"
    assert result["outcome"] == "trained_models"
    assert "p = 0.5000 counting cases, 3 + 3 seeds and 2 folds" in result["verdict"]


def test_seeds_of_both_arms_that_agree_carry_the_claim(compared, main, recorded):
    result = compared("gate/steady", "gate/clear")
    assert (result["outcome"], result["claim"]["basis"], result["claim"]["folds_count"]) == ("better", "seeds", False)
    assert compared("gate/clear", "gate/steady")["outcome"] == "worse"
    assert result["seeds"]["a"]["sd"] == pytest.approx(statistics.stdev(SEEDS))
    assert result["seeds"]["baseline"]["sd"] == pytest.approx(statistics.stdev([0.0, 0.03, -0.01])), "as information"
    # Seed s of B adds 0.001 s to every other case and takes it from the rest, on average 0.001; the mean of B's seeds
    # is as much lower as that of A's is higher.
    steps = [step + 0.001 * (-1) ** place - 2 * statistics.fmean(SEEDS) for place, step in enumerate(CLEAR_STEPS)]
    assert result["mean_diff"] == pytest.approx(statistics.fmean(steps))
    assert result["t"] == pytest.approx(t_of(steps))
    means = [statistics.fmean(steps[first : first + 2]) for first in range(0, 8, 2)]
    of_folds = statistics.variance(means) / 4
    of_cases = sum((step - means[place // 2]) ** 2 for place, step in enumerate(steps)) / 4 / 8
    # An arm's four folds of three seeds have 8 degrees of freedom; what B's seeds do to a case and not to its fold, a
    # mean square of (0.001² + 0.001²) / 2 = 0.000001 for two cases, is in the seeds' mean square by half.
    of_a, of_b = (statistics.variance(SEEDS) / 12,) * 2
    rest_b = 0.000001 * 2 / 12 / 2
    within = of_cases + of_a + of_b - rest_b
    df = within**2 / (of_cases**2 / 4 + of_a**2 / 8 + of_b**2 / 8 + rest_b**2 / 8)
    assert result["claim"]["fold_p"] == pytest.approx(stats.f.sf(of_folds / within, 3, df))
    assert result["claim"]["df"] == pytest.approx(df + 3)
    error = math.sqrt((df * within + 3 * of_folds) / (df + 3))
    assert result["claim"]["standard_error"] == pytest.approx(error)
    assert result["claim"]["p"] == pytest.approx(2 * stats.t.sf(statistics.fmean(steps) / error, df + 3))
    _, stdout, _ = main("compare", "gate/steady", "gate/clear", "--out", recorded.out)
    (line,) = (line for line in stdout.splitlines() if line.startswith("claim, "))
    assert line.startswith(f"claim, counting cases, 3 + 3 seeds and 4 folds: t({df + 3:.1f}) = ")
    assert stdout.splitlines()[-1].startswith(
        "B is better than A (mean difference +0.059 DSC over 8 paired cases, p < 0.0"
    )


def test_arms_whose_seeds_differ_as_much_as_they_do_are_told_to_differ_on_these_trained_models(compared):
    result = compared("loss/focal", "loss/dice_ce")
    assert result["p"] < 0.05 < result["claim"]["p"]
    assert result["verdict"].startswith(
        "A and B differ on these trained models (mean difference +0.040 DSC over 8 paired"
    )


def test_of_an_arm_with_seeds_one_can_be_named(compared):
    result = compared("loss/focal@1", "loss/dice_ce@2")
    assert (result["a"], result["b"]) == ("loss/focal@1", "loss/dice_ce@2")
    assert result["mean_a"] == pytest.approx(statistics.fmean(SMALL) + 0.03)


@pytest.mark.parametrize("other", ["gate/clear@0", "table.csv"])
def test_an_arm_is_all_its_seeds_also_against_one_run_or_a_file(compared, other, tmp_path):
    if other.endswith(".csv"):
        other = tmp_path / other
        cases(CLEAR, FOUR_FOLDS).to_csv(other, index=False)
    mean_a = statistics.fmean(SMALL) + statistics.fmean(SEEDS)
    result, turned = compared("gate/steady", other), compared(other, "gate/steady")
    assert (result["a"], turned["b"]) == ("gate/steady, seeds 0, 1, 2", "gate/steady, seeds 0, 1, 2")
    assert (result["b"], result["outcome"], turned["outcome"]) == (str(other), "better", "worse")
    assert result["mean_a"] == turned["mean_b"] == pytest.approx(mean_a)
    assert result["seeds"]["a"]["num_seeds"] == 3
    claim = result["claim"]
    assert (claim["basis"], claim["num_seeds_a"], claim["num_seeds_b"], claim["num_folds"]) == ("folds", 3, 1, 4)
    assert claim["df"] == 3, "seeds of one arm alone do not tell what the other's do"
    assert result["verdict"].endswith(
        "with one seed of B only the folds tell what training does, and small differences stay hidden."
    )


def test_folds_of_a_file_with_other_names_are_those_of_the_runs(compared, tmp_path):
    results = []
    for names in (range(4), range(1, 5), [f"fold_{fold}" for fold in range(4)]):
        path = tmp_path / "table.csv"
        cases(CLEAR, [names[fold] for fold in FOUR_FOLDS]).to_csv(path, index=False)
        results.append(compared("gate/steady", path))
    assert results[1:] == results[:1] * 2
    assert results[0]["outcome"] == "better"


def test_a_seed_over_some_of_the_folds_does_not_push_out_those_over_all(compared):
    result = compared("patchsize/tried", "loss/dice_ce")
    assert result["a"] == "patchsize/tried, seeds 0, 1"
    assert result["warnings"][0].startswith("patchsize/tried@2 is left out: its data, folds, configuration or code")


def test_seeds_that_do_not_belong_together_are_left_out_and_named(compared):
    result = compared("sampling/brain", "sampling/brain+lesion@0")
    assert result["a"] == "sampling/brain@1"
    assert result["warnings"][:2] == [
        "sampling/brain@2 is left out, it is KILLED",
        "sampling/brain@0 is left out: its data, folds, configuration or code are not those of sampling/brain@1",
    ]


def test_a_run_of_all_folds_goes_before_a_newer_one_of_some_and_before_one_that_has_not_finished(compared, recorded):
    result = compared("patchsize/retried", MIDDLE_RUN)
    whole, some, begun = (recorded.ids[name] for name in ("whole", "some", "begun"))
    assert (result["run_id_a"], result["n"]) == (whole, 8)
    assert result["warnings"] == [
        f"2 other runs are named patchsize/retried@0 too; took {whole[:8]}, since of the newer {some[:8]} has folds 1 "
        f"of 2 only, {begun[:8]} is KILLED (hemosweep runs)"
    ]
    assert compared(whole, MIDDLE_RUN)["warnings"] == []


def test_runs_over_some_of_the_folds_say_so(compared, recorded):
    result = compared(recorded.ids["some"], recorded.ids["some"])
    assert (result["status"], result["n"]) == ("identical", 4)
    assert "patchsize/retried@0 has folds 1 of 2 only: for trying, not for the study" in result["warnings"]


def test_a_run_that_has_not_finished_is_refused(refused):
    code, line = refused("sampling/brain@2", MIDDLE_RUN)
    assert code == 2
    assert "run sampling/brain@2 is KILLED, not finished" in line


# --- What may be compared ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arm", "reason"),
    [
        ("dataset_digest", "data set content differs (A: data, B: another)"),
        ("folds_digest", "case folds differs (A: folds, B: another)"),
        ("metric_digests", "metric digest differs (A: dsc now, B: not recorded for "),
        ("checkpoint_rule", "checkpoint rule differs (A: best validation loss, B: another)"),
        ("silent", "checkpoint rule differs (A: best validation loss, B: not recorded for "),
        ("moved", "case folds differ: 007 (A: 0, B: 1), 008 (A: 1, B: 0)"),
    ],
)
def test_runs_that_are_not_comparable_are_refused_with_the_reason_unless_told_otherwise(
    refused, compared, main, recorded, arm, reason
):
    code, line = refused(SMALL_RUN, f"gate/{arm}")
    assert code == 3
    assert line.startswith(f"error: not comparable: {reason}")
    assert line.endswith("(--allow-incomparable overrides)")
    result = compared(SMALL_RUN, f"gate/{arm}", "--allow-incomparable")
    (overridden,) = result["incomparable_reasons_overridden"]
    assert overridden.startswith(reason)
    assert result["outcome"] == "not_comparable"
    assert result["verdict"].startswith(f"Not comparable: {reason}")
    _, stdout, _ = main("compare", SMALL_RUN, f"gate/{arm}", "--out", recorded.out, "--allow-incomparable")
    assert f"NOT COMPARABLE, overridden: {reason}" in stdout


def test_source_packages_and_device_are_a_warning(compared):
    warnings = compared(SMALL_RUN, "gate/newer")["warnings"]
    assert [warning.split(" (A")[0] for warning in warnings] == [
        "source digest differs",
        "device kind differs",
        "numpy differs",
    ]


def test_seeds_that_were_not_trained_on_the_same_kind_of_device_are_a_warning(compared):
    first, *_ = compared("patchsize/tried", "gate/devices")["warnings"][1:]
    assert first == "not all seeds of B were trained alike: device kind, numpy differ"


def test_differing_case_sets_are_compared_on_what_both_have(compared):
    result = compared(SMALL_RUN, "gate/subset")
    assert (result["n"], result["excluded"]) == (5, ["006", "007", "008"])
    assert result["mean_a"] == pytest.approx(0.6), "over the five"


def test_a_case_without_a_lesion_is_excluded_with_its_false_positive_volumes(compared, tmp_path):
    excluded = "excluded, not computed (NaN) in {}: 002, 003"
    told = "no lesion in the reference of 002 (false positives: A 0.5 mL, B {} mL), 003 (A 0.5 mL, B {} mL)"
    warnings = compared(SMALL_RUN, "gate/healthy@0")["warnings"]
    assert warnings == [told.format("1.5", "0"), excluded.format("B")]
    warnings = compared("loss/focal", "gate/healthy")["warnings"]
    assert warnings[-2:] == [told.format("2.5", "0"), excluded.format("B")], "the mean over seeds of 1.5 and 3.5 mL"
    path = tmp_path / "cases.csv"
    path.write_text("case_id,dsc,reference_ml,false_positive_ml\n001,0.5,3,1\n002,,0,7.25\n003,nan,0.0,\n004,0.6,3,1\n")
    warnings = compared(SMALL_RUN, path)["warnings"]
    assert (
        "no lesion in the reference of 002 (false positives: A 0.5 mL, B 7.25 mL), 003 (A 0.5 mL, B not recorded)"
        in warnings
    )


def test_a_run_is_compared_with_a_file_which_cannot_be_checked(compared, tmp_path):
    path = tmp_path / "table.csv"
    rows = [f"{case_id},{value},{place % 3}" for place, (case_id, value) in enumerate(zip(IDS, MIDDLE, strict=True))]
    path.write_text("\n".join(["case_id,dsc,fold", *rows]))
    result = compared(SMALL_RUN, path)
    assert result["t"] == pytest.approx(t_of(STEPS))
    assert (result["run_id_b"], result["b"]) == (None, str(path))
    unchecked, moved = result["warnings"]
    assert unchecked.startswith(f"{path} does not say which data, folds, metric digest")
    assert moved.startswith("in different folds in A and B: 003, 004, 005, 006;")


# --- Seed noise -------------------------------------------------------------------------------------------------------


def test_the_noise_of_seeds_stands_beside_a_comparison_of_two_runs(compared, main, recorded):
    result = compared(SMALL_RUN, MIDDLE_RUN)
    assert (result["seeds"]["a"], result["seeds"]["b"]) == (None, None)
    spread = result["seeds"]["baseline"]
    means = [statistics.fmean(SMALL) + by for by in (0.0, 0.03, -0.01)]
    assert spread["means"] == [pytest.approx(mean) for mean in means]
    assert (spread["sd"], spread["range"]) == (pytest.approx(statistics.stdev(means)), pytest.approx(0.04))
    assert result["baseline_run_ids"] == [recorded.ids[f"noise/baseline@{seed}"] for seed in range(3)]
    # The claim rests on the two folds alone: of the runs that are compared, each arm has one.
    assert (result["claim"]["basis"], result["claim"]["num_seeds_a"]) == ("folds", 1)
    assert result["claim"]["p"] == pytest.approx(stats.ttest_1samp([0.07, 0.01], 0).pvalue)
    assert (result["p"] < 0.05, result["outcome"]) == (True, "trained_models")
    _, stdout, _ = main("compare", SMALL_RUN, MIDDLE_RUN, "--out", recorded.out)
    (line,) = (line for line in stdout.splitlines() if "seeds (A/A)" in line)
    low, high = sd_interval(statistics.stdev(means), 3)
    spread = f"sd 0.021 (95% CI {low:.3f} to {high:.3f}), range 0.040"
    assert line.endswith(f"noise/baseline, seeds 0, 1, 2: mean 0.675, 0.705, 0.665; {spread}")


def test_noise_runs_that_are_not_there_change_nothing_but_what_is_told_of_them(compared, main, recorded, tmp_path):
    out = shutil.copytree(recorded.out, tmp_path / "copy")
    for seed in range(3):
        open_store(out).client.delete_run(recorded.ids[f"noise/baseline@{seed}"])
    code, stdout, stderr = main("compare", SMALL_RUN, MIDDLE_RUN, "--out", out, "--json")
    assert (code, stderr) == (0, "")
    with_noise, without = compared(SMALL_RUN, MIDDLE_RUN), json.loads(stdout)
    assert {name for name in with_noise if with_noise[name] != without[name]} == {"seeds", "baseline_run_ids"}


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (SMALL_RUN, "patchsize/48x48x24", "(TOST, counting cases and trainings by 2 folds)"),
        ("gate/steady", "gate/clear@1", "(TOST, counting cases and trainings by 4 folds)"),
        ("gate/steady", "gate/clear", "(TOST, counting cases, 3 + 3 seeds and 4 folds)"),
    ],
)
def test_equivalence_says_what_its_error_counts(compared, main, recorded, a, b, said):
    _, stdout, _ = main("compare", a, b, "--margin", 0.1, "--out", recorded.out)
    (line,) = (line for line in stdout.splitlines() if line.startswith("  equivalence"))
    assert said in line
    result = compared(a, b, "--margin", 0.1)
    t = (0.1 - abs(result["mean_diff"])) / result["claim"]["standard_error"]
    assert result["equivalence"]["p"] == pytest.approx(stats.t.sf(t, result["claim"]["df"]))
    assert (result["outcome"] == "equivalent") == (result["equivalence"]["p"] < 0.05)


def test_runs_never_count_as_seeds_of_an_arm_and_of_the_baseline(compared):
    result = compared("loss/focal", "loss/dice_ce")
    assert result["baseline_run_ids"] == [], "loss/focal is noise/baseline by another name"
    assert result["seeds"]["baseline"] is None
    one = compared("loss/focal@0", "loss/dice_ce@0")
    assert len(one["baseline_run_ids"]) == 3, "one run is no spread yet"
    same = compared("noise/baseline@0", "noise/baseline@1")
    assert same["baseline_run_ids"] == [], "one run is left"
    assert same["seeds"] == {"a": None, "b": None, "baseline": None}


def test_noise_of_other_code_or_data_is_not_used_and_says_why(compared):
    warnings = compared("gate/newer", "gate/newer")["warnings"]
    assert warnings == ["no seed noise from noise/baseline: its runs differ from these in source digest"]


# --- Speed ------------------------------------------------------------------------------------------------------------


def test_comparing_files_and_runs_imports_nothing_that_takes_long(recorded, tmp_path):
    for name, scores in (("a.csv", SMALL), ("b.csv", MIDDLE)):
        rows = [f"{case_id},{value}" for case_id, value in zip(IDS, scores, strict=True)]
        (tmp_path / name).write_text("\n".join(["case_id,dsc", *rows]))
    commands = [
        ["compare", str(tmp_path / "a.csv"), str(tmp_path / "b.csv")],
        ["compare", SMALL_RUN, MIDDLE_RUN, "--out", str(recorded.out)],
    ]
    heavy = {"mlflow", "torch", "pandas", "matplotlib", "optuna", "rich", "scipy.stats", "scipy.optimize"}
    said, names = imported(heavy, *commands)
    assert names == []
    assert said.count("paired t-test over cases, the paper's: t(7) = ") == 2


def test_listing_runs_and_help_import_nothing_that_takes_long(recorded):
    heavy = {"mlflow", "torch", "pandas", "matplotlib", "optuna", "numpy", "scipy", "sqlalchemy"}
    said, names = imported(heavy, ["runs", "--out", str(recorded.out)], ["--help"], ["compare", "--help"])
    assert names == []
    assert "24x24x8" in said


def test_a_deleted_run_is_not_compared(refused, recorded, tmp_path, main):
    out = tmp_path / "copy"
    shutil.copytree(recorded.out, out)
    open_store(out).client.delete_run(recorded.ids["patchsize/32x32x16@0"])
    code, _, stderr = main("compare", SMALL_RUN, MIDDLE_RUN, "--out", out)
    assert code == 2
    assert "has no run 'patchsize/32x32x16'" in stderr
