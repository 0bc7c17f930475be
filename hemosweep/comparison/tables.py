"""Comparison of scores in memory: two tables, or two arrays."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hemosweep.comparison.compare import SideComparison, compare_sides
from hemosweep.comparison.sides import Side
from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id
from hemosweep.scores.case_facts import ivh_label
from hemosweep.scores.catalogue import find_metric
from hemosweep.scores.table import UNKNOWN, scores_by_case
from hemosweep.stats.paired import PairedComparison, paired_comparison

if TYPE_CHECKING:
    import pandas as pd


def compare_tables(
    a: "pd.DataFrame", b: "pd.DataFrame", *, metric: str = "dsc", margin: float | None = None
) -> SideComparison:
    """Compare two case tables case by case. The difference is B - A.

    Args:
        a: one row a case, with `case_id`, the metric and, where known, `fold`, `ivh` and `patient_id`, as `case_table`
            returns it. NaN is an undefined score.
        b: the same for the other side.
        metric: the column that is compared.
        margin: largest difference that does not matter; with it equivalence is tested, too.

    Raises:
        BadInput: a table lacks a column or has a case twice, or the scores cannot be paired.
    """
    return compare_sides(_side("A", a, metric), _side("B", b, metric), metric=metric, margin=margin)


def compare_arrays(a: ArrayLike, b: ArrayLike, *, metric: str = "dsc", margin: float | None = None) -> PairedComparison:
    """Compare two arrays `(N,)` of scores place by place. The difference is B - A; NaN is an undefined score.

    Args:
        metric: name of the metric of the scores, such as "dsc" or "hd95_mm".
        margin: largest difference that does not matter; with it equivalence is tested, too.

    Raises:
        BadInput: they are not of one length, not numbers, or values that the metric cannot take.
    """
    try:
        a_N, b_N = (np.asarray(scores, dtype=np.float64) for scores in (a, b))
    except (TypeError, ValueError) as error:
        raise BadInput(f"scores must be numbers ({error}); give two arrays of floats") from error
    if a_N.ndim != 1 or a_N.shape != b_N.shape:
        raise BadInput(f"arrays of shape {a_N.shape} and {b_N.shape}: give one score a case in both, in the same order")
    width = len(str(a_N.size))
    sides = [{f"{place:0{width}}": float(score) for place, score in enumerate(scores)} for scores in (a_N, b_N)]
    return paired_comparison(*sides, metric=find_metric(metric), margin=margin)


def _side(name: str, table: "pd.DataFrame", metric: str) -> Side:
    for column in ("case_id", metric):
        if column not in table.columns:
            raise BadInput(f"table {name} has no column {column!r}; it has {', '.join(map(str, table.columns))}")
    case_ids = [canonical_id(str(case_id)) for case_id in table["case_id"]]

    def texts(column: str) -> dict[str, str] | None:
        if column not in table.columns:
            return None
        by_case = {case_id: str(value) for case_id, value in zip(case_ids, table[column], strict=True)}
        return {case_id: value for case_id, value in by_case.items() if value not in (UNKNOWN, "nan", "None")} or None

    def numbers(column: str) -> dict[str, float]:
        values = table[column] if column in table.columns else [float("nan")] * len(case_ids)
        return {case_id: float(value) for case_id, value in zip(case_ids, values, strict=True)}

    scores = [None if value is None else float(value) for value in table[metric]]
    reference_ml = numbers("reference_ml")
    ivh = texts("ivh")
    return Side(
        name=name,
        seeds=(scores_by_case(f"table {name}", zip(case_ids, scores, strict=True)),),
        folds=texts("fold"),
        ivh=None if ivh is None else {case_id: _ivh(name, case_id, text) for case_id, text in ivh.items()},
        patients=texts("patient_id"),
        without_lesion=frozenset(case_id for case_id, volume_ml in reference_ml.items() if volume_ml == 0),
        false_positive_ml={case_id: ml for case_id, ml in numbers("false_positive_ml").items() if ml == ml},
        runs=(),
        program=None,
        labels=(),
        warnings=(),
    )


def _ivh(name: str, case_id: str, text: str) -> str:
    """Raises:
    BadInput: it is no form of yes or no.
    """
    try:
        return ivh_label(text)
    except ValueError:
        raise BadInput(f"table {name}: ivh of case {case_id} is {text!r}; write yes or no, or nothing") from None
