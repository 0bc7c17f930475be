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
