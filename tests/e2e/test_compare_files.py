"""`hemosweep compare` of two files: every row of the edge policy, and every format, through the command line.

Numbers are worked by hand, printed by R, or have a closed form.
"""

import json
import math

import pytest
from scipy import stats

from tests.imports import imported

KEYS = [
    *("status", "n", "mean_a", "mean_b", "mean_diff", "sd_diff", "ci95", "t", "df", "p", "stars", "dz", "wilcoxon_p"),
    *("permutation_p", "wins", "ties", "losses", "excluded", "warnings", "worst", "best", "groups", "folds", "verdict"),
]
# Extra hours of sleep with two drugs (Student 1908), the data set `sleep` of R; t.test(..., paired = TRUE) prints
# t = -4.0621, df = 9, p-value = 0.002833, 95 percent interval -2.4598858 to -0.7001142 for the first minus the second.
SLEEP_A = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_B = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
A = {"001": 0.5, "002": 0.6, "003": 0.7, "004": 0.8}
B = {"001": 0.6, "002": 0.6, "003": 0.8, "004": 0.7}


@pytest.fixture
def table(tmp_path):
    """Writes a file of columns; values as they are, so that a test decides how they look."""

    def write(name, columns, delimiter=","):
        lines = [
            delimiter.join(columns),
            *(delimiter.join(map(str, row)) for row in zip(*columns.values(), strict=True)),
        ]
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def scores(table):
    def write(name, by_case, **columns):
        return table(name, {"case_id": list(by_case), "dsc": list(by_case.values()), **columns})

    return write


@pytest.fixture
def refused(main):
    """The one line in which `compare` refuses."""

    def refused(*arguments):
        for options in ((), ("--json",)):
            code, stdout, stderr = main("compare", *arguments, *options)
            assert (code, stdout) == (2, ""), stdout
            (line,) = stderr.splitlines()
            assert line.startswith("error: ")
        return line

    return refused


def test_the_papers_t_test_is_what_r_prints_for_students_sleep_data(table, compared):
    ids = [f"{number:02}" for number in range(1, 11)]
    a = table("a.csv", {"case_id": ids, "hours": SLEEP_A})
    b = table("b.csv", {"case_id": ids[::-1], "hours": SLEEP_B[::-1]})
    result = compared(a, b, "--metric", "hours")
    assert result["t"] == pytest.approx(4.0621, abs=5e-5)
    assert result["df"] == 9
    assert result["p"] == pytest.approx(0.002833, abs=5e-7)
    assert result["ci95"] == [pytest.approx(0.7001142), pytest.approx(2.4598858)]
    assert (result["mean_a"], result["mean_b"]) == (pytest.approx(0.75), pytest.approx(2.33))
    assert result["mean_diff"] == pytest.approx(1.58)
    assert result["sd_diff"] == pytest.approx(1.229995, abs=5e-7)
    assert result["dz"] == pytest.approx(1.58 / 1.229995, rel=1e-6)
    assert result["stars"] == "***"
    # One difference is zero, the others are above: of the signs of nine, 2 patterns of 512 are as extreme.
    assert result["wilcoxon_p"] == result["permutation_p"] == pytest.approx(2 / 512)
    assert (result["wins"], result["ties"], result["losses"]) == (9, 1, 0)
    assert result["worst"] == [], "of ten patients nine slept longer, and one as long"
    assert result["best"][0] == {"case_id": "09", "diff": pytest.approx(4.6)}
    assert len(result["best"]) == 5


def test_the_keys_come_in_the_order_that_was_agreed(scores, compared):
    result = compared(scores("a.csv", A), scores("b.csv", B))
    assert list(result)[: len(KEYS)] == KEYS
    assert result["status"] == "ok"
    assert result["folds"] is None
    assert result["groups"] == []
    assert result["excluded"] == result["warnings"] == []


def test_the_text_has_the_headline_first_and_one_sentence_last(scores, main):
    code, stdout, stderr = main("compare", scores("a.csv", A), scores("b.csv", B))
    assert (code, stderr) == (0, "")
    lines = stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[:2]] == ["A", "B"]
    assert lines[3].startswith("DSC, 4 paired cases, mean ± sd: A 0.650 ± 0.129, B 0.675 ± 0.096")
    # Differences 0.1, 0, 0.1, -0.1: t = 0.025 / (0.0957 / 2), and 3.182 standard errors to either side.
    assert lines[4] == "B - A = +0.025 DSC, 95% CI -0.127 to +0.177"
    assert lines[5] == "paired t-test over cases, the paper's: t(3) = 0.522, p = 0.6376"
    assert lines[6] == "claim, counting seeds and folds: no value"
    assert lines[-1] == (
        "No evidence of a difference between A and B (mean difference +0.025 DSC over 4 paired cases, no p that counts "
        "trainings, as the folds are not known and not both arms have several seeds), nor of equality; seeds and "
        "training sets are not covered."
    )


