from hemosweep.report.paper import PaperArm, paper_arm, paper_comparison


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
