"""The scores of a fold run in its folder: a row a case, and what computed them."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.foldrun.seal import replace_sealed, sealed_content
from hemosweep.foldrun.spec import SCORES_NAME, json_text
from hemosweep.scores.recorded import RecordedMetric, recorded_from_json

Row = dict[str, Any]
"""`case_id`, `fold`, `ivh` and the score of each metric by name; None is undefined."""
_TEXTS = ("case_id", "ivh", "patient_id")


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
        BrokenSeal: they are not those that were sealed.
        BadInput: they are damaged.
    """
    content = sealed_content(folder, SCORES_NAME)
    try:
        values = json.loads(content)
        rows, metrics = (values, {}) if isinstance(values, list) else (values["rows"], values["metrics"])
        for row in rows:
            _check(row)
        return FoldScores(rows=list(rows), metrics=recorded_from_json(metrics))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error) if isinstance(error, _BadRow) else type(error).__name__
        raise BadInput(
            f"{folder}: {SCORES_NAME} is damaged ({reason}); delete this folder and run its sweep again"
        ) from error


def write_scores(folder: Path, scores: FoldScores) -> None:
    """Write the scores of a fold run, and seal them where it is done: whole or not at all."""
    metrics = {name: metric.as_json() for name, metric in scores.metrics.items()}
    text = json_text({"metrics": metrics, "rows": list(scores.rows)})
    replace_sealed(folder, SCORES_NAME, text.encode())


class _BadRow(ValueError):
    """A row of scores is not as it is written. The message names the field, and no case."""


def _check(row: Any) -> None:
    """Check a row: names are text, scores are finite numbers or None, and a DSC lies between 0 and 1."""
    if not isinstance(row, dict):
        raise _BadRow("a row is no object")
    missing = [name for name in ("case_id", "dsc") if name not in row]
    if missing:
        raise _BadRow(f"a row has no {missing[0]}")
    for name, value in row.items():
        if name in _TEXTS:
            if not isinstance(value, str):
                raise _BadRow(f"{name} is no text")
        elif value is not None and not _is_number(value):
            raise _BadRow(f"{name} is no number")
    if row["dsc"] is not None and not 0.0 <= row["dsc"] <= 1.0:
        raise _BadRow(f"a dsc of {row['dsc']}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