# --- Verdicts ---------------------------------------------------------------------------------------------------------


FOLDS = [0, 0, 1, 1, 2, 2, 3, 3]
BEFORE = {f"{place:03}": 0.5 + 0.05 * place for place in range(8)}
UP = [0.05, 0.07, 0.06, 0.04, 0.07, 0.05, 0.06, 0.08]
# Some folds win and others lose, and every case of a fold does so.
BY_FOLD = [0.08, 0.07, 0.01, 0.0, 0.05, 0.06, -0.01, 0.0]
BOTH_WAYS = [0.02, -0.01, 0.0, 0.01, -0.02, 0.01, 0.01, -0.03]


def told(main, table, differences, *options, folds=FOLDS, metric="dsc"):
    """The JSON of `compare` and the last line that it prints, of BEFORE and BEFORE with these differences."""
    columns = {} if folds is None else {"fold": folds}
    after = [before + difference for before, difference in zip(BEFORE.values(), differences, strict=True)]
    a, b = (
        table(f"{name}.csv", {"case_id": [*BEFORE], metric: [f"{value:.6f}" for value in values]} | columns)
        for name, values in (("a", BEFORE.values()), ("b", after))
    )
    command = ("compare", a, b, "--metric", metric, *options)
    (code, stdout, stderr), (_, text, _) = main(*command, "--json"), main(*command)
    assert (code, stderr) == (0, "")
    result = json.loads(stdout)
    assert text.splitlines()[-1] == result["verdict"]
    return result


@pytest.mark.parametrize(
    ("differences", "options", "outcome", "begins"),
    [
        (UP, {}, "better", "B is better than A (mean difference +0.060 DSC over 8 paired cases, p = 0.0012 counting"),
        ([-up for up in UP], {}, "worse", "B is worse than A (mean difference -0.060 DSC over 8 paired cases, p = 0.0"),
        (UP, {"metric": "hd95_mm"}, "worse", "B is worse than A (mean difference +0.06 mm HD95 over 8 paired cases, p"),
        (UP, {"metric": "mine"}, "different", "B is higher than A (mean difference +0.06 mine over 8 paired cases, p"),
        (BOTH_WAYS, {}, "no_evidence", "No evidence of a difference between A and B (mean difference -0.001 DSC over"),
        ([d / 100 for d in UP], {}, "better", "B is better than A (mean difference +0.001 DSC over 8 paired cases, p"),
        ([d / 150 for d in UP], {}, "no_evidence", "No difference that three decimals show (mean difference +0.0"),
        (BY_FOLD, {}, "trained_models", "A and B differ on these trained models (mean difference +0.033 DSC over 8 p"),
        (UP, {"folds": None}, "trained_models", "A and B differ on these trained models (mean difference +0.060 DSC "),
        (UP, {"folds": [0] * 8}, "trained_models", "A and B differ on these trained models (mean difference +0.060"),
        ([0.0] * 8, {}, "not_testable", "Not testable: A and B score the same on all 8 paired cases."),
        (
            [0.05] * 8,
            {},
            "not_testable",
            "Not testable: B differs from A by the same +0.050 DSC on all 8 paired",
        ),
    ],
    ids=[
        *("better", "worse", "worse, as lower is better", "different", "no evidence", "the smallest that is printed"),
        *("too small to print", "some folds alone", "folds not known", "one fold", "identical", "a constant shift"),
    ],
)
def test_every_verdict_on_two_tables(main, table, differences, options, outcome, begins):
    result = told(main, table, differences, **options)
    assert result["outcome"] == outcome
    assert result["verdict"].startswith(begins)
    if outcome in ("better", "worse", "different"):
        assert result["claim"]["p"] < 0.05
    if outcome == "trained_models":
        assert result["p"] < 0.05
        assert result["claim"]["p"] is None or result["claim"]["p"] >= 0.05


@pytest.mark.parametrize(("margin", "outcome"), [(0.05, "equivalent"), (0.01, "no_evidence")])
def test_equivalence_holds_within_the_margin_or_is_not_shown(main, table, margin, outcome):
    result = told(main, table, BOTH_WAYS, "--margin", margin)
    assert (result["outcome"], result["equivalence"]["shown"]) == (outcome, outcome == "equivalent")
    begins = "A and B are equivalent within ±0.05 DSC (" if outcome == "equivalent" else "No evidence of a difference"
    assert result["verdict"].startswith(begins)


