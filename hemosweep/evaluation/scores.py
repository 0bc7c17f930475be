"""The scores of one case, in the columns that every table, file and comparison uses."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemosweep.evaluation.metrics import dice


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseScores:
    """Scores of one test case, taken on the scanner's grid. `dsc` is None where the reference is empty."""

    case_id: str
    dsc: float | None
    fold: int
    ivh: str
    reference_ml: float
    predicted_ml: float
    false_positive_ml: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def score_case(
    prediction: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    *,
    voxel_ml: float,
    case_id: str,
    fold: int,
    ivh: str,
) -> CaseScores:
    return CaseScores(
        case_id=case_id,
        dsc=dice(prediction, reference),
        fold=fold,
        ivh=ivh,
        reference_ml=int(np.count_nonzero(reference)) * voxel_ml,
        predicted_ml=int(np.count_nonzero(prediction)) * voxel_ml,
        false_positive_ml=int(np.count_nonzero(prediction & ~reference)) * voxel_ml,
    )
