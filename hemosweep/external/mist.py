"""MIST, the Medical Imaging Segmentation Toolkit (mist-medical): its data set and its cross-validation.

MIST deals its folds itself, in `train_paths.csv` of its results; the export has one with our folds, to be put in its
place before the training. Its test cases of fold k are ours. The best epoch is chosen by cases that it takes from the
training cases by chance (`--val-percent`), and by the test cases themselves where that is 0, its default.
"""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.external.manifest import Manifest, read_manifest
from hemosweep.external.program import LESION, Results, membership_faults
from hemosweep.foldrun.spec import read_json
from hemosweep.scores.score_files import read_score_file

DATASET, PATHS, RESULTS, CONFIG = "dataset.json", "train_paths.csv", "results.csv", "config.json"
CASES, CT, MASK = "train", "ct.nii.gz", "mask.nii.gz"
PREDICTIONS = Path("predictions") / "train" / "raw"
ENDING = ".nii.gz"


@dataclass(frozen=True, slots=True)
class Mist:
    """See `Program`."""

    name: str = "mist"
    title: str = "MIST"

    def image(self, name: str) -> str:
        """See `Program`."""
        return f"{CASES}/{name}/{CT}"

    def label(self, name: str) -> str:
        """See `Program`."""
        return f"{CASES}/{name}/{MASK}"

    def tables(self, manifest: Manifest, folder: Path, *, is_sheared: bool) -> Mapping[str, str]:
        """See `Program`. MIST wants absolute paths."""
        place = folder.resolve()
        dataset = {
            "task": "hemosweep",
            "modality": "ct",
            "train-data": str(place / CASES),
            "mask": [MASK],
            "images": {"ct": [CT]},
            "labels": [0, 1],
            "final_classes": {LESION: [1]},
        }
        lines = io.StringIO()
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(("id", "fold", "mask", "ct"))
        for name, fold in sorted(manifest.tested_in.items(), key=lambda entry: (entry[1], entry[0])):
            table.writerow((name, fold, str(place / self.label(name)), str(place / self.image(name))))
        return {DATASET: json.dumps(dataset, indent=1) + "\n", PATHS: lines.getvalue()}

    def next_lines(self, manifest: Manifest, folder: Path) -> tuple[str, ...]:
        """See `Program`."""
        return (
            "MIST's fold k trains on what fold k trains and validates on here, and tests our test cases.",
            "Without --val-percent MIST picks the epoch by the test cases, which is compared with nothing.",
            "next, with MIST's environment:",
            f"  mist_analyze --data {folder / DATASET} --results RESULTS --nfolds {len(manifest.folds)}",
            f"  cp {folder / PATHS} RESULTS/{PATHS}",
            "  mist_preprocess --results RESULTS --numpy NUMPY",
            "  mist_train --results RESULTS --numpy NUMPY --val-percent 0.2",
            "  hemosweep import-results RESULTS --name mist --sweep SWEEP --data DATA",
        )

    def find_manifest(self, results: Path) -> Manifest | None:
        """See `Program`. The export is found by the paths of its masks."""
        try:
            rows = _rows(results / PATHS)
        except BadInput:
            return None
        places = {Path(row.get("mask") or "").parent.parent.parent for row in rows[:1]}
        return next((manifest for place in places if (manifest := read_manifest(place)) is not None), None)

    def read_results(self, results: Path, manifest: Manifest) -> Results:
        """See `Program`. `results` is the folder that was given to MIST as `--results`."""
        for name in (RESULTS, CONFIG):
            if not (results / name).is_file():
                raise BadInput(f"{results / name}: is missing; give MIST's folder of results, trained to its end")
        folds = {row["id"]: int(row["fold"]) for row in _rows(results / PATHS)}
        predictions = {
            path.name.removesuffix(ENDING): path for path in sorted((results / PREDICTIONS).glob(f"*{ENDING}"))
        }
        unknown = [name for name in predictions if name not in folds]
        faults = [f"case {name}: has a prediction and no fold in {results / PATHS}; delete it" for name in unknown]
        found = {name: folds[name] for name in predictions if name in folds}
        config = _config(results / CONFIG)
        share = _at(config, "training", "val_percent")
        by_chance = isinstance(share, int | float) and share > 0
        parts = [_at(config, "model", "architecture"), _at(config, "training", "loss", "name")]
        version = _at(config, "mist_version")
        own = read_score_file(results / RESULTS, "dsc", LESION).scores
        return Results(
            version=None if version is None else str(version),
            settings=", ".join(str(part) for part in parts if part) or "MIST's own",
            checkpoint_rule=(
                f"MIST's best validation Dice on {share:.0%} of the training cases"
                if by_chance
                else "MIST's best validation Dice on the test cases"
            ),
            predictions=predictions,
            own_dsc=own,
            chosen_on_test=not by_chance,
            faults=(*faults, *membership_faults(found, manifest)),
        )


def _rows(path: Path) -> list[dict[str, str]]:
    """Rows of `train_paths.csv`.

    Raises:
        BadInput: it is missing, or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        if not rows or any(not str(row.get("fold", "")).strip().isdecimal() or not row.get("id") for row in rows):
            raise BadInput(f"{path}: needs a row a case with id and fold; put back the one of the export")
    except (OSError, ValueError, csv.Error) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: cannot be read ({type(error).__name__}); put back the one of the export") from error
    return rows


def _config(path: Path) -> Any:
    try:
        return read_json(path)
    except ValueError as error:
        raise BadInput(f"{path}: is no JSON; restore MIST's file") from error


def _at(values: Any, *names: str) -> Any:
    for name in names:
        values = values.get(name) if isinstance(values, dict) else None
    return values


MIST = Mist()