def test_the_claim_of_one_seed_is_students_test_over_the_folds_and_never_better_than_over_their_cases(main, table):
    # Fold means of 0.06, 0.05, 0.06, 0.07 have a variance of 0.0002 / 3 / 4 = 1.67e-5. Cases are 0.01 from them, that
    # is 8 * 0.0001 / 4 / 8 = 2.5e-5, and more. t = 0.06 / 0.005.
    claim = told(main, table, UP)["claim"]
    assert (claim["basis"], claim["num_folds"], claim["df"]) == ("folds", 4, 3)
    assert (claim["standard_error"], claim["t"]) == (pytest.approx(0.005), pytest.approx(12))
    assert claim["p"] == pytest.approx(2 * stats.t.sf(12, 3))
    # 0.075, 0.005, 0.055, -0.005 have more, and are what counts: p is that over the folds.
    result = told(main, table, BY_FOLD)
    assert result["claim"]["p"] == pytest.approx(stats.ttest_1samp([0.075, 0.005, 0.055, -0.005], 0).pvalue)
    assert result["claim"]["p"] == pytest.approx(result["folds"]["test"]["p"])


@pytest.mark.parametrize(
    ("names_a", "names_b"),
    [
        (["0", "1", "2", "3"], ["fold_0", "fold_1", "fold_2", "fold_3"]),
        (["0", "1", "2", "3"], ["1", "2", "3", "4"]),
        (["fold_1", "fold_2", "fold_3", "fold_4"], ["0", "1", "2", "3"]),
        (["0", "1", "2", "3"], ["3", "2", "0", "1"]),
    ],
    ids=["with a word before the number", "counted from 1", "both", "in another order"],
)
def test_folds_of_other_names_are_the_same_where_the_same_cases_are_together(scores, compared, names_a, names_b):
    after = {case_id: f"{value + up:.6f}" for (case_id, value), up in zip(BEFORE.items(), UP, strict=True)}

    def result(names_a, names_b):
        a = scores("a.csv", BEFORE, fold=[names_a[fold] for fold in FOLDS])
        return compared(a, scores("b.csv", after, fold=[names_b[fold] for fold in FOLDS]))

    renamed, alike = result(names_a, names_b), result(names_a, names_a)
    assert renamed == alike
    assert (renamed["outcome"], renamed["warnings"]) == ("better", [])


def test_a_case_in_another_fold_is_named_whatever_the_folds_are_called(scores, compared):
    moved = ["fold_1", "fold_1", "fold_2", "fold_2", "fold_3", "fold_3", "fold_4", "fold_1"]
    after = {case_id: f"{value + up:.6f}" for (case_id, value), up in zip(BEFORE.items(), UP, strict=True)}
    result = compared(scores("a.csv", BEFORE, fold=FOLDS), scores("b.csv", after, fold=moved))
    (warning,) = result["warnings"]
    assert warning.startswith("in different folds in A and B: 007;")
    assert (result["folds"], result["claim"]["p"], result["outcome"]) == (None, None, "trained_models")


# --- The edge policy --------------------------------------------------------------------------------------------------


def test_identical_columns_have_no_p_and_no_stars(scores, compared):
    result = compared(scores("a.csv", A), scores("b.csv", A))
    assert (result["status"], result["n"], result["stars"]) == ("identical", 4, "")
    assert [result[name] for name in ("t", "df", "p", "ci95", "dz", "wilcoxon_p", "permutation_p")] == [None] * 7
    assert result["mean_diff"] == 0
    assert (result["wins"], result["ties"], result["losses"]) == (0, 4, 0)
    assert result["verdict"].startswith("Not testable: A and B score the same on all 4 paired cases")


def test_a_constant_shift_has_no_t_and_no_p(scores, compared):
    shifted = {case_id: round(value + 0.1, 3) for case_id, value in A.items()}
    result = compared(scores("a.csv", A), scores("b.csv", shifted))
    assert (result["status"], result["stars"]) == ("zero_variance", "")
    assert [result[name] for name in ("t", "df", "p", "ci95", "dz")] == [None] * 5
    assert result["mean_diff"] == pytest.approx(0.1)
    assert result["permutation_p"] == pytest.approx(2 / 2**4)


@pytest.mark.parametrize(("common", "status"), [(["001"], "too_few_pairs"), (["001", "002"], "ok")])
def test_fewer_than_two_pairs_have_no_test_and_their_number_is_told(scores, compared, common, status):
    few = {case_id: B[case_id] for case_id in common} | {"999": 0.5}
    result = compared(scores("a.csv", A), scores("b.csv", few))
    assert (result["status"], result["n"]) == (status, len(common))
    assert (result["p"] is None) == (status == "too_few_pairs")


