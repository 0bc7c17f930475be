"""A finished sweep as rows: its arms, and its declared comparisons as one family."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hemosweep.report.paper.printed import paper_arm, paper_comparison
from hemosweep.report.terminal.table import ArmRow, ComparisonRow
from hemosweep.scores.metric import DSC
from hemosweep.scores.summary import summarise
from hemosweep.scores.table import Scores
from hemosweep.stats.families import benjamini_hochberg, holm
from hemosweep.stats.paired import PairedComparison, paired_comparison, to_json
from hemosweep.stats.replicates import SeedSpread, seed_spread
from hemosweep.stats.ttest import SIGNIFICANCE_LEVEL

# Outcomes that say that the t-test found a difference.
CLAIMS = frozenset({"better", "worse", "different", "within_seed_noise"})


def arm_row(sweep: str, arm: str, name: str, cases: pd.DataFrame, seconds: float) -> ArmRow:
    """One line of the arm table: `name` is what it is shown as, `arm` what the paper's tables call it."""
    summary = summarise(cases["dsc"].tolist(), cases["ivh"].tolist())
    printed = paper_arm(sweep, arm)

    def mean_sd(mean: float | None, sd: float | None) -> tuple[float, float | None] | None:
        return None if mean is None else (mean, sd)

    return ArmRow(
        arm=name,
        dsc=mean_sd(summary.mean, summary.std),
        ivh=mean_sd(summary.ivh_mean, summary.ivh_std),
        no_ivh=mean_sd(summary.no_ivh_mean, summary.no_ivh_std),
        min=summary.min,
        max=summary.max,
        seconds=seconds,
        paper=None if printed is None else printed.dsc,
    )


def comparison_rows(
    sweep: str, comparisons: Sequence[tuple[str, str]], cases: Mapping[str, Sequence[pd.DataFrame]]
) -> list[ComparisonRow]:
    """The declared comparisons whose two arms are there, Holm-adjusted as one family.

    Args:
        cases: arm to its case table, one a seed; several seeds are compared by their mean per case, beside their noise.
    """
    pairs = [(a, b) for a, b in comparisons if cases.get(a) and cases.get(b)]
    results = [
        paired_comparison([*map(_scores, cases[a])], [*map(_scores, cases[b])], ivh=_ivh(cases[b])) for a, b in pairs
    ]
    return family_rows(sweep, pairs, results)


def family_rows(
    sweep: str, pairs: Sequence[tuple[str, str]], results: Sequence[PairedComparison]
) -> list[ComparisonRow]:
    """Comparisons of a sweep's arms as one family: those without a p-value stay, and do not count in its size."""
    p_values = [result.p for result in results]
    rows = []
    for (a, b), result, holm_p, bh_p in zip(pairs, results, holm(p_values), benjamini_hochberg(p_values), strict=True):
        # What the paper prints is about DSC.
        printed = paper_comparison(sweep, b) if result.metric == DSC else None
        paper_p = printed[1] if printed is not None and printed[0] == a else None
        rows.append(ComparisonRow(a=a, b=b, comparison=result, holm_p=holm_p, bh_p=bh_p, paper_p=paper_p))
    return rows


def arm_spread(tables: Sequence[pd.DataFrame]) -> SeedSpread | None:
    """Spread of an arm's mean DSC over its seeds, over the cases that every seed scored; None for one seed."""
    by_seed = pd.DataFrame({place: _scores(table) for place, table in enumerate(tables)}).dropna()
    return seed_spread(by_seed.to_numpy(dtype=np.float64).T)


def _scores(table: pd.DataFrame) -> Scores:
    return {str(case_id): float(dsc) for case_id, dsc in zip(table["case_id"], table["dsc"], strict=True)}


def _ivh(tables: Sequence[pd.DataFrame]) -> dict[str, str]:
    return {str(case): str(ivh) for table in tables for case, ivh in zip(table["case_id"], table["ivh"], strict=True)}


def family_verdict(row: ComparisonRow, alpha: float = SIGNIFICANCE_LEVEL) -> str:
    """A comparison's verdict, taken back where it claims a difference that the family's Holm correction does not bear
    out."""
    if row.comparison.outcome not in CLAIMS or row.holm_p is None or row.holm_p < alpha:
        return row.comparison.verdict
    return (
        f"Not significant within this family of comparisons (Holm p = {row.holm_p:.4f}). "
        f"By itself: {row.comparison.verdict}"
    )


def comparison_json(row: ComparisonRow) -> dict[str, Any]:
    """The row's own keys and its comparison's, whose `verdict` is of the comparison by itself."""
    own = {"a": row.a, "b": row.b, "holm_p": row.holm_p, "bh_p": row.bh_p, "paper_p": row.paper_p}
    return own | {"family_verdict": family_verdict(row)} | to_json(row.comparison)
