"""The columns of one case's scores, in every table, file and comparison. No array is needed to name them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from hemosweep.errors import BadInput


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseScores:
    """Scores of one test case, taken on the scanner's grid.

    `nsd` is the surface Dice at `NSD_TOLERANCE_MM`, `hd95_mm` the 95% Hausdorff distance, `assd_mm` the average
    symmetric surface distance. `volume_difference_ml` is predicted minus reference.
    """

    case_id: str
    dsc: float | None
    fold: int
    ivh: str
    reference_ml: float
    predicted_ml: float
    false_positive_ml: float
    nsd: float | None
    hd95_mm: float | None
    assd_mm: float | None
    volume_difference_ml: float
    absolute_volume_difference_ml: float
    lesion_f1: float | None
    lesion_sensitivity: float | None
    lesion_precision: float | None
    voxel_sensitivity: float | None
    voxel_precision: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


CASE_COLUMNS = tuple(field.name for field in fields(CaseScores))

NUMBER_COLUMNS = tuple(name for name in CASE_COLUMNS if name not in {"case_id", "fold", "ivh"})
"""The columns of measured values; in a table, what is undefined is NaN."""

METRICS = tuple(name for name in NUMBER_COLUMNS if name not in {"reference_ml", "predicted_ml", "false_positive_ml"})
"""The columns that say how good a prediction is, whose means are an arm's."""

Scores = Mapping[str, float | None]
"""Case id to score; NaN or None = not computed."""


def scores_by_case(side: str, rows: Iterable[tuple[str, float | None]]) -> dict[str, float | None]:
    """Scores from the rows of a table.

    Raises:
        BadInput: a case id comes twice; every such id is named.
    """
    scores: dict[str, float | None] = {}
    twice: set[str] = set()
    for case_id, value in rows:
        if case_id in scores:
            twice.add(case_id)
        scores[case_id] = value
    if twice:
        raise BadInput(f"{side}: more than one row for {', '.join(sorted(twice))}; keep one row a case")
    return scores