def test_no_pair_at_all_is_told_like_one(scores, main):
    a, b = scores("a.csv", {"001": "nan", "002": 0.5}), scores("b.csv", {"001": 0.5, "002": "nan"})
    code, stdout, stderr = main("compare", a, b)
    assert (code, stderr) == (0, "")
    lines = stdout.splitlines()
    assert lines[3] == "DSC: 0 paired cases"
    assert lines[-1] == "Not testable: the t-test needs two paired cases and there are none."
    result = json.loads(main("compare", a, b, "--json")[1])
    assert (result["status"], result["n"], result["excluded"]) == ("too_few_pairs", 0, ["001", "002"])
    assert [result[name] for name in ("mean_a", "mean_b", "mean_diff", "sd_diff", "p")] == [None] * 5


def test_not_computed_missing_and_extra_cases_are_excluded_and_every_id_is_named(scores, compared):
    a = A | {"005": "nan", "006": "", "007": 0.5, "008": 0.5}
    b = B | {"005": 0.5, "006": 0.5, "007": "NA", "009": 0.5}
    result = compared(scores("a.csv", a), scores("b.csv", b))
    assert result["n"] == 4
    assert result["excluded"] == ["005", "006", "007", "008", "009"]
    assert result["warnings"] == [
        "excluded, not scored in A: 009",
        "excluded, not scored in B: 008",
        "excluded, not computed (NaN) in A: 005, 006",
        "excluded, not computed (NaN) in B: 007",
    ]
    assert result["mean_a"] == pytest.approx(0.65), "over the paired cases only"


def test_an_infinite_value_excludes_its_case_and_names_it(scores, compared):
    result = compared(scores("a.csv", A | {"005": 0.5}), scores("b.csv", B | {"005": "inf"}))
    assert (result["n"], result["excluded"]) == (4, ["005"])
    assert result["warnings"] == ["excluded, infinite in B: 005"]


@pytest.mark.parametrize(
    ("a", "parts"),
    [
        (A | {"002": 1.2}, ("A: DSC outside [0, 1] in 002 (1.2)",)),
        (A | {"002": -0.1}, ("A: DSC outside [0, 1] in 002 (-0.1)",)),
        ({case_id: 100 * value for case_id, value in A.items()}, ("001 (50)", "004 (80)", "divide by 100")),
        ({"1": 0.5, "2": 0.6}, ("A (1, 2) and B (001, 002, 003, 004) share no case id",)),
        (A | {"002": "good"}, ("a.csv, case 002: dsc is 'good'", "write a number")),
        (A | {"002": "1_0"}, ("a.csv, case 002: dsc is '1_0'",)),
        (A | {"": 0.5}, ("a.csv: a line without case_id",)),
        (A | {"002": 1.0000001}, ("A: DSC outside [0, 1] in 002 (1.0000001)",)),
        (A | {"002": 1e200}, ("A: DSC outside [0, 1] in 002 (1e+200)",)),
        (A | {"002": '"0,6"'}, ("a.csv, case 002: dsc is '0,6'", "with a decimal point")),
    ],
    ids=[
        *("too large", "negative", "percent", "disjoint ids", "a word", "underscore", "no id", "a little too large"),
        *("far too large", "decimal comma beside commas"),
    ],
)
def test_what_cannot_be_is_refused_with_its_case(scores, refused, a, parts):
    line = refused(scores("a.csv", a), scores("b.csv", B))
    for part in parts:
        assert part in line


def test_a_case_that_comes_twice_is_refused_with_its_id(table, scores, refused):
    twice = table("a.csv", {"case_id": ["001", "002", "001", "003", "002"], "dsc": [0.5, 0.6, 0.5, 0.7, 0.6]})
    assert f"{twice}: more than one row for 001, 002" in refused(twice, scores("b.csv", B))


def test_ids_are_text(scores, compared):
    a, b = {"001": 0.1, "1": 0.9, "1.0": 0.4, "1e0": 0.5}, {"1.0": 0.3, "1e0": 0.6, "1": 0.8, "001": 0.3}
    result = compared(scores("a.csv", a), scores("b.csv", b))
    assert result["n"] == 4
    assert {row["case_id"]: round(row["diff"], 9) for row in (*result["best"], *result["worst"])} == {
        **{"001": 0.2, "1": -0.1},
        **{"1.0": -0.1, "1e0": 0.1},
    }


def test_a_case_in_different_folds_is_a_warning_that_names_it(scores, compared):
    a = scores("a.csv", A, fold=[0, 0, 1, 1])
    result = compared(a, scores("b.csv", B, fold=[0, 1, 0, 1]))
    (warning,) = result["warnings"]
    assert warning.startswith("in different folds in A and B: 002, 003;")
    assert result["folds"] is None
    same = compared(a, scores("b.csv", B, fold=["0.0", "0.0", "1.0", "1.0"]))
    assert same["warnings"] == []
    # Fold means of 0.1, 0, 0.1, -0.1: 0.05 and 0.
    assert [fold["mean_diff"] for fold in same["folds"]["means"]] == [pytest.approx(0.05), pytest.approx(0.0)]
    assert same["folds"]["test"]["t"] == pytest.approx(1.0)
    assert same["folds"]["test"]["p"] == pytest.approx(0.5), "one degree of freedom: 1 - 2 atan(1) / pi"


