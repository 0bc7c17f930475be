"""Diagnostics of a t-test: the shape of the differences, and the cases that stand apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hemosweep.stats.pairing import Floats
from hemosweep.stats.royston import shapiro_wilk_p
from hemosweep.stats.ttest import varies

# Shapiro-Wilk has no value below, and scipy's p no accuracy above.
SHAPIRO_SIZES = range(3, 5001)
OUTLIER_Z = 5.0
# Standard deviation over median, and over mean, of the absolute deviations of normal values.
SD_PER_MEDIAN_DEVIATION = 1.4826
SD_PER_MEAN_DEVIATION = 1.253314


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlier:
    """A case whose difference lies |z| > 5 robust standard deviations from the median difference."""

    case_id: str
    diff: float
    z: float


def shapiro_p(diff_N: Floats, resolution: float) -> float | None:
    """p of the Shapiro-Wilk test that the differences are normal; None for 2 cases, over 5000, or no spread."""
    if diff_N.size not in SHAPIRO_SIZES or not varies(diff_N, resolution):
        return None
    return shapiro_wilk_p(np.sort(diff_N))


def find_outliers(case_ids: Sequence[str], diff_N: Floats, resolution: float) -> tuple[Outlier, ...]:
    """Differences with a modified z-score above 5 (Iglewicz and Hoaglin 1993), the farthest first.

    The spread is the median absolute deviation or, where more than half of the differences are the same, the mean one.
    """
    if not varies(diff_N, resolution):
        return ()
    deviation_N = diff_N - np.median(diff_N)
    spread = SD_PER_MEDIAN_DEVIATION * float(np.median(np.abs(deviation_N)))
    if spread <= resolution:
        spread = SD_PER_MEAN_DEVIATION * float(np.abs(deviation_N).mean())
    z_N = deviation_N / spread
    outliers = [
        Outlier(case_id=case_id, diff=diff, z=z)
        for case_id, diff, z in zip(case_ids, diff_N.tolist(), z_N.tolist(), strict=True)
        if abs(z) > OUTLIER_Z
    ]
    return tuple(sorted(outliers, key=lambda outlier: (-abs(outlier.z), outlier.case_id)))
