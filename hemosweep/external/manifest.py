"""Manifest of an exported data set: cases, folds and content, by which results are checked when they come back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.data.folds import Fold
from hemosweep.digest import digest_json
from hemosweep.errors import BadInput

MANIFEST_NAME = "hemosweep.json"
EXPORT_AGAIN = "export the data set again, or name the folder of the export with --export"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """Content of an export. It names no patient and no place.

    `names` are the names of the cases there, by case id. The lesion is `lesion_label` of the masks; None for 1.
    """

    program: str
    dataset_digest: str
    lesion_label: int | None
    names: Mapping[str, str]
    folds: tuple[Fold, ...]

    @property
    def case_ids(self) -> dict[str, str]:
        """Case id by name."""
        return {name: case_id for case_id, name in self.names.items()}

    @property
    def tested_in(self) -> dict[str, int]:
        """Fold that tests each case, by name."""
        return {self.names[case_id]: fold.index for fold in self.folds for case_id in fold.test}

    def as_json(self) -> dict[str, Any]:
        parts = ("index", "train", "validation", "test")
        values = {
            "program": self.program,
            "dataset_digest": self.dataset_digest,
            "lesion_label": self.lesion_label,
            "names": dict(self.names),
            "folds": [
                {part: list(value) if isinstance(value := getattr(fold, part), tuple) else value for part in parts}
                for fold in self.folds
            ],
        }
        return values | {"digest": digest_json(values)}


def manifest_from_json(values: Any, place: Path) -> Manifest:
    """
    Args:
        place: the file that it was read from, for the message.

    Raises:
        BadInput: it is no manifest, or somebody edited it.
    """
    try:
        content = {name: value for name, value in values.items() if name != "digest"}
        if values["digest"] != digest_json(content):
            raise BadInput(f"{place}: the manifest of the export was edited; {EXPORT_AGAIN}")
        return Manifest(
            program=values["program"],
            dataset_digest=values["dataset_digest"],
            lesion_label=values["lesion_label"],
            names=values["names"],
            folds=tuple(
                Fold(
                    index=fold["index"],
                    train=tuple(fold["train"]),
                    validation=tuple(fold["validation"]),
                    test=tuple(fold["test"]),
                )
                for fold in values["folds"]
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{place}: holds no manifest of an export ({type(error).__name__}); {EXPORT_AGAIN}") from error


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in the folder of an export; None where there is none.

    Raises:
        BadInput: as `manifest_from_json`, or it is no JSON.
    """
    path = folder / MANIFEST_NAME
    try:
        return manifest_from_json(json.loads(path.read_text(encoding="utf-8")), path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except BadInput:
        raise
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({type(error).__name__}); {EXPORT_AGAIN}") from error
