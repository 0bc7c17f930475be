"""Labels and metrics that a file of another program holds: choosing one of each by our names or the file's."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.scores.catalogue import ALIASES


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelScores:
    """Case ids and scores of one of the labels that a file holds.

    `with_lesion` are the cases whose reference has the label, as far as the file counts its voxels.
    """

    scores: list[tuple[str, float | None]]
    labels: tuple[str, ...]
    label: str
    with_lesion: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


def their_name(metric: str, ours_to_theirs: Mapping[str, str], known: Sequence[str] = ()) -> str:
    """Name of a metric in a file: that of our metric or of an alias of it, else the known one in any case."""
    lower = metric.lower()
    alike = [name for name in known if name.lower() == lower]
    own = alike[0] if len(alike) == 1 else metric
    return ours_to_theirs.get(ALIASES.get(lower, lower), own)


def our_names(names: Iterable[str], ours_to_theirs: Mapping[str, str]) -> str:
    """Names of metrics for a message: ours where we have one."""
    ours = {their_name: our_name for our_name, their_name in ours_to_theirs.items()}
    return ", ".join(ours.get(name, name) for name in dict.fromkeys(names))


def choose_label(path: Path, labels: Sequence[str], label: str | None) -> str:
    """The label that is asked for, by its name or its numbers; the only one where none is asked for.

    Raises:
        BadInput: no such label, or several and none is asked for.
    """
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
