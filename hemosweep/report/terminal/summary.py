"""Arms of a finished sweep as rows of a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hemosweep.report.paper.printed import paper_arm
from hemosweep.report.terminal.table import ArmRow
from hemosweep.scores.summary import summarise
from hemosweep.scores.table import Scores
from hemosweep.stats.replicates import SeedSpread, seed_spread


def arm_row(sweep: str, arm: str, name: str, cases: pd.DataFrame, seconds: float) -> ArmRow:
    """One line of the arm table: `name` is the displayed name, `arm` the name in the paper's tables."""
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


def arm_spread(tables: Sequence[pd.DataFrame], metric: str = "dsc") -> SeedSpread | None:
    """Spread of an arm's mean score over its seeds, over the cases that every seed scored; None for one seed."""
    by_seed = pd.DataFrame({place: _scores(table, metric) for place, table in enumerate(tables)}).dropna()
    return seed_spread(by_seed.to_numpy(dtype=np.float64).T)


def _scores(table: pd.DataFrame, metric: str) -> Scores:
    return {str(case_id): float(score) for case_id, score in zip(table["case_id"], table[metric], strict=True)}
