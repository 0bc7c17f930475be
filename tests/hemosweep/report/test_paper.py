import pytest

from hemosweep.report.paper.claims import paper_claim, paper_claims, paper_headline, standing
from hemosweep.report.paper.printed import PaperArm, paper_arm, paper_difference, paper_notes
from hemosweep.stats.multiple_testing import adjusted
from hemosweep.stats.paired import paired_comparison


def test_the_final_configuration_is_as_printed_in_table_4():
    assert paper_arm("symmetric", "lesion|hyperdense/symmetric") == PaperArm(
        dsc=(0.862, 0.074), ivh=(0.777, 0.101), no_ivh=(0.876, 0.059), min=0.632, max=0.957
    )


def test_what_the_paper_does_not_print_is_none():
    arm = paper_arm("patchsize", "24x24x8")
    assert (arm.dsc, arm.ivh, arm.no_ivh, arm.min, arm.max) == ((0.759, 0.183), None, None, None, 0.958)


def test_arms_and_sweeps_that_the_paper_does_not_have():
    assert paper_arm("patchsize", "8x8x8") is None
    assert paper_arm("noise", "se_unet") is None
    assert paper_claim("noise", "unet", "se_unet") is None


def test_a_claim_belongs_to_both_its_arms_and_carries_the_bound():
    assert paper_claim("se", "unet", "se_unet").p == "<0.01"
    assert paper_claim("sampling", "brain+lesion", "brain+lesion+center").p == ">0.05"
    assert paper_claim("se", "se_unet", "unet") is None
    assert paper_claim("sampling", "none", "brain+lesion") is None
    # One row of Table 5 has two claims: against the row above it, and against the first one.
    assert paper_claim("augmentation", "1500->9000", "3000->18000").p == "<0.005"
    assert paper_claim("augmentation", "3000", "3000->18000").p == ">0.05"


def test_the_paper_makes_18_claims_with_a_bound_and_a_headline_without():
    assert len(paper_claims()) == 18
    assert all(claim.p for claim in paper_claims())
    assert (paper_headline().p, paper_headline().sweep) == ("", "final")


def test_a_claim_of_the_paper_goes_the_way_of_the_means_that_it_prints():
    for claim in (*paper_claims(), paper_headline()):
        difference = paper_difference(claim.sweep, claim.a, claim.b)
        if claim.direction != "none":
            assert (difference > 0) == (claim.direction == "better"), claim


@pytest.mark.parametrize(
    ("claim", "differences", "expected"),
    [
        (("se", "unet", "se_unet"), (0.10, 0.11, 0.10, 0.11, 0.10, 0.11, 0.10, 0.11), "shown"),
        (("se", "unet", "se_unet"), (-0.10, -0.11, -0.10, -0.11, -0.10, -0.11, -0.10, -0.11), "contradicted"),
        (("se", "unet", "se_unet"), (0.10, -0.11, 0.10, -0.11, 0.10, -0.11, 0.10, -0.11), "cannot tell"),
        (("symmetric", "lesion+center", "lesion+center/symmetric"), (0.10, 0.11) * 4, "contradicted"),
        (("symmetric", "lesion+center", "lesion+center/symmetric"), (0.10, -0.11) * 4, "cannot tell"),
        (("symmetric", "lesion+center", "lesion+center/symmetric"), (0.001, -0.001) * 4, "shown"),
        (("se", "unet", "se_unet"), (0.001, -0.001) * 4, "contradicted"),
    ],
)
def test_a_claim_is_shown_contradicted_or_left_open_by_our_outcome(claim, differences, expected):
    cases = {f"c{place}": 0.5 + 0.01 * place for place in range(8)}
    other = {case: dsc + step for (case, dsc), step in zip(cases.items(), differences, strict=True)}
    folds = {case: place % 4 for place, case in enumerate(cases)}
    margin = 0.03 if max(map(abs, differences)) < 0.03 else None
    compared = paired_comparison(cases, other, folds_a=folds, folds_b=folds, margin=margin)
    (row,) = adjusted([claim[1:]], [compared], 1)
    assert standing(paper_claim(*claim), row) == expected


def test_a_claim_without_a_comparison_cannot_be_told():
    assert standing(paper_claim("se", "unet", "se_unet"), None) == "cannot tell"


def test_the_final_sweep_is_the_last_row_of_table_4_and_its_baseline_the_first_of_table_2():
    assert paper_arm("final", "final") == paper_arm("symmetric", "lesion|hyperdense/symmetric")
    assert paper_arm("final", "unet") == paper_arm("se", "unet")
    assert paper_arm("final", "other") is None


def test_an_arm_that_the_paper_prints_twice_says_the_other_figure():
    assert paper_notes("se", "se_unet", []) == [
        "The paper prints se_unet once more, in Table 3, as 0.807 ±0.159: its own repeat."
    ]
    assert paper_notes("sampling", "brain", [0.5]) == [
        "The paper prints brain once more, in Table 2, as 0.828 ±0.127: its own repeat."
    ]
    assert paper_notes("se", "unet", [0.5]) == []


def test_the_final_arm_stands_beside_the_papers_distribution():
    assert paper_notes("final", "final", [0.5, 0.75, 0.8, 0.85, 0.95]) == [
        "DSC above 0.8 in 40% of the cases (paper 85%), above 0.9 in 20% (33%), below 0.7 in 1 of 5 (4 of 76)."
    ]
    assert paper_notes("final", "final") == paper_notes("final", "unet", [0.5]) == []
