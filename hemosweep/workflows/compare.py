"""`hemosweep compare A B` over the runs of an output folder, or of another MLflow store."""

from collections.abc import Sequence
from pathlib import Path

from hemosweep.activity import doing
from hemosweep.comparison.compare import SideComparison
from hemosweep.comparison.compare import compare as compare_sides
from hemosweep.tracking.references import find_reference


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
    """Compare two sides case by case, as `hemosweep.comparison.compare`, with the runs of an output folder, or of
    another MLflow store (`mlflow:URI/hemosweep/SWEEP/RUN`)."""
    (store_a, name_a), (store_b, name_b) = (find_reference(out, reference) for reference in (a, b))
    with doing("comparing case by case"):
        return compare_sides(
            store_a,
            name_a,
            name_b,
            metric=metric,
            labels=labels,
            margin=margin,
            allow_incomparable=allow_incomparable,
            store_b=store_b,
        )
