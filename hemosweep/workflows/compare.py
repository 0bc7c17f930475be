"""`hemosweep compare A B` over the runs of an output folder."""

from collections.abc import Sequence
from pathlib import Path

from hemosweep.comparison.compare import SideComparison
from hemosweep.comparison.compare import compare as compare_sides
from hemosweep.tracking.reader import MlflowStore


def compare(
    out: Path,
    a: str,
    b: str,
    *,
    metric: str = "dsc",
    labels: Sequence[str] = (),
    margin: float | None = None,
    allow_incomparable: bool = False,
) -> SideComparison:
    """Compare two sides case by case, as `hemosweep.comparison.compare`, with the runs of an output folder."""
    return compare_sides(
        MlflowStore(out), a, b, metric=metric, labels=labels, margin=margin, allow_incomparable=allow_incomparable
    )