def test_an_outlier_is_a_warning_with_its_case(scores, compared):
    a = {f"{number:03}": 0.5 for number in range(20)}
    b = {case_id: 0.5 + 0.01 * (int(case_id) % 5) for case_id in a} | {"013": 0.95}
    (warning,) = compared(scores("a.csv", a), scores("b.csv", b))["warnings"]
    assert warning.startswith("outlier among the differences: 013 (+0.450 DSC, z = ")


# --- What else a file can say -----------------------------------------------------------------------------------------


def test_ivh_groups_and_their_interaction_come_from_the_column(scores, compared):
    a = scores("a.csv", A, ivh=["yes", "yes", "No", "no"])
    result = compared(a, scores("b.csv", B))
    ivh, no_ivh = result["groups"]
    assert (ivh["n"], ivh["mean_diff"], no_ivh["n"], no_ivh["mean_diff"]) == (
        *(2, pytest.approx(0.05)),
        *(2, pytest.approx(0.0)),
    )
    # 0.1, 0 against 0.1, -0.1: means 0.05 and 0, variances 0.005 and 0.02 of two each.
    assert result["interaction"]["t"] == pytest.approx(0.05 / math.sqrt(0.005 / 2 + 0.02 / 2))


def test_labels_on_which_the_files_disagree_are_not_known_and_the_cases_are_named(scores, compared):
    a = scores("a.csv", A, ivh=["yes", "yes", "no", "n/a"])
    result = compared(a, scores("b.csv", B, ivh=["yes", "no", "no", "yes"]))
    assert [group["n"] for group in result["groups"]] == [2, 1]
    assert result["warnings"] == [
        "A and B do not agree on the IVH label of 002; taken as not known",
        "in neither IVH group, no label: 002",
    ]


def test_two_scans_of_one_patient_are_told_by_their_cases_alone(scores, main):
    patients = ["Doe, Jane"] * 2 + ["x", "y"]
    ids = [f'"{name}"' for name in patients]
    a = scores("a.csv", A, patient_id=ids)
    code, stdout, _ = main("compare", a, scores("b.csv", B, patient_id=ids), "--json")
    assert code == 0
    result = json.loads(stdout)
    (warning,) = result["warnings"]
    assert warning.startswith("cases of one patient count as independent pairs: 001 and 002;")
    # One mean of 0.1 and 0, then 0.1 and -0.1.
    assert result["patients"]["test"]["mean"] == pytest.approx(0.05 / 3)
    assert "Jane" not in stdout


def test_equivalence_is_tested_where_a_margin_is_given(scores, compared, refused):
    a, b = scores("a.csv", A, fold=[0, 1, 2, 3]), scores("b.csv", B, fold=[0, 1, 2, 3])
    assert compared(a, b)["equivalence"] is None
    result = compared(a, b, "--margin", 0.2)
    # A fold a case. Mean 0.025, standard error 0.0957 / 2: the larger of the one-sided t is -0.175 / 0.04787 = -3.656
    # on 3 degrees.
    assert result["equivalence"]["p"] == pytest.approx(0.0177, abs=5e-5)
    assert result["verdict"].startswith("A and B are equivalent within ±0.2 DSC")
    assert "margin 0: give the largest difference" in refused(a, b, "--margin", 0)
    without_folds = compared(scores("c.csv", A), scores("d.csv", B), "--margin", 0.2)
    assert (without_folds["equivalence"], without_folds["outcome"]) == (None, "no_evidence")
    assert "nor of equivalence within ±0.2 DSC" in without_folds["verdict"]


def test_another_metric_is_compared_its_own_way(scores, compared, refused):
    distances = {"hd95_mm": [4.0, 9.0, 12.0, 3.0]}
    a, b = scores("a.csv", A, **distances), scores("b.csv", B, hd95_mm=[5.0, 9.0, 40.0, 2.0])
    result = compared(a, b, "--metric", "hd95_mm")
    assert (result["wins"], result["ties"], result["losses"]) == (1, 1, 2)
    assert result["worst"][0] == {"case_id": "003", "diff": 28.0}
    line = refused(a, b, "--metric", "nsd")
    assert f"{a}: no metric 'nsd'; its columns are case_id, dsc, hd95_mm" in line


def test_rounding_at_the_bounds_of_a_score_is_no_error(scores, compared):
    a = scores("a.csv", A | {"001": "1.0000000000000002", "002": "-1e-17"})
    assert compared(a, scores("b.csv", B))["n"] == 4


