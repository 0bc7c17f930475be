from dataclasses import replace

import pytest

from hemosweep.stats import ComparabilityFacts, comparability

FACTS = ComparabilityFacts(
    dataset_digest="d1",
    folds_digest="f1",
    metric_digest="1",
    checkpoint_rule="best_val_loss",
    source_digest="s1",
    packages={"torch": "2.9.0", "numpy": "2.3.0"},
    device_kind="cuda",
)


def test_equal_facts_have_nothing_to_say():
    result = comparability(FACTS, replace(FACTS, packages=dict(FACTS.packages)))
    assert result.comparable
    assert (result.reasons, result.warnings) == ((), ())


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("dataset_digest", "data set content"),
        ("folds_digest", "case folds"),
        ("metric_digest", "metric digest"),
        ("checkpoint_rule", "checkpoint rule"),
    ],
)
def test_what_makes_a_comparison_meaningless_refuses_it(field, name):
    result = comparability(FACTS, replace(FACTS, **{field: "other"}))
    assert not result.comparable
    (reason,) = result.reasons
    assert reason.startswith(f"{name} differs (A: {getattr(FACTS, field)}, B: other); ")
    assert result.warnings == ()


def test_every_reason_is_named():
    other = replace(FACTS, dataset_digest="d2", folds_digest="f2", metric_digest="2", checkpoint_rule="last")
    assert len(comparability(FACTS, other).reasons) == 4


def test_code_packages_and_device_only_warn():
    other = replace(FACTS, source_digest="s2", device_kind="cpu", packages={"torch": "2.9.1", "scipy": "1.16.0"})
    result = comparability(FACTS, other)
    assert result.comparable
    assert [warning.split(";")[0] for warning in result.warnings] == [
        "source digest differs (A: s1, B: s2)",
        "device kind differs (A: cuda, B: cpu)",
        "numpy differs (A: 2.3.0, B: not installed)",
        "scipy differs (A: not installed, B: 1.16.0)",
        "torch differs (A: 2.9.0, B: 2.9.1)",
    ]


NNUNET = replace(
    FACTS,
    external="nnU-Net 2.8.1",
    checkpoint_rule="nnU-Net's last epoch",
    source_digest="not recorded",
    packages={},
    device_kind="not recorded",
)


@pytest.mark.parametrize("letter", ["A", "B"])
def test_another_programs_own_training_is_one_warning_and_no_refusal(letter):
    result = comparability(NNUNET, FACTS) if letter == "A" else comparability(FACTS, NNUNET)
    assert result.reasons == ()
    (warning,) = result.warnings
    assert warning.startswith(f"{letter} was trained by nnU-Net 2.8.1, with ")
    assert "(nnU-Net's last epoch)" in warning


@pytest.mark.parametrize("field", ["dataset_digest", "folds_digest", "metric_digest"])
def test_another_program_needs_the_same_data_folds_and_metric(field):
    assert len(comparability(FACTS, replace(NNUNET, **{field: "other"})).reasons) == 1


def test_an_epoch_that_was_chosen_by_the_test_cases_is_refused():
    (reason,) = comparability(FACTS, replace(NNUNET, chosen_on_test=True)).reasons
    assert reason.startswith("nnU-Net 2.8.1 chose the epoch of B by the test cases")
