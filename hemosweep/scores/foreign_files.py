"""The score files of nnU-Net and MIST, in the form that their source code writes."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id

# Our name of a score to their name. Every other score has only their name.
NNUNET_NAMES = {"dsc": "Dice"}
MIST_NAMES = {"dsc": "dice", "hd95_mm": "haus95", "nsd": "surf_dice", "assd_mm": "avg_surf"}
MIST_METRICS = (*MIST_NAMES.values(), "lesion_wise_dice")
MIST_ID = "id"
# The last five lines of MIST's results.csv are statistics.
MIST_STATISTICS = frozenset({"Mean", "Std", "25th Percentile", "Median", "75th Percentile"})
# nnU-Net scores overlaps with an empty reference 0 or NaN.
NNUNET_OVERLAPS = frozenset({"Dice", "IoU"})
BACKGROUND_LABEL = "0"


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelScores:
    """Case ids and scores of one of the labels that a file holds."""

    scores: list[tuple[str, float | None]]
    labels: tuple[str, ...]
    label: str
    warnings: tuple[str, ...]


def nnunet_scores(path: Path, text: str, metric: str, label: str | None) -> LabelScores:
    """nnU-Net v2's summary.json: `metric_per_case`, each with its prediction's file and, for each label, its metrics.

    A case is named by its prediction's file without the ending. Dice and IoU of a case whose reference lacks the label
    are undefined (DESIGN.md, *Undefined values*): nnU-Net writes 0 where something was predicted and NaN where not.

    Raises:
        BadInput: not such a file, or no such metric or label.
    """
    try:
        content = json.loads(text)
        cases = [(_case_id(entry), _by_label(entry["metrics"])) for entry in content["metric_per_case"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadInput(
            f"{path}: not nnU-Net's summary.json (no metric_per_case with metrics); give that file"
        ) from error
    if not cases:
        raise BadInput(f"{path}: no cases in it")
    labels = tuple(dict.fromkeys(name for _, by_label in cases for name in by_label if name != BACKGROUND_LABEL))
    chosen = _choose(path, labels, label)
    name = NNUNET_NAMES.get(metric.lower(), metric)
    known = list(dict.fromkeys(metric_name for _, by_label in cases for metric_name in by_label.get(chosen, {})))
    if name not in known:
        raise BadInput(f"{path}: no metric {metric!r}; it has {', '.join(_ours(known, NNUNET_NAMES))}")
    scores, empty = [], []
    for case_id, by_label in cases:
        values = by_label.get(chosen, {})
        undefined = name in NNUNET_OVERLAPS and values.get("n_ref") == 0
        if undefined:
            empty.append(case_id)
        scores.append((case_id, None if undefined else _number(path, case_id, name, values.get(name))))
    warnings = (f"{path}: undefined, label {chosen} is not in the reference: {', '.join(sorted(empty))}",)
    return LabelScores(scores=scores, labels=labels, label=chosen, warnings=warnings if empty else ())


def is_mist(columns: Sequence[str]) -> bool:
    """True if a table has the columns of MIST's results.csv: `id` and LABEL_METRIC."""
    return "case_id" not in columns and MIST_ID in columns and any(_split(name, MIST_METRICS) for name in columns)


def mist_column(path: Path, columns: Sequence[str], metric: str, label: str | None) -> tuple[str, tuple[str, ...], str]:
    """The column of MIST's results.csv that holds a metric of a label, all labels with that metric, and the label.

    Raises:
        BadInput: no such metric or label.
    """
    name = MIST_NAMES.get(metric.lower(), metric)
    # The longest name that fits: tumor_lesion_wise_dice is no dice of a tumor_lesion_wise.
    names = sorted({*MIST_METRICS, name}, key=len, reverse=True)
    parts = [part for column in columns if (part := _split(column, names)) is not None]
    labels = tuple(dict.fromkeys(part_label for part_label, part_metric in parts if part_metric == name))
    if not labels:
        known = ", ".join(_ours(list(dict.fromkeys(part_metric for _, part_metric in parts)), MIST_NAMES))
        raise BadInput(f"{path}: no metric {metric!r}; it has {known} (its columns are {', '.join(columns)})")
    chosen = _choose(path, labels, label)
    return f"{chosen}_{name}", labels, chosen


def mist_rows(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The cases among the rows of MIST's results.csv."""
    return [row for row in rows if row[MIST_ID] not in MIST_STATISTICS]


def _by_label(metrics: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: dict(scores) for name, scores in metrics.items()}


def _case_id(entry: Mapping[str, Any]) -> str:
    file = str(entry.get("prediction_file") or entry["reference_file"])
    name = re.split(r"[/\\]", file)[-1]  # written on any system
    return canonical_id(name.removesuffix(".gz").rpartition(".")[0] or name)


def _number(path: Path, case_id: str, name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"{path}, case {case_id}: {name} is {value!r}, not a number")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _choose(path: Path, labels: Sequence[str], label: str | None) -> str:
    if label is None:
        if len(labels) == 1:
            return labels[0]
        raise BadInput(f"{path}: scores of labels {'; '.join(labels) or 'none'}; choose one with --label")
    same = [known for known in labels if known == label or (_numbers(known) and _numbers(known) == _numbers(label))]
    if len(same) != 1:
        raise BadInput(f"{path}: no label {label!r}; it has {'; '.join(labels)}")
    return same[0]


def _numbers(label: str) -> list[str]:
    """The values in the name of a label or region of nnU-Net: "(1, 2)" is "1,2"."""
    return re.findall(r"\d+", label) if re.fullmatch(r"[\d\s,()]+", label) else []


def _split(column: str, metrics: Sequence[str]) -> tuple[str, str] | None:
    """Label and metric of a column of MIST's results.csv; None where the column has none of these metrics."""
    for metric in sorted(metrics, key=len, reverse=True):
        label = column.removesuffix(f"_{metric}")
        if label and label != column:
            return label, metric
    return None


def _ours(names: Sequence[str], ours_to_theirs: Mapping[str, str]) -> list[str]:
    ours = {their_name: our_name for our_name, their_name in ours_to_theirs.items()}
    return [ours.get(name, name) for name in names]
