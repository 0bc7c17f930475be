"""Cases that share something are less than independent: cases of one fold share a model, scans of one patient a head.

A design effect above one says by how much the variance of the mean is larger than the test over cases takes it to be
(Kish 1965); with five folds of 15 cases an intraclass correlation of 0.05 makes a 5% test one of 13%. The t-test over
cluster means does not have that fault, and little power: with five folds four degrees of freedom.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hemosweep.stats.pairing import Floats
from hemosweep.stats.partition import moved_cases
from hemosweep.stats.ttest import MeanTest, mean_test

NEGATIVE_ICC = (
    "the intraclass correlation is negative: cases of one fold differ more than cases of different folds do, "
    "which happens by chance where folds share nothing"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldMean:
    fold: str
    n: int
    mean_diff: float


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldComparison:
    """The differences by fold. `icc` and `design_effect` are None where they have no value: a single fold, one case in
    every fold, or the same difference in all cases. `test` is Student's over the unweighted fold means.
    """

    means: tuple[FoldMean, ...]
    icc: float | None
    design_effect: float | None
    note: str | None
    test: MeanTest


@dataclass(frozen=True, kw_only=True, slots=True)
class PatientComparison:
    """Student's test over one mean difference a patient; `shared` holds the cases of each patient with several."""

    shared: tuple[tuple[str, ...], ...]
    test: MeanTest


def intraclass_correlation(values_N: Floats, clusters: Sequence[str]) -> float | None:
    """ICC(1) of a one-way analysis of variance (Shrout and Fleiss 1979), with the mean cluster size of Donner (1986)
    for unequal clusters. It can be negative: it is an estimate, not a share of variance.
    """
    index_N = _cluster_index(clusters)
    size_K = np.bincount(index_N)
    num_values, num_clusters = values_N.size, size_K.size
    if not 1 < num_clusters < num_values:
        return None
    mean_K = np.bincount(index_N, weights=values_N) / size_K
    between = float((size_K * (mean_K - values_N.mean()) ** 2).sum()) / (num_clusters - 1)
    within = float(((values_N - mean_K[index_N]) ** 2).sum()) / (num_values - num_clusters)
    size = (num_values - float((size_K**2).sum()) / num_values) / (num_clusters - 1)
    total = between + (size - 1) * within
    return (between - within) / total if total > 0 else None


def design_effect(icc: float, *, num_values: int, num_clusters: int) -> float:
    """1 + (mean cluster size - 1) icc, of which an estimate over unequal clusters is kept from falling below zero."""
    return max(0.0, 1 + (num_values / num_clusters - 1) * icc)


def compare_folds(
    case_ids: Sequence[str],
    diff_N: Floats,
    folds_a: Mapping[str, str | int] | None,
    folds_b: Mapping[str, str | int] | None,
    resolution: float,
) -> tuple[FoldComparison | None, list[str] | None, list[str]]:
    """The differences by fold; the name of the fold of each case, None where not every case has one; and warnings.

    Nothing, with a warning that names the cases, where A and B put a case into different folds: then no two cases share
    both models. A side without folds is taken to have the other's, also with a warning.
    """
    known = [folds for folds in (folds_a, folds_b) if folds]
    if not known:
        return None, None, []
    warnings = []
    if len(known) == 1:
        with_folds, without = ("A", "B") if folds_a else ("B", "A")
        warnings.append(f"folds are given for {with_folds} only, and taken to be {without}'s as well")
    first, last = (
        {case_id: str(folds[case_id]) for case_id in case_ids if case_id in folds} for folds in (known[0], known[-1])
    )
    unknown = [case_id for case_id in case_ids if case_id not in first or case_id not in last]
    moved = moved_cases(first, last)
    if moved:
        warnings.append(
            f"in different folds in A and B: {', '.join(moved)}; differences by fold are left out, "
            "and other training cases can be part of the difference"
        )
        return None, None, warnings
    if unknown:
        warnings.append(f"in no fold: {', '.join(unknown)}; no test counts the folds")
    labelled = [place for place, case_id in enumerate(case_ids) if case_id in first and case_id in last]
    if not labelled:
        return None, None, warnings
    clusters = [first[case_ids[place]] for place in labelled]
    return _by_fold(diff_N[labelled], clusters, resolution), None if unknown else clusters, warnings


def _by_fold(diff_N: Floats, clusters: Sequence[str], resolution: float) -> FoldComparison:
    means = []
    for fold in sorted(set(clusters), key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else name)):
        fold_diff_N = diff_N[[cluster == fold for cluster in clusters]]
        means.append(FoldMean(fold=fold, n=fold_diff_N.size, mean_diff=float(fold_diff_N.mean())))
    icc = intraclass_correlation(diff_N, clusters) if np.ptp(diff_N) > resolution else None
    return FoldComparison(
        means=tuple(means),
        icc=icc,
        design_effect=None if icc is None else design_effect(icc, num_values=diff_N.size, num_clusters=len(means)),
        note=NEGATIVE_ICC if icc is not None and icc < 0 else None,
        test=mean_test(np.array([fold_mean.mean_diff for fold_mean in means]), resolution),
    )


def compare_patients(
    case_ids: Sequence[str], diff_N: Floats, patients: Mapping[str, str], resolution: float
) -> tuple[PatientComparison | None, list[int] | None, list[str]]:
    """The test over patients, the number of each case's patient, and a warning, where a patient has several cases.

    A case without patient is its own.

    Patients are named by their cases; their own ids are never printed.
    """
    # A pair, so that a case id never equals another case's patient id.
    keys = [("patient", patients[case_id]) if patients.get(case_id) else ("case", case_id) for case_id in case_ids]
    cases_of: dict[tuple[str, str], list[str]] = {}
    for case_id, key in zip(case_ids, keys, strict=True):
        cases_of.setdefault(key, []).append(case_id)
    shared = [tuple(cases) for cases in cases_of.values() if len(cases) > 1]
    if not shared:
        return None, None, []
    places = {key: place for place, key in enumerate(cases_of)}
    index_N = np.array([places[key] for key in keys])
    mean_K = np.bincount(index_N, weights=diff_N) / np.bincount(index_N)
    warning = (
        "cases of one patient count as independent pairs: "
        f"{'; '.join(' and '.join(cases) for cases in shared)}; see the t-test over patients as well"
    )
    comparison = PatientComparison(shared=tuple(shared), test=mean_test(mean_K, resolution))
    return comparison, index_N.tolist(), [warning]


def _cluster_index(clusters: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.unique(np.array(clusters, dtype=np.str_), return_inverse=True)[1]