@pytest.mark.parametrize("missing", ["nan", "NaN", "-nan", "#N/A", "<NA>", "NA", "None", "null", "-nan(ind)", ""])
def test_no_number_is_no_number_whatever_program_wrote_it(scores, compared, missing):
    result = compared(scores("a.csv", A), scores("b.csv", B | {"002": missing}))
    assert (result["n"], result["excluded"]) == (3, ["002"])


@pytest.mark.parametrize("name", ["hd95_mm", "hd95", "HD95", "haus95"])
def test_a_distance_is_better_where_it_is_lower_by_whatever_name_people_know_it(scores, compared, name):
    folds = [0, 1, 2, 3]
    a = scores("a.csv", A, **{name: [10, 12, 8, 20]}, fold=folds)
    b = scores("b.csv", B, **{name: [8, 9, 7, 15]}, fold=folds)
    result = compared(a, b, "--metric", name)
    assert (result["wins"], result["losses"], result["outcome"], result["warnings"]) == (4, 0, "better", [])
    assert compared(b, a, "--metric", name)["outcome"] == "worse"


def test_a_header_in_other_letters_is_the_same_header(table, scores, compared, refused):
    a = table("a.csv", {"Case_ID": list(A), "DSC": list(A.values()), "Fold": [0, 1, 0, 1], "IVH": ["No"] * 4})
    result = compared(a, scores("b.csv", B, fold=[0, 1, 0, 1]))
    assert (result["n"], result["folds"]["means"][0]["n"], result["groups"][1]["n"]) == (4, 2, 4)
    typed = compared(a, scores("b.csv", B), "--metric", "DSC")
    assert (typed["p"], typed["metric"]["higher_is_better"]) == (result["p"], True)
    percent = table("p.csv", {"case_id": list(A), "DSC": [50, 60, 70, 80]})
    assert "looks like percent" in refused(percent, percent, "--metric", "DSC")


@pytest.mark.parametrize("name", ["case_id", "fold", "ivh", "patient_id"])
def test_what_is_no_score_is_no_metric(scores, refused, name):
    a = scores("a.csv", A, fold=[0] * 4, ivh=["no"] * 4, patient_id=[1, 2, 3, 4])
    assert f"{name!r} is no score" in refused(a, a, "--metric", name)


def test_values_too_large_to_compute_with_are_refused(scores, refused):
    a = scores("a.csv", A, hd95_mm=[1e300, 1e308, 1.0, 2.0])
    line = refused(a, scores("b.csv", B, hd95_mm=[1.0, 2.0, 3.0, 4.0]), "--metric", "hd95_mm")
    assert "A: HD95 too large to compute with in 001 (1e+300), 002 (1e+308)" in line


def test_comparing_two_files_imports_nothing_that_takes_longer_than_the_comparison(scores):
    a = scores("a.csv", A | {f"1{place}": 0.1 for place in range(60)}, fold=[0] * 32 + [1] * 32, ivh=["yes", "no"] * 32)
    b = scores("b.csv", B | {f"1{place}": 0.1 + place / 100 for place in range(60)})
    heavy = {
        *("mlflow", "torch", "pandas", "matplotlib", "optuna", "rich", "sqlalchemy", "nibabel", "SimpleITK"),
        *(f"scipy.{name}" for name in ("stats", "optimize", "linalg", "sparse", "spatial", "ndimage", "interpolate")),
    }
    said, names = imported(heavy, ["compare", str(a), str(b), "--margin", "0.1"])
    assert names == []
    for printed in ("Wilcoxon", "BCa", "Shapiro-Wilk", "IVH against no IVH", "detectable", "equivalen"):
        assert printed in said


