"""MIST's results.csv, in the form that its source code writes: `id`, LABEL_METRIC, and statistics in the last lines."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.scores.file_labels import choose_label, our_names, their_name

# Our name of a score to its name. Every other score has only its name.
MIST_NAMES = {"dsc": "dice", "hd95_mm": "haus95", "nsd": "surf_dice", "assd_mm": "avg_surf"}
BEST = {"dice": 1.0, "lesion_wise_dice": 1.0, "surf_dice": 1.0, "haus95": 0.0, "avg_surf": 0.0}
"""Best score of each metric, which MIST gives to two empty masks."""
MIST_METRICS = tuple(BEST)
# The last five lines are statistics.
MIST_STATISTICS = frozenset({"Mean", "Std", "25th Percentile", "Median", "75th Percentile"})


def is_mist(columns: Iterable[str]) -> bool:
    """True if a table has the columns of MIST's results.csv: `id` and LABEL_METRIC."""
    names = set(columns)
    return "case_id" not in names and "id" in names and any(_split(name, MIST_METRICS) for name in names)


def mist_column(path: Path, columns: Sequence[str], metric: str, label: str | None) -> tuple[str, tuple[str, ...], str]:
    """The column that holds a metric of a label, all labels with that metric, and the label.

    Raises:
        BadInput: no such metric or label.
    """
    name = their_name(metric, MIST_NAMES)
    # The longest name that fits: tumor_lesion_wise_dice is no dice of a tumor_lesion_wise.
    names = sorted({*MIST_METRICS, name}, key=len, reverse=True)
    parts = [part for column in columns if (part := _split(column, names)) is not None]
    labels = tuple(dict.fromkeys(part_label for part_label, part_metric in parts if part_metric == name))
    if not labels:
        known = our_names((part_metric for _, part_metric in parts), MIST_NAMES)
        raise BadInput(f"{path}: no metric {metric!r}; it has {known} (its columns are {', '.join(columns)})")
    chosen = choose_label(path, labels, label)
    return f"{chosen}_{name}", labels, chosen


def best_columns(columns: Iterable[str], label: str) -> dict[str, float]:
    """The columns of a label to their best score."""
    parts = {column: _split(column, MIST_METRICS) for column in columns}
    return {column: BEST[part[1]] for column, part in parts.items() if part is not None and part[0] == label}


def _split(column: str, metrics: Iterable[str]) -> tuple[str, str] | None:
    """Label and metric of a column; None where the column has none of these metrics."""
    for metric in sorted(metrics, key=len, reverse=True):
        label = column.removesuffix(f"_{metric}")
        if label and label != column:
            return label, metric
    return None
