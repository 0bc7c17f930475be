"""The scores of a fold run in its folder: a row a case, and what computed them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hemosweep.foldrun.spec import SCORES_NAME, read_json, write_json
from hemosweep.scores.recorded import RecordedMetric, recorded_from_json

Row = dict[str, Any]
"""`case_id`, `fold`, `ivh` and the score of each metric by name; None is undefined."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldScores:
    """Rows in the order of the test cases. `metrics` are those of the scores, by name; empty where an earlier version
    wrote them, which recorded none."""

    rows: Sequence[Row]
    metrics: Mapping[str, RecordedMetric] = field(default_factory=dict)


def read_scores(folder: Path) -> FoldScores:
    """Read the scores in a fold run's folder, or in that of one that is not done.

    Raises:
        FileNotFoundError: there are none.
        ValueError, KeyError, TypeError, AttributeError: they are damaged.
    """
    values = read_json(folder / SCORES_NAME)
    if isinstance(values, list):
        return FoldScores(rows=values)
    return FoldScores(rows=list(values["rows"]), metrics=recorded_from_json(values["metrics"]))


def write_scores(folder: Path, scores: FoldScores) -> None:
    """Write the scores of a fold run: whole or not at all."""
    metrics = {name: metric.as_json() for name, metric in scores.metrics.items()}
    write_json(folder / SCORES_NAME, {"metrics": metrics, "rows": list(scores.rows)})