# --- Formats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "case_id\tdsc\n001\t0.6\n002\t0.6\n003\t0.8\n004\t0.7\n",
        "\ufeffcase_id;dsc\r\n001;0,6\r\n002;0,6\r\n\r\n003;0,8\r\n004;0,7\r\n",
        ' dsc , case_id \n0.6,"001"\n0.6, 002\n0.8,003 \n0.7,004',
        "\n\ncase_id;dsc\n001;0,6\n002;0,6\n003;0,8\n004;0,7\n",
        'case_id,dsc,"remark; free"\n001,0.6,x\n002,0.6,\n003,0.8,y;z\n004,0.7,\n',
        "case_id,dsc\r001,0.6\r002,0.6\r003,0.8\r004,0.7\r",
    ],
    ids=[
        *("tabs", "a spreadsheet's semicolons and decimal commas", "quotes and blanks", "blank lines first"),
        *("a semicolon in another column's name", "old line ends"),
    ],
)
def test_the_ways_to_write_a_table(tmp_path, scores, compared, content):
    path = tmp_path / "b.tsv"
    path.write_text(content, encoding="utf-8", newline="")
    result = compared(scores("a.csv", A), path)
    assert (result["n"], result["mean_b"]) == (4, pytest.approx(0.675))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "no cases in it"),
        ("case_id,dsc\n", "no cases in it"),
        ("case_id,dsc\n001,0.5,0.6\n", "line 2: 3 cells where the header has 2"),
        ("case_id,dsc,dsc\n001,0.5,0.6\n", "more than one column dsc"),
        ("name,dsc\n001,0.5\n", "no column 'case_id'; its columns are name, dsc"),
        ('case_id,dsc\n"001,0.5\n', "line 2: unexpected end of data"),
    ],
    ids=["nothing", "no rows", "ragged", "two columns of a name", "no id", "open quote"],
)
def test_a_table_that_cannot_be_read_is_told_with_its_place(tmp_path, scores, refused, content, part):
    path = tmp_path / "a.csv"
    path.write_text(content)
    line = refused(path, scores("b.csv", B))
    assert str(path) in line
    assert part in line


def test_a_file_that_is_not_there_or_no_text(tmp_path, scores, refused):
    b = scores("b.csv", B)
    assert f"{tmp_path / 'none.csv'}: no such file" in refused(tmp_path / "none.csv", b)
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text" in refused(path, b)
    path.write_bytes(b"case_id,dsc\n00\x001,0.5\n")
    assert "is not UTF-8 text" in refused(path, b)
    assert f"{tmp_path}: is a folder; give a file in it" in refused(tmp_path, b)


@pytest.fixture
def nnunet(tmp_path):
    """nnU-Net v2's summary.json; scores are (Dice, n_ref)."""

    def write(name, by_label, folder="/data/predictions"):
        cases = next(iter(by_label.values()))
        entries = [
            {
                "metrics": {
                    label: {"Dice": values[case_id][0], "FN": 1, "FP": 2, "n_pred": 9, "n_ref": values[case_id][1]}
                    for label, values in by_label.items()
                },
                "prediction_file": f"{folder}/{case_id}.nii.gz",
                "reference_file": f"/data/labelsTr/{case_id}.nii.gz",
            }
            for case_id in cases
        ]
        path = tmp_path / name
        path.write_text(json.dumps({"foreground_mean": {"Dice": 0.5}, "mean": {}, "metric_per_case": entries}))
        return path

    return write


def counted(by_case):
    return {case_id: (value, 100) for case_id, value in by_case.items()}


def test_nnunets_summary_is_compared_by_the_name_of_its_predictions(nnunet, scores, compared):
    windows = nnunet("summary.json", {"1": counted(B)}, folder="C:\\data\\out")
    result = compared(scores("a.csv", A), windows)
    assert (result["n"], result["mean_diff"], result["b"]) == (4, pytest.approx(0.025), str(windows))
    assert compared(nnunet("other.json", {"1": counted(A)}), windows)["mean_diff"] == pytest.approx(0.025)


def test_an_empty_reference_has_no_dice_whatever_nnunet_wrote(nnunet, scores, compared):
    b = nnunet("b.json", {"1": counted(B) | {"005": (0.0, 0), "006": (math.nan, 0)}})
    result = compared(scores("a.csv", A | {"005": 0.5, "006": 0.5}), b)
    assert result["excluded"] == ["005", "006"]
    assert result["warnings"][0] == f"{b}: undefined, label 1 is not in the reference: 005, 006"


def test_a_summary_with_several_labels_asks_for_one(nnunet, refused, compared):
    regions = {"0": counted(B), "1": counted(A), "(1, 2)": counted(B)}
    a, b = nnunet("a.json", regions), nnunet("b.json", regions)
    assert "scores of labels 1; (1, 2); choose one with --label" in refused(a, b)
    assert "no label '3'; it has 1; (1, 2)" in refused(a, b, "--label", 3)
    result = compared(a, b, "--label", "1", "--label", "1,2")
    assert result["mean_diff"] == pytest.approx(0.025)
    assert (result["a"], result["b"]) == (f"{a} (label 1)", f"{b} (label (1, 2))")
    assert compared(a, b, "--label", "1")["status"] == "identical"
    assert compared(a, b, "--label", "1", "--metric", "n_pred")["status"] == "identical"
    assert "no metric 'nsd'; it has dsc, FN, FP, n_pred, n_ref" in refused(a, b, "--label", "1", "--metric", "nsd")


