"""nnU-Net's summary.json, in the forms that the source code of its versions 2 and 1 writes."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id
from hemosweep.scores.file_labels import LabelScores, choose_label, our_names, their_name

BACKGROUND_LABEL = "0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """Names in the summary of a version. `names` is our name of a score to its; other scores have only its name.

    `overlaps` are the scores that are 0 or NaN where the reference is empty, `distances` those that are NaN where a
    mask is. `reference` and `prediction` count the voxels of the masks.
    """

    names: Mapping[str, str]
    overlaps: frozenset[str]
    distances: frozenset[str]
    reference: str
    prediction: str
    reference_file: str
    prediction_file: str


V2 = Version(
    names={"dsc": "Dice", "iou": "IoU"},
    overlaps=frozenset({"Dice", "IoU"}),
    distances=frozenset(),
    reference="n_ref",
    prediction="n_pred",
    reference_file="reference_file",
    prediction_file="prediction_file",
)
V1 = Version(
    names={
        "dsc": "Dice",
        "iou": "Jaccard",
        "hd95_mm": "Hausdorff Distance 95",
        "assd_mm": "Avg. Symmetric Surface Distance",
    },
    overlaps=frozenset({"Dice", "Jaccard"}),
    distances=frozenset(
        {"Hausdorff Distance", "Hausdorff Distance 95", "Avg. Surface Distance", "Avg. Symmetric Surface Distance"}
    ),
    reference="Total Positives Reference",
    prediction="Total Positives Test",
    reference_file="reference",
    prediction_file="test",
)


def nnunet_scores(path: Path, text: str, metric: str, label: str | None) -> LabelScores:
    """Scores in nnU-Net's summary.json.

    Version 2 has `metric_per_case`, of each case the prediction's file and, for each label, its metrics. Version 1 has
    `results`, of which `all` holds the cases: files and labels side by side.

    A case is named by its prediction's file without the ending. Overlaps of a case whose reference lacks the label are
    undefined (DESIGN.md, *Undefined values*): nnU-Net writes 0 where something was predicted and NaN where not.

    Raises:
        BadInput: not such a file, or no such metric or label.
    """
    try:
        version, cases = _cases(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadInput(
            f"{path}: not nnU-Net's summary.json (no metric_per_case with metrics, as version 2 writes it, nor "
            "results.all, as version 1 does); give that file"
        ) from error
    if not cases:
        raise BadInput(f"{path}: no cases in it")
    labels = tuple(dict.fromkeys(name for _, by_label in cases for name in by_label if name != BACKGROUND_LABEL))
    chosen = choose_label(path, labels, label)
    known = list(dict.fromkeys(name for _, by_label in cases for name in by_label.get(chosen, {})))
    name = their_name(metric, version.names, known)
    if name not in known:
        raise BadInput(f"{path}: no metric {metric!r}; it has {our_names(known, version.names)}")
    scores: list[tuple[str, float | None]] = []
    empty, left_out, with_lesion = [], [], []
    for case_id, by_label in cases:
        values = by_label.get(chosen, {})
        num_reference, num_predicted = (values.get(count) for count in (version.reference, version.prediction))
        score = _number(path, case_id, name, values.get(name))
        nowhere = score is not None and math.isnan(score) and version is V1  # neither mask has the label
        if name in version.overlaps and (num_reference == 0 or nowhere):
            empty.append(case_id)
            score = None
        elif name in version.distances and nowhere and (num_reference == 0) != (num_predicted == 0):
            left_out.append(case_id)
        if isinstance(num_reference, int | float) and num_reference > 0:
            with_lesion.append(case_id)
        scores.append((case_id, score))
    warnings = []
    if empty:
        warnings.append(f"{path}: undefined, label {chosen} is not in the reference: {', '.join(sorted(empty))}")
    if left_out:
        warnings.append(
            f"{path}: {name} is NaN where one mask is empty, which leaves out {', '.join(sorted(left_out))}; "
            "compare Dice, too, which counts an empty prediction"
        )
    return LabelScores(
        scores=scores, labels=labels, label=chosen, with_lesion=frozenset(with_lesion), warnings=tuple(warnings)
    )


def _cases(content: Any) -> tuple[Version, list[tuple[str, dict[str, dict[str, Any]]]]]:
    """The version that wrote a summary, and its cases with their scores by label."""
    if "metric_per_case" in content:
        return V2, [(_case_id(entry, V2), _by_label(entry["metrics"])) for entry in content["metric_per_case"]]
    files = (V1.reference_file, V1.prediction_file)
    return V1, [
        (_case_id(entry, V1), _by_label({name: scores for name, scores in entry.items() if name not in files}))
        for entry in content["results"]["all"]
    ]


def _by_label(metrics: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: dict(scores) for name, scores in metrics.items()}


def _case_id(entry: Mapping[str, Any], version: Version) -> str:
    file = str(entry.get(version.prediction_file) or entry[version.reference_file])
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
