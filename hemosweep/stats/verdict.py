"""Verdict of a comparison, as one word and as one sentence."""

from collections.abc import Sequence
from typing import Literal

from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.power import Equivalence
from hemosweep.stats.replicates import SeedNoise, is_within_seed_noise
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL, MeanTest

TestStatus = Literal["ok", "identical", "zero_variance", "too_few_pairs"]
Outcome = Literal[
    "better",
    "worse",
    "different",
    "no_evidence",
    "equivalent",
    "within_seed_noise",
    "not_comparable",
    "not_testable",
]


def outcome_of(
    status: TestStatus,
    test: MeanTest,
    metric: MetricDescription,
    *,
    equivalence: Equivalence | None,
    noise: SeedNoise | None,
    incomparable: Sequence[str],
) -> Outcome:
    """Outcome of B against A: the first of these that holds.

    Not comparable (the comparability check was overridden), not testable, equivalent (a margin was given and holds), no
    evidence (p of the t-test is 0.05 or more), within seed noise, and better or worse, or only different for a metric
    without a better direction.
    """
    if incomparable:
        return "not_comparable"
    if status != "ok" or test.p is None or test.mean is None:
        return "not_testable"
    if equivalence is not None and equivalence.shown:
        return "equivalent"
    if test.p >= SIGNIFICANCE_LEVEL:
        return "no_evidence"
    if noise is not None and is_within_seed_noise(test.mean, noise):
        return "within_seed_noise"
    if metric.higher_is_better is None:
        return "different"
    return "better" if metric.gain(test.mean) > 0 else "worse"


def sentence(
    outcome: Outcome,
    status: TestStatus,
    test: MeanTest,
    metric: MetricDescription,
    *,
    equivalence: Equivalence | None,
    noise: SeedNoise | None,
    incomparable: Sequence[str],
) -> str:
    """The outcome in plain words with its numbers, and what the test does not cover."""
    numbers = ""
    if test.mean is not None:
        p = "" if test.p is None else f", {p_text(test.p)}"
        numbers = f"mean difference {metric.text(test.mean)} over {test.n} paired case{'s' * (test.n != 1)}{p}"
    margin = "" if equivalence is None else metric.with_unit(f"±{equivalence.margin:g}")
    match outcome:
        case "not_comparable":
            shown = f" ({numbers})" if numbers else ""
            text = f"Not comparable: {'; '.join(incomparable)}; the difference{shown} can come from that alone"
        case "not_testable":
            text = f"Not testable: {_untestable(status, test, metric)}"
        case "equivalent":
            two_tests = "" if equivalence is None else f", equivalence {p_text(equivalence.p)}"
            text = f"A and B are equivalent within {margin} ({numbers}{two_tests})"
        case "no_evidence":
            nor = f"equivalence within {margin}" if margin else "equality"
            text = f"No evidence of a difference between A and B ({numbers}), nor of {nor}"
        case "within_seed_noise":
            limit = "" if noise is None else f", up to {metric.text(noise.limit, sign='')}"
            text = f"Within seed noise: A and B differ on these cases ({numbers}) by no more than new seeds can{limit}"
        case "different":
            way = "higher" if (test.mean or 0.0) > 0 else "lower"
            text = f"B is {way} than A ({numbers}), and neither direction of {metric.label} is known to be better"
        case "better" | "worse":
            text = f"B is {outcome} than A ({numbers})"
    return f"{text}; {_not_covered(noise)}."


def p_text(p: float) -> str:
    return f"p = {p:.4f}" if p >= 0.0001 else "p < 0.0001"


def _untestable(status: TestStatus, test: MeanTest, metric: MetricDescription) -> str:
    if status == "identical":
        return f"A and B score the same on all {test.n} paired cases"
    if status == "zero_variance" and test.mean is not None:
        return f"B differs from A by the same {metric.text(test.mean)} on all {test.n} paired cases"
    return f"the t-test needs two paired cases and there {'is one' if test.n == 1 else 'are none'}"


def _not_covered(noise: SeedNoise | None) -> str:
    if noise is None:
        return "seed and training-set variance are not covered"
    sources = (("A", noise.a), ("B", noise.b), ("the baseline", noise.baseline))
    seeds = ", ".join(f"{spread.num_seeds} seeds of {name}" for name, spread in sources if spread is not None)
    return f"seed variance is covered by {seeds}, training-set variance is not"
