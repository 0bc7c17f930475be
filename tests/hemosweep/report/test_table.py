import io

import pytest
from rich.console import Console

from hemosweep.report.terminal.lines import Fitted
from hemosweep.report.terminal.table import UNDEFINED, ArmRow, arm_table, comparison_table, family_table
from hemosweep.stats import paired_comparison
from hemosweep.stats.multiple_testing import FamilyComparison

LONGEST_ARM = "lesion+hyperdense/symmetric"
ARM = ArmRow(
    arm=LONGEST_ARM,
    dsc=(0.8571, 0.0852),
    ivh=(0.728, 0.107),
    no_ivh=(0.879, 0.057),
    min=0.581,
    max=0.964,
    seconds=12345.6,
    paper=(0.857, 0.085),
)
UNDEFINED_ARM = ArmRow(
    arm="[none]", dsc=None, ivh=None, no_ivh=(0.5, None), min=None, max=float("nan"), seconds=None, paper=None
)
A = {"s1": 0.50, "s2": 0.60, "s3": 0.70}
B = {"s1": 0.60, "s2": 0.80, "s3": 1.00}
# Fold means 0.15 of two cases and 0.3 of one differ from 0.2 by 0.05 and 0.1: the variance of the mean is
# 2 ((2/3)² 0.0025 + (1/3)² 0.01) = 1/225, t = 0.2 * 15 = 3 with one degree of freedom, and p = 1 - 2 atan(3) / π.
FOLDS = {"s1": 0, "s2": 0, "s3": 1}
CLAIM_P = "0.2048"


def lines(table, width=100):
    console = Console(width=width, file=io.StringIO())
    console.print(Fitted(table))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def row(name, a, b, folds=None, **changes):
    comparison = paired_comparison(a, b, folds_a=folds, folds_b=folds)
    return FamilyComparison(
        a=name, b="y", comparison=comparison, **{"holm_p": None, "bh_p": None, "paper_p": None, **changes}
    )


def test_an_arm_takes_one_line_of_100_columns():
    text = lines(arm_table([ARM]))
    assert " ".join(text[-1].split()) == (
        f"{LONGEST_ARM} 0.857 ±0.085 0.728 ±0.107 0.879 ±0.057 0.581 0.964 12346 0.857 ±0.085"
    )
    assert max(map(len, text)) <= 100


def test_undefined_arm_figures_print_as_a_dash_and_brackets_in_a_name_stay():
    assert lines(arm_table([UNDEFINED_ARM]))[-1].split() == ["[none]", *[UNDEFINED] * 2, "0.500", *[UNDEFINED] * 3]


def test_an_ablation_that_the_paper_does_not_print_has_no_column_of_it():
    for table in (arm_table([UNDEFINED_ARM]), comparison_table([row("x", A, B)])):
        assert "paper" not in "\n".join(lines(table))
    assert "paper" in "\n".join(lines(arm_table([UNDEFINED_ARM, ARM])))


def test_arm_names_and_numbers_stay_whole_in_80_columns():
    text = "\n".join(lines(arm_table([ARM]), width=80))
    for whole in (LONGEST_ARM, "0.857", "±0.085", "0.581", "12346"):
        assert whole in text
    assert "…" not in text


def test_a_comparison_prints_the_test_the_claim_and_the_papers_p():
    text = lines(comparison_table([row("x", A, B, FOLDS, holm_p=0.40967, paper_p="<0.01")]))
    assert "claim Holm" in " ".join(text[0].split())
    assert " ".join(text[-1].split()) == f"x → y 3 +0.200 [-0.048,+0.448] 3.46 0.0742 {CLAIM_P} 0.4097 <0.01"


def test_without_folds_and_seeds_the_claim_is_a_dash():
    assert lines(comparison_table([row("x", A, B)]))[-1].split()[-3:] == ["0.0742", UNDEFINED, UNDEFINED]
    (first,) = (line.split() for line in lines(family_table([row("x", A, B)])) if "0.0742" in line)
    assert first[5:] == [*[UNDEFINED] * 3, "0.0742", "2.00"]


def test_stars_and_tiny_p_values():
    b = {case: value + 0.1 + 0.0001 * i for i, (case, value) in enumerate(A.items())}
    text = lines(comparison_table([row("x", A, b, holm_p=0.00001)]))[-1]
    assert "****" in text
    assert "<0.0001" in text


@pytest.mark.parametrize(
    ("b", "n", "difference"), [(A, 3, "+0.000"), ({"s1": 0.6}, 1, "+0.100"), ({"s1": float("nan")}, 0, UNDEFINED)]
)
def test_a_comparison_without_a_test_prints_dashes(b, n, difference):
    cells = lines(comparison_table([row("x", A, b)]))[-1].split()
    assert cells == ["x", "→", "y", str(n), difference, *[UNDEFINED] * 5]


def test_a_comparison_stays_whole_in_80_columns():
    text = "\n".join(lines(comparison_table([row("lesion+hyperdense", A, B, FOLDS, holm_p=0.40967)]), width=80))
    for whole in ("lesion+hyperdense", "+0.200", "[-0.048,+0.448]", "0.0742", CLAIM_P, "0.4097"):
        assert whole in text
    assert "…" not in text


def test_a_family_stays_whole_in_80_columns_with_the_test_of_the_family_before_the_papers():
    b = {case: value + 0.1 + 0.0001 * i for i, (case, value) in enumerate(A.items())}
    adjusted = {"holm_p": 0.00002, "bh_p": 0.14836, "paper_p": "<0.001"}
    rows = [row("brain+lesion+hyperdense", A, b, FOLDS, **adjusted), row("a", A, B, FOLDS, **adjusted)]
    text = lines(family_table(rows), width=80)
    assert max(map(len, text)) <= 80
    assert "…" not in "".join(text)
    for whole in ("+0.200", "[-0.048,+0.448]", "[+0.100,+0.100]", "<0.0001", "0.1484", "****", "<0.001"):
        assert whole in "\n".join(text)
    (first,) = (line.split() for line in text if "0.0742" in line)
    assert first == ["a", "→", "y", "3", "+0.200", "<0.0001", "0.1484", CLAIM_P, "0.0742", "2.00", "<0.001"]


def test_empty_tables_render():
    assert lines(arm_table([]))
    assert lines(comparison_table([]))
    assert lines(family_table([]))
