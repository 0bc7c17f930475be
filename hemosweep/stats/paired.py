"""Comparison of two arms on the same cases: the paper's dependent t-test, and further statistics that it does not
cover.

The difference is always B - A, paired by case id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hemosweep.ids import by_id, canonical_id
from hemosweep.scores.catalogue import DSC
from hemosweep.scores.metric import MetricDescription
from hemosweep.scores.table import Scores
from hemosweep.stats.claim import Claim, claim
from hemosweep.stats.clusters import FoldComparison, PatientComparison, compare_folds, compare_patients
from hemosweep.stats.diagnostics import Outlier, find_outliers, shapiro_p
from hemosweep.stats.groups import GroupDifference, Interaction, compare_groups
from hemosweep.stats.looks import over_looks
from hemosweep.stats.pairing import Pairs, pair
from hemosweep.stats.partition import shared_splits
from hemosweep.stats.power import Equivalence, check_margin, equivalence_by_claim, minimum_detectable_difference
from hemosweep.stats.repeats import by_repeat, claim_of_repeats, corrected_test, fold_means_of_repeats
from hemosweep.stats.replicates import Seeds, baseline_spread, seed_spread
from hemosweep.stats.robust import bca_interval, sign_flip_test, wilcoxon_test
from hemosweep.stats.ttest import EffectSize, MeanTest, effect_size, mean, mean_test, sd, stars, varies
from hemosweep.stats.verdict import Findings, Outcome, TestStatus, outcome_of, sentence

NUM_EXTREME_CASES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedComparison:
    """Statistics of the paired cases about B - A. A number that does not exist is None.

    Means and standard deviations (n - 1 in the denominator) are over the `n` paired cases only, each case's score being
    its mean over seeds. `t`, `df`, `p`, `ci95` and `dz` belong to the dependent t-test and exist only where `status` is
    "ok"; `wilcoxon_p` and `permutation_p` exist wherever one difference is not zero. `wins` counts the cases where B is
    better (higher, for a metric of which neither direction is better). `worst` and `best` hold up to five
    (case id, difference) of the cases that B loses and of those that it wins, the furthest apart first. `claim` is the
    test that the outcome rests on, which counts seeds and folds as well, and so does `equivalence`; `nadeau_bengio` is
    the corrected resampled t-test over fold means, for readers who expect it. `groups` is empty where the IVH labels
    were not given. `excluded` lists every case id that could not be paired; `warnings` says why.
    """

    status: TestStatus
    n: int
    mean_a: float | None
    mean_b: float | None
    mean_diff: float | None
    sd_diff: float | None
    ci95: tuple[float, float] | None
    t: float | None
    df: int | None
    p: float | None
    stars: str
    dz: float | None
    wilcoxon_p: float | None
    permutation_p: float | None
    wins: int
    ties: int
    losses: int
    excluded: tuple[str, ...]
    warnings: tuple[str, ...]
    worst: tuple[tuple[str, float], ...]
    best: tuple[tuple[str, float], ...]
    groups: tuple[GroupDifference, ...]
    folds: FoldComparison | None
    verdict: str
    outcome: Outcome
    metric: MetricDescription
    sd_a: float | None
    sd_b: float | None
    effect: EffectSize | None
    wilcoxon_method: str | None
    permutation_method: str | None
    bca95: tuple[float, float] | None
    shapiro_p: float | None
    outliers: tuple[Outlier, ...]
    interaction: Interaction | None
    patients: PatientComparison | None
    minimum_detectable_difference: float | None
    equivalence: Equivalence | None
    claim: Claim
    nadeau_bengio: MeanTest | None
    seeds: Seeds


def paired_comparison(
    a: Scores | Sequence[Scores],
    b: Scores | Sequence[Scores],
    *,
    metric: MetricDescription = DSC,
    ivh: Mapping[str, str] | None = None,
    folds_a: Mapping[str, str | int] | None = None,
    folds_b: Mapping[str, str | int] | None = None,
    splits_a: Sequence[Mapping[str, str]] = (),
    splits_b: Sequence[Mapping[str, str]] = (),
    patients: Mapping[str, str] | None = None,
    margin: float | None = None,
    baseline_seeds: Sequence[Scores] = (),
    by_looks: bool = False,
    seconds_per_seed: float | None = None,
    incomparable: Sequence[str] = (),
) -> PairedComparison:
    """Compare two arms over the cases that both have; the dependent t-test is the paper's (section 2.3).

    Args:
        a: case id to score of the arm that the difference is taken from, or one such mapping for each of its seeds.
        b: the same for the other arm.
        ivh: case id to "yes", "no" or "n/a"; cases that are not in it count as "n/a".
        folds_a: case id to the fold that A tested it in; `folds_b` for B.
        splits_a: case id to fold for each seed of A, where seeds were trained in different splits (repeated
            cross-validation); `splits_b` for B. Then the splits of both count, each alike, and `folds_a` and `folds_b`
            do not.
        patients: case id to patient id, to find cases that are not independent.
        margin: the largest difference that does not matter; with it equivalence is tested, by the claim's error.
        baseline_seeds: scores of an arm trained with several seeds (A/A), one mapping a seed, for the seeds' variance;
            not once more those that are in `a` or `b` as seeds.
        by_looks: seeds were added where a comparison was open (`stats.looks`), in the order of `a` and `b`.
        seconds_per_seed: training time of one more seed of both arms; None where it is not known.
        incomparable: why the two should not be compared at all (`comparability`), where that was overridden.

    Raises:
        BadInput: no common case id, a value that the metric cannot take, an unknown IVH label, a margin not above zero.
    """
    if margin is not None:
        check_margin(margin)
    pairs = pair(_seeds(a), _seeds(b), metric)
    repeats = shared_splits(pairs.case_ids, splits_a, splits_b)
    if len(repeats) > 1:
        pairs = by_repeat(pairs, repeats)
    case_ids, a_N, b_N, diff_N, resolution = pairs.case_ids, pairs.a_N, pairs.b_N, pairs.diff_N, pairs.resolution
    warnings = list(pairs.warnings)
    if metric.higher_is_better is None:
        warnings.append(f"neither direction of {metric.label} is known to be better; a win is a case where B is higher")

    groups: tuple[GroupDifference, ...] = ()
    interaction = None
    if ivh is not None:
        groups, interaction, unlabelled = compare_groups(case_ids, a_N, b_N, by_id(ivh), resolution)
        warnings += unlabelled
    folds, fold_of_case, moved = (
        compare_folds(case_ids, diff_N, _of_cases(folds_a), _of_cases(folds_b), resolution)
        if len(repeats) < 2
        else (None, None, [])
    )
    patient_of = {case_id: canonical_id(patient) for case_id, patient in by_id(patients or {}).items()}
    shared_patients, units, shared = compare_patients(case_ids, diff_N, patient_of, resolution)
    spread, missing = baseline_spread(baseline_seeds, case_ids, metric)
    outliers = find_outliers(case_ids, diff_N, resolution)
    warnings += [*moved, *shared, *missing, *_outlier_warning(outliers, metric)]

    status = _status(pairs)
    test = mean_test(diff_N, resolution)

    def by_seeds(number: int | None = None) -> tuple[Claim, Equivalence | None]:
        a_SN, b_SN = pairs.a_SN[:number], pairs.b_SN[:number]
        one = claim(a_SN, b_SN, fold_of_case, units, resolution)
        return one, equivalence_by_claim(b_SN.mean(axis=0) - a_SN.mean(axis=0), one, margin)

    if len(repeats) < 2:
        tested, equivalent = by_seeds()
        if by_looks:
            tested, equivalent = over_looks(tested, equivalent, by_seeds)
        fold_means = np.array([one.mean_diff for one in folds.means] if folds is not None else [])
    else:
        tested = claim_of_repeats(pairs, repeats, units)
        equivalent = equivalence_by_claim(diff_N, tested, margin)
        fold_means = fold_means_of_repeats(pairs, repeats)
    found = Findings(
        status=status,
        test=test,
        claim=tested,
        metric=metric,
        folds=None if folds is None else folds.test,
        equivalence=equivalent,
        margin=margin,
        incomparable=incomparable,
        seconds_per_seed=seconds_per_seed,
    )
    outcome = outcome_of(found)
    steps_N = pairs.steps_N
    wilcoxon, permutation, effect = wilcoxon_test(steps_N), sign_flip_test(steps_N), effect_size(test)
    num_higher, num_lower = int((steps_N > 0).sum()), int((steps_N < 0).sum())
    gains = sorted(
        (metric.gain(diff), case_id, diff)
        for case_id, diff, step in zip(case_ids, diff_N.tolist(), steps_N.tolist(), strict=True)
        if step != 0  # a tie is neither
    )
    worst = [(case_id, diff) for gain, case_id, diff in gains if gain < 0]
    best = [(case_id, diff) for gain, case_id, diff in reversed(gains) if gain > 0]
    return PairedComparison(
        status=status,
        n=test.n,
        mean_a=mean(a_N),
        mean_b=mean(b_N),
        mean_diff=test.mean,
        sd_diff=test.sd,
        ci95=test.ci95,
        t=test.t,
        df=test.df,
        p=test.p,
        stars=stars(test.p),
        dz=None if effect is None else effect.dz,
        wilcoxon_p=None if wilcoxon is None else wilcoxon.p,
        permutation_p=None if permutation is None else permutation.p,
        wins=num_lower if metric.higher_is_better is False else num_higher,
        ties=test.n - num_higher - num_lower,
        losses=num_higher if metric.higher_is_better is False else num_lower,
        excluded=pairs.excluded,
        warnings=tuple(warnings),
        worst=tuple(worst[:NUM_EXTREME_CASES]),
        best=tuple(best[:NUM_EXTREME_CASES]),
        groups=groups,
        folds=folds,
        verdict=sentence(outcome, found),
        outcome=outcome,
        metric=metric,
        sd_a=sd(a_N),
        sd_b=sd(b_N),
        effect=effect,
        wilcoxon_method=None if wilcoxon is None else wilcoxon.method,
        permutation_method=None if permutation is None else permutation.method,
        bca95=bca_interval(steps_N, resolution),
        shapiro_p=shapiro_p(diff_N, resolution),
        outliers=outliers,
        interaction=interaction,
        patients=shared_patients,
        minimum_detectable_difference=(
            None if test.sd is None or test.df is None else minimum_detectable_difference(test.sd, test.n)
        ),
        equivalence=equivalent,
        claim=tested,
        nadeau_bengio=corrected_test(fold_means, tested.num_folds, resolution) if fold_means.size > 1 else None,
        seeds=Seeds(a=seed_spread(pairs.a_SN), b=seed_spread(pairs.b_SN), baseline=spread),
    )


def to_json(comparison: PairedComparison) -> dict[str, object]:
    """The comparison as JSON types, with None for values that do not exist."""
    plain: dict[str, object] = {name: _plain(value) for name, value in asdict(comparison).items()}
    for name in ("worst", "best"):
        plain[name] = [{"case_id": case_id, "diff": diff} for case_id, diff in getattr(comparison, name)]
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _seeds(scores: Scores | Sequence[Scores]) -> Sequence[Scores]:
    return [scores] if isinstance(scores, Mapping) else scores


def _of_cases(folds: Mapping[str, str | int] | None) -> Mapping[str, str | int] | None:
    return None if folds is None else by_id(folds)


def _status(pairs: Pairs) -> TestStatus:
    if len(pairs.case_ids) < 2:
        return "too_few_pairs"
    if not pairs.steps_N.any():
        return "identical"
    return "ok" if varies(pairs.diff_N, pairs.resolution) else "zero_variance"


def _outlier_warning(outliers: Sequence[Outlier], metric: MetricDescription) -> list[str]:
    if not outliers:
        return []
    named = ", ".join(f"{outlier.case_id} ({metric.text(outlier.diff)}, z = {outlier.z:.1f})" for outlier in outliers)
    return [f"outlier among the differences: {named}; look at what both arms predict there"]
