from hemosweep.report.paper.printed import PaperArm, paper_arm, paper_comparison, paper_notes


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
    assert paper_comparison("noise", "se_unet") is None


def test_comparisons_carry_the_other_arm_and_the_bound():
    assert paper_comparison("se", "se_unet") == ("unet", "<0.01")
    assert paper_comparison("sampling", "brain+lesion+center") == ("brain+lesion", ">0.05")
    assert paper_comparison("se", "unet") is None


def test_the_final_sweep_is_the_last_row_of_table_4():
    assert paper_arm("final", "final") == paper_arm("symmetric", "lesion|hyperdense/symmetric")
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
    assert paper_notes("final", "final", []) == []
