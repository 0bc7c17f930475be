"""A paired comparison as lines of text: the paper's test first, then the checks that the test does not cover."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hemosweep.scores.catalogue import DSC
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.power import detected_noncentrality
from hemosweep.stats.robust import MAX_BOOTSTRAPPED
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL
from hemosweep.stats.verdict import counted, looks_text, p_text

if TYPE_CHECKING:
    from hemosweep.stats.groups import GroupDifference
    from hemosweep.stats.paired import PairedComparison
    from hemosweep.stats.replicates import SeedSpread
    from hemosweep.stats.ttest import EffectSize, MeanTest

Interval = tuple[float, float]
NO_VALUE = "no value"


def comparison_lines(result: "PairedComparison", *, baseline: str | None = None) -> list[str]:
    """Headline, and a block of one line a check.

    Args:
        baseline: name of the arm that was trained with several seeds to measure seed noise.
    """
    rows = comparison_rows(result, baseline=baseline)
    width = max((len(name) for name, _ in rows), default=0)
    return ["", *_headline(result), "", *(f"  {name:<{width}}  {text}" for name, text in rows)]


def comparison_rows(result: "PairedComparison", *, baseline: str | None = None) -> list[tuple[str, str]]:
    """Name and text of each check, beside the headline. Argument as `comparison_lines`."""
    rows = [*_checks(result), *_groups(result), *_clusters(result), *_size(result), *_seeds(result, baseline)]
    rows += [(name, _cases(result, cases)) for name, cases in (("worst", result.worst), ("best", result.best)) if cases]
    return rows


def statistics_rows(result: "PairedComparison", *, baseline: str | None = None) -> list[tuple[str, str]]:
    """Name and text of every number that a table of the tests does not have. Argument as `comparison_lines`."""
    name, _, text = _claim(result).partition(": ")
    rows = [(name, text)] if result.mean_diff is not None else []
    rows += [] if result.effect is None else [("Cohen's dz", _effect(result.effect))]
    return rows + comparison_rows(result, baseline=baseline)


def _headline(result: "PairedComparison") -> Iterable[str]:
    metric = result.metric
    cases = f"{result.n} paired case{'s' * (result.n != 1)}"
    if result.mean_a is None or result.mean_b is None or result.mean_diff is None:
        yield f"{metric.label}: {cases}"
        return
    means = (_mean_sd(result, mean, sd) for mean, sd in ((result.mean_a, result.sd_a), (result.mean_b, result.sd_b)))
    unit = f" {metric.unit}" if metric.unit else ""
    yield f"{metric.label}, {cases}, mean ± sd: A {next(means)}{unit}, B {next(means)}{unit}"
    yield f"B - A = {metric.text(result.mean_diff)}{_ci(result, result.ci95)}"
    yield _test(result)
    yield _claim(result)
    if result.effect is not None:
        yield f"Cohen's dz = {_effect(result.effect)}"
    better = "better" if metric.higher_is_better is not None else "higher"
    worse = "worse" if metric.higher_is_better is not None else "lower"
    yield f"B {better} in {result.wins}, equal in {result.ties}, {worse} in {result.losses}"


def _effect(effect: "EffectSize") -> str:
    low, high = effect.dz_ci95
    text = f"{effect.dz:.2f}, 95% CI {low:.2f} to {high:.2f}"
    if effect.hedges is not None and effect.hedges_ci95 is not None:
        low, high = effect.hedges_ci95
        text += f"; with Hedges' correction {effect.hedges:.2f} ({low:.2f} to {high:.2f})"
    return text


def _test(result: "PairedComparison") -> str:
    if result.t is None or result.p is None:
        why = {
            "identical": "A and B are the same in every case",
            "zero_variance": "B - A is the same in every case",
            "too_few_pairs": "it needs two paired cases",
        }.get(result.status, "")
        return f"paired t-test: {NO_VALUE}, {why}"
    stars = f" {result.stars}" if result.stars else ""
    return f"paired t-test over cases, the paper's: t({result.df}) = {result.t:.3f}, {p_text(result.p)}{stars}"


def _claim(result: "PairedComparison") -> str:
    claim = result.claim
    if claim.p is None or claim.t is None:
        return f"claim, counting seeds and folds: {NO_VALUE}"
    df = f"{claim.df:.1f}".removesuffix(".0")
    p = f"{p_text(claim.p)}{looks_text(claim)}"
    return f"claim, {counted(claim)}: t({df}) = {claim.t:.3f}, {p}{_ci(result, claim.ci95)}"


def _checks(result: "PairedComparison") -> Iterable[tuple[str, str]]:
    for name, p, method in (
        ("Wilcoxon signed-rank", result.wilcoxon_p, result.wilcoxon_method),
        ("sign-flip permutation", result.permutation_p, result.permutation_method),
    ):
        if p is not None:
            yield name, f"{p_text(p)} ({method})"
    if result.bca95 is not None:
        yield "BCa bootstrap", f"95% CI {_interval(result, result.bca95)}"
    elif result.n > MAX_BOOTSTRAPPED:
        yield "BCa bootstrap", f"not computed: more than {MAX_BOOTSTRAPPED:,} cases"
    if result.shapiro_p is not None:
        normality = (
            "the differences are not normal"
            if result.shapiro_p < SIGNIFICANCE_LEVEL
            else "the differences may be normal"
        )
        yield "Shapiro-Wilk", f"{p_text(result.shapiro_p)}: {normality}"


def _groups(result: "PairedComparison") -> Iterable[tuple[str, str]]:
    for group in result.groups:
        yield group.name, _group(result, group)
    if result.interaction is not None:
        interaction = result.interaction
        low, high = (result.metric.number(bound, sign="+") for bound in interaction.ci95)
        yield (
            "IVH against no IVH",
            f"{result.metric.number(interaction.mean_diff, sign='+')} ({low} to {high}), "
            f"{p_text(interaction.p)} (Welch)",
        )


def _group(result: "PairedComparison", group: "GroupDifference") -> str:
    if group.mean_a is None or group.mean_b is None or group.mean_diff is None:
        return "no case"
    a, b = (result.metric.number(mean) for mean in (group.mean_a, group.mean_b))
    diff = result.metric.number(group.mean_diff, sign="+")
    return f"n = {group.n}: A {a}, B {b}, B - A = {diff}{_ci(result, group.ci95)}"


def _clusters(result: "PairedComparison") -> Iterable[tuple[str, str]]:
    folds = result.folds
    if folds is not None:
        means = ", ".join(
            f"{mean.fold}: {result.metric.number(mean.mean_diff, sign='+')} (n = {mean.n})" for mean in folds.means
        )
        yield "folds", means
        if folds.icc is not None and folds.design_effect is not None:
            yield (
                "cases share a model",
                f"intraclass correlation {folds.icc:.2f}, design effect {folds.design_effect:.2f}",
            )
            if folds.note is not None:
                yield "", folds.note
        yield "t-test over folds", _mean_test(folds.test)
    if result.nadeau_bengio is not None:
        yield "Nadeau-Bengio", f"{_mean_test(result.nadeau_bengio)} (corrected for training cases in common)"
    if result.patients is not None:
        yield "t-test over patients", _mean_test(result.patients.test)


def _size(result: "PairedComparison") -> Iterable[tuple[str, str]]:
    metric = result.metric
    if result.minimum_detectable_difference is not None:
        smallest = metric.text(result.minimum_detectable_difference, sign="")
        yield "detectable", f"{smallest} with 80% power over cases{_detectable(result)}"
    if result.equivalence is not None:
        equivalence = result.equivalence
        margin = metric.with_unit(f"±{equivalence.margin:g}")
        yield (
            "equivalence",
            f"within {margin}: {p_text(equivalence.p)} (TOST, {counted(result.claim)}), "
            f"90% CI {_interval(result, equivalence.ci90)}",
        )


def _detectable(result: "PairedComparison") -> str:
    claim = result.claim
    if claim.standard_error is None or claim.df is None:
        return ""
    smallest = detected_noncentrality(claim.df) * claim.standard_error
    return f", {result.metric.text(smallest, sign='')} {counted(claim)}"


def _seeds(result: "PairedComparison", baseline: str | None) -> Iterable[tuple[str, str]]:
    seeds, claim = result.seeds, result.claim
    for name, spread in (("A", seeds.a), ("B", seeds.b), (baseline or "the baseline", seeds.baseline)):
        if spread is not None:
            what = "repeats" if claim.basis == "repeats" and spread is not seeds.baseline else "seeds (A/A)"
            yield what, f"{name}: mean {spread_text(spread, result.metric)}"
    if claim.basis == "repeats" and claim.components is not None:
        number, parts = result.metric.number, claim.components
        yield (
            "training",
            f"sd {number(parts.training)} of what a training and its training cases do to a fold, "
            f"{number(parts.rest)} to one case more",
        )
    if claim.basis == "seeds" and claim.components is not None:
        number = result.metric.number
        parts = claim.components
        text = f"sd {number(parts.training)} of what a training does to its fold, {number(parts.rest)} to one case more"
        if claim.fold_p is not None:
            beyond = "count" if claim.folds_count else "do not count"
            text += f"; folds {beyond} as a source of their own (F-test {p_text(claim.fold_p)})"
        yield "training", text


def spread_text(spread: "SeedSpread", metric: MetricDescription = DSC) -> str:
    """The mean score of each seed, and the spread of these means."""
    means = ", ".join(metric.number(mean) for mean in spread.means)
    low, high = map(metric.number, spread.sd_ci95)
    return f"{means}; sd {metric.number(spread.sd)} (95% CI {low} to {high}), range {metric.number(spread.range)}"


def _mean_test(test: "MeanTest") -> str:
    if test.t is None or test.p is None:
        return NO_VALUE
    return f"t({test.df}) = {test.t:.3f}, {p_text(test.p)}"


def _mean_sd(result: "PairedComparison", mean: float, sd: float | None) -> str:
    number = result.metric.number
    return number(mean) if sd is None else f"{number(mean)} ± {number(sd)}"


def _interval(result: "PairedComparison", interval: Interval) -> str:
    low, high = (result.metric.number(bound, sign="+") for bound in interval)
    return f"{low} to {high}"


def _ci(result: "PairedComparison", interval: Interval | None) -> str:
    return "" if interval is None else f", 95% CI {_interval(result, interval)}"


def _cases(result: "PairedComparison", cases: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(f"{case_id} {result.metric.number(diff, sign='+')}" for case_id, diff in cases)