@pytest.mark.parametrize(
    "content",
    [
        *("{}", "[1, 2]", "{broken", '{"metric_per_case": [{"metrics": {"1": {}}}]}', '{"metric_per_case": [3]}'),
        *('{"metric_per_case": {"a": 1}}', '{"metric_per_case": [{"prediction_file": "a", "metrics": {"1": 3}}]}'),
        "[" * 100_000,
    ],
    ids=range(8),
)
def test_json_that_is_no_summary_is_refused(tmp_path, scores, refused, content):
    path = tmp_path / "summary.json"
    path.write_text(content)
    assert f"{path}: not nnU-Net's summary.json" in refused(path, scores("b.csv", B))


def test_mists_results_are_compared_without_the_statistics_below_them(table, scores, compared, refused):
    statistics = ["Mean", "Std", "25th Percentile", "Median", "75th Percentile"]
    b = table(
        "results.csv",
        {
            "id": [*B, *statistics],
            "blood_dice": [*B.values(), *[0.7] * 5],
            "blood_haus95": [*[3.0] * 4, *[3.0] * 5],
            "ivh_haus95": [*[4.0, 5.0, 6.0, 7.0], *[5.0] * 5],
            "blood_surf_dice": [0.5] * 9,
            "blood_lesion_wise_dice": [0.5] * 9,
        },
    )
    result = compared(scores("a.csv", A), b)
    assert (result["n"], result["mean_b"], result["excluded"]) == (4, pytest.approx(0.675), [])
    a = scores("a.csv", A, hd95_mm=[3.0, 4.0, 5.0, 6.0])
    assert "scores of labels blood; ivh; choose one with --label" in refused(a, b, "--metric", "hd95_mm")
    assert compared(a, b, "--metric", "hd95_mm", "--label", "ivh")["mean_diff"] == pytest.approx(1.0)
    assert "no metric 'assd_mm'; it has dsc, hd95_mm, nsd, lesion_wise_dice (its columns are id, blood_dice" in refused(
        scores("a.csv", A, assd_mm=[1.0] * 4), b, "--metric", "assd_mm"
    )


def test_scores_of_different_programs_are_compared_with_a_warning(nnunet, table, compared):
    b = table("results.csv", {"id": list(B), "blood_dice": list(B.values())})
    (warning,) = compared(nnunet("a.json", {"1": counted(A)}), b)["warnings"]
    assert warning.startswith("A was scored by nnU-Net and B by MIST: ")


def test_a_label_where_no_file_has_labels_is_refused(scores, refused):
    a, b = scores("a.csv", A), scores("b.csv", B)
    assert "--label 1: neither" in refused(a, b, "--label", 1)
    assert "give one for both sides, or one each" in refused(a, b, "--label", 1, "--label", 2, "--label", 3)


def test_what_too_many_cases_leave_out_is_said(main, scores):
    cases = {f"{place:05}": 0.5 + 0.0001 * (place % 7) for place in range(10_001)}
    shifted = {case_id: value + 0.001 * (place % 3) for place, (case_id, value) in enumerate(cases.items())}
    code, stdout, _ = main("compare", scores("a.csv", cases), scores("b.csv", shifted))
    assert code == 0
    (line,) = (line for line in stdout.splitlines() if "BCa" in line)
    assert line.split("BCa bootstrap")[1].strip() == "not computed: more than 10,000 cases"


def test_case_ids_in_either_unicode_form_are_one_case_in_every_format(compared, scores, tmp_path):
    composed, decomposed = "M\u00fcller", "Mu\u0308ller"
    ours = scores("a.csv", {composed: 0.5, "002": 0.6, "003": 0.7}, patient_id=[composed, "P2", decomposed])
    theirs = scores("b.csv", {decomposed: 0.6, "002": 0.6, "003": 0.9})
    nnunet = tmp_path / "summary.json"
    cases = [
        {"prediction_file": f"/out/{case_id}.nii.gz", "metrics": {"1": {"Dice": dice, "n_ref": 9}}}
        for case_id, dice in ((decomposed, 0.6), ("002", 0.6), ("003", 0.9))
    ]
    nnunet.write_text(json.dumps({"metric_per_case": cases}))
    mist = tmp_path / "results.csv"
    mist.write_text(f"id,tumor_dice\n{decomposed},0.6\n002,0.6\n003,0.9\nMean,0.7\n", encoding="utf-8")
    for other in (theirs, nnunet, mist):
        result = compared(ours, other)
        assert (result["n"], result["excluded"]) == (3, [])
        assert result["mean_diff"] == pytest.approx(0.1)
        assert result["patients"]["shared"] == [["003", composed]]


def test_a_case_in_two_unicode_forms_is_a_case_twice(main, scores):
    twice = scores("a.csv", {"M\u00fcller": 0.5, "Mu\u0308ller": 0.6})
    code, stdout, stderr = main("compare", twice, scores("b.csv", {"M\u00fcller": 0.5}))
    assert (code, stdout) == (2, "")
    assert "more than one row for M\u00fcller; keep one row a case" in stderr
