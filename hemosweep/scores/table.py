"""The case table: one row a test case, with the same columns in every file, run and comparison."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from hemosweep.errors import BadInput
from hemosweep.scores.metric import METRICS

if TYPE_CHECKING:
    # Imported later: it takes half a second, and reading a list of runs does not need it.
    import pandas as pd


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseScores:
    """Scores of one test case, taken on the scanner's grid; None is undefined.

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


UNKNOWN = "n/a"
"""Text where the IVH label or the patient of a case is not known."""
TEXT_COLUMNS = ("case_id", "ivh", "patient_id")
NUMBER_COLUMNS = tuple(field.name for field in fields(CaseScores) if field.name in METRICS)
"""The columns of measured values. In a table an undefined value is NaN."""
AVERAGED_COLUMNS = tuple(name for name in NUMBER_COLUMNS if METRICS[name].averaged)
"""The columns that measure the quality of a prediction; their means are those of an arm."""
CASE_COLUMNS = ("case_id", "dsc", "fold", "ivh", "patient_id", *(name for name in NUMBER_COLUMNS if name != "dsc"))
"""All columns in their order. MLflow's table comparison groups by the first and compares by the second."""


def case_table(rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """Rows as a table in the order of the case ids: columns `CASE_COLUMNS` first, further ones after them.

    `case_id` is text ("001" stays "001"), NaN is undefined. A score that the rows lack, such as those of an earlier
    version, is all NaN, which means not computed; a text that they lack is "n/a".
    """
    import pandas as pd

    table = pd.DataFrame(list(rows))
    further = [name for name in table.columns if name not in CASE_COLUMNS]
    table = table.reindex(columns=[*CASE_COLUMNS, *further])
    table[["ivh", "patient_id"]] = table[["ivh", "patient_id"]].astype(object).fillna(UNKNOWN)
    table = table.astype(dict.fromkeys(TEXT_COLUMNS, str) | {"fold": int} | dict.fromkeys(NUMBER_COLUMNS, float))
    return table.sort_values("case_id", ignore_index=True)


Scores = Mapping[str, float | None]
"""Case id to score; NaN or None = not computed."""


def scores_by_case(side: str, rows: Iterable[tuple[str, float | None]]) -> dict[str, float | None]:
    """Scores from the rows of a table.

    Raises:
        BadInput: a case id occurs twice; every such id is named.
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
