"""Verdict of a comparison, as one word and as one sentence: what it rests on, what it does not cover, what would settle
it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hemosweep.durations import duration
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.claim import Claim
from hemosweep.stats.looks import LOOKS
from hemosweep.stats.power import Equivalence, seeds_to_settle
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL, MeanTest

TestStatus = Literal["ok", "identical", "zero_variance", "too_few_pairs"]
Outcome = Literal[
    "better",
    "worse",
    "different",
    "no_evidence",
    "equivalent",
    "trained_models",
    "not_comparable",
    "not_testable",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """Results that a verdict is made from.

    `test` is the paper's t-test over cases, `claim` the test that counts seeds and folds too. `folds` is the t-test
    over the unweighted fold means, None where the folds are not known. `incomparable` are the reasons against the
    comparison where they were overridden. `seconds_per_seed` is the training time of one seed of both arms.
    """

    status: TestStatus
    test: MeanTest
    claim: Claim
    metric: MetricDescription
    folds: MeanTest | None = None
    equivalence: Equivalence | None = None
    margin: float | None = None
    incomparable: Sequence[str] = ()
    seconds_per_seed: float | None = None


def outcome_of(found: Findings) -> Outcome:
    """Outcome of B against A: the first of these that holds.

    Not comparable (the comparability check was overridden). Not testable. Equivalent (a margin was given and holds
    under the error model of the claim). Better or worse, or only different for a metric without a better direction: p
    of the claim is below 0.05, and the difference is not below the digits that are printed. Different on these trained
    models: p of the t-test over cases is below 0.05, and that of the claim is not, or does not exist. No evidence.
    """
    if found.incomparable:
        return "not_comparable"
    test, p = found.test, found.claim.p
    if found.status != "ok" or test.p is None or test.mean is None:
        return "not_testable"
    if found.equivalence is not None and found.equivalence.shown:
        return "equivalent"
    if not found.metric.shows(test.mean):
        return "no_evidence"
    if p is None or p >= SIGNIFICANCE_LEVEL:
        return "trained_models" if test.p < SIGNIFICANCE_LEVEL else "no_evidence"
    if found.metric.higher_is_better is None:
        return "different"
    return "better" if found.metric.gain(test.mean) > 0 else "worse"


def sentence(outcome: Outcome, found: Findings) -> str:
    """The outcome in one sentence with its numbers."""
    test, metric = found.test, found.metric
    margin = "" if found.margin is None else metric.with_unit(f"±{found.margin:g}")
    match outcome:
        case "not_comparable":
            shown = f" ({_difference(found)})" if test.mean is not None else ""
            return f"Not comparable: {'; '.join(found.incomparable)}; the difference{shown} can come from that alone."
        case "not_testable":
            return f"Not testable: {_untestable(found)}."
        case "equivalent":
            p = "" if found.equivalence is None else f", equivalence {p_text(found.equivalence.p)}"
            text = f"A and B are equivalent within {margin} ({_difference(found)}{p}, {counted(found.claim)})"
        case "trained_models":
            text = (
                f"A and B differ on these trained models ({_difference(found)}, {p_text(test.p or 0.0)} over cases), "
                f"and training again may not show it: {_claim_text(found.claim)}"
            )
            return f"{text}; {_settled_by(found)}."
        case "no_evidence" if not metric.shows(test.mean or 0.0):
            text = f"No difference that three decimals show ({_difference(found)}, {_claim_text(found.claim)})"
        case "no_evidence":
            nor = f"equivalence within {margin}" if margin else "equality"
            text = (
                f"No evidence of a difference between A and B ({_difference(found)}, {_claim_text(found.claim)}), "
                f"nor of {nor}"
            )
        case "different":
            way = "higher" if (test.mean or 0.0) > 0 else "lower"
            text = (
                f"B is {way} than A ({_difference(found)}, {_claim_text(found.claim)}), and neither direction of "
                f"{metric.label} is known to be better"
            )
        case "better" | "worse":
            text = f"B is {outcome} than A ({_difference(found)}, {_claim_text(found.claim)})"
    return f"{text}; {_not_covered(found)}."


def p_text(p: float) -> str:
    return f"p = {p:.4f}" if p >= 0.0001 else "p < 0.0001"


def counted(claim: Claim) -> str:
    """Text that says what the error of a claim counts, such as "counting cases, 3 + 3 seeds and 5 folds"."""
    if claim.basis is None:
        return "counting cases alone"
    folds = f"{claim.num_folds} folds"
    if claim.basis == "repeats":
        return f"counting cases and {claim.num_repeats} repeats of {folds}"
    if claim.basis == "folds":
        return f"counting cases and trainings by {folds}"
    seeds = f"{claim.num_seeds_a} + {claim.num_seeds_b} seeds"
    return f"counting cases, {seeds} and {folds}" if claim.num_folds > 1 else f"counting cases and {seeds}"


def looks_text(claim: Claim) -> str:
    """Text behind the p of a claim that names the looks that it is over; empty where there are none."""
    if not claim.looks:
        return ""
    *first, last = (str(number) for number, _ in claim.looks)
    return f", over the looks at {', '.join(first)} and {last} seeds" if first else f", over the look at {last} seeds"


def _claim_text(claim: Claim) -> str:
    if claim.p is None:
        return f"no p that counts trainings, {_no_claim(claim)}"
    return f"{p_text(claim.p)} {counted(claim)}{looks_text(claim)}"


def _no_claim(claim: Claim) -> str:
    if claim.looks == ():
        return f"as seeds are added by looks, the first at {min(LOOKS)} of both arms"
    if claim.num_seeds_a > 1 and claim.num_seeds_b > 1:
        return "as the cases do not vary within folds"
    folds = "there is one fold" if claim.num_folds else "the folds are not known"
    return f"as {folds} and not both arms have several seeds"


def _difference(found: Findings) -> str:
    test = found.test
    assert test.mean is not None
    return f"mean difference {found.metric.text(test.mean)} over {test.n} paired case{'s' * (test.n != 1)}"


def _untestable(found: Findings) -> str:
    test = found.test
    if found.status == "identical":
        return f"A and B score the same on all {test.n} paired cases"
    if found.status == "zero_variance" and test.mean is not None:
        return f"B differs from A by the same {found.metric.text(test.mean)} on all {test.n} paired cases"
    return f"the t-test needs two paired cases and there {'is one' if test.n == 1 else 'are none'}"


def _not_covered(found: Findings) -> str:
    """Text that says what the test does not see, and whether the folds by themselves say otherwise."""
    claim, folds = found.claim, found.folds
    if claim.basis is None:
        return "seeds and training sets are not covered"
    if claim.basis == "repeats":
        return "trainings and training sets of these cases are covered"
    if claim.basis == "folds":
        one = _single(claim)
        why = f"with one seed of {one}" if one else "as cases do not vary within folds,"
        return f"{why} only the folds tell what training does, and small differences stay hidden"
    if claim.num_folds < 2:
        return "other training sets are not covered"
    text = "other training sets are covered only as far as these folds differ"
    if claim.p is not None and folds is not None and folds.p is not None:
        if claim.p < SIGNIFICANCE_LEVEL <= folds.p:
            text += f" (the folds alone do not show it, {p_text(folds.p)})"
        elif folds.p < SIGNIFICANCE_LEVEL <= claim.p:
            text += f" (the folds alone show it, {p_text(folds.p)})"
    return text


def _single(claim: Claim) -> str:
    one = [name for name, num_seeds in (("A", claim.num_seeds_a), ("B", claim.num_seeds_b)) if num_seeds == 1]
    return "either arm" if len(one) == 2 else "".join(one)


def _settled_by(found: Findings) -> str:
    """Text that says what would settle a difference of the size that is observed."""
    claim = found.claim
    if claim.looks is not None:
        further = [number for number in LOOKS if number > min(claim.num_seeds_a, claim.num_seeds_b)]
        if further:
            return f"the next look is at {further[0]} seeds of both arms"
        return "its looks are used up, more cases might settle it"
    if claim.components is None or found.test.mean is None:
        return "three seeds of each arm would measure what training does"
    num_seeds = seeds_to_settle(claim, found.test.mean, num_cases=found.test.n)
    if num_seeds is None:
        return "no number of seeds would settle it in this data set, more cases might"
    if claim.basis == "repeats":
        more = max(num_seeds - claim.num_repeats, 1)
        return f"about {more} more repeat{'s' * (more != 1)}{_hours(found, more)} would settle it"
    more = max(num_seeds - min(claim.num_seeds_a, claim.num_seeds_b), 1)
    return f"about {more} more seed{'s' * (more != 1)} of each arm{_hours(found, more)} would settle it"


def _hours(found: Findings, num_more: int) -> str:
    return "" if found.seconds_per_seed is None else f", {duration(num_more * found.seconds_per_seed)} of training,"
