from hemosweep.ablation.declaration import Declaration

DECLARED = Declaration(name="s", question="?", arms=("a", "b"), baseline="a", comparisons=(("a", "b"),))


def test_a_further_arm_is_compared_with_the_baseline():
    joined = DECLARED.joined_by(["nnunet", "mist", "nnunet"])
    assert joined.arms == ("a", "b", "nnunet", "mist")
    assert joined.comparisons == (("a", "b"), ("a", "nnunet"), ("a", "mist"))


def test_arms_that_are_declared_stay_as_they_are():
    assert DECLARED.joined_by(["b"]) == DECLARED
