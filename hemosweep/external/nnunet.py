"""nnU-Net version 2 (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z): its raw data set and its cross-validation.

nnU-Net splits the cases of a fold in two. Its training cases are those that our fold trains and validates on, since it
stops after a fixed number of epochs; its validation cases are our test cases, which it predicts once with the last
weights. With `--val_best` it would predict them with the epoch that segments them best, and its files do not say so.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.external.manifest import Manifest, manifest_from_json
from hemosweep.external.program import LESION, Results, membership_faults
from hemosweep.scores.nnunet_summary import nnunet_scores

DATASET, SPLITS, SUMMARY, VALIDATION = "dataset.json", "splits_final.json", "summary.json", "validation"
KEY = "hemosweep"
"""Key of the manifest in `dataset.json`, which nnU-Net copies to its results."""
ENDING = ".nii.gz"
_FOLD = re.compile(r"fold_(\d+)")
_FOLDER = re.compile(r"Dataset(\d{3})_.+")


def dataset_folder(dataset_id: int) -> str:
    """Name of the folder of a raw data set.

    Raises:
        BadInput: nnU-Net takes no such number.
    """
    if not 1 <= dataset_id <= 999:
        raise BadInput(f"--dataset-id {dataset_id}: nnU-Net takes 1 to 999")
    return f"Dataset{dataset_id:03}_hemosweep"


def check_number(root: Path, folder: str) -> None:
    """Refuse a second data set of one number, which nnU-Net cannot tell apart.

    Raises:
        BadInput: there is one.
    """
    number = folder.partition("_")[0]
    for other in sorted(root.glob(f"{number}_*")) if root.is_dir() else ():
        if other.name != folder:
            raise BadInput(f"{other}: has the number {number.removeprefix('Dataset')}, too; give another --dataset-id")


@dataclass(frozen=True, slots=True)
class NnUNet:
    """See `Program`."""

    name: str = "nnunet"
    title: str = "nnU-Net"

    def image(self, name: str) -> str:
        """See `Program`."""
        return f"imagesTr/{name}_0000{ENDING}"

    def label(self, name: str) -> str:
        """See `Program`."""
        return f"labelsTr/{name}{ENDING}"

    def tables(self, manifest: Manifest, folder: Path, *, is_sheared: bool) -> Mapping[str, str]:
        """See `Program`. `splits_final.json` lies where nnU-Net's planning looks for it."""
        dataset: dict[str, Any] = {
            "channel_names": {"0": "CT"},
            "labels": {"background": 0, LESION: 1},
            "numTraining": len(manifest.names),
            "file_ending": ENDING,
            KEY: manifest.as_json(),
        }
        if is_sheared:  # Its usual reader takes right-angled grids alone.
            dataset["overwrite_image_reader_writer"] = "NibabelIO"
        splits = [
            {
                "train": sorted(manifest.names[case_id] for case_id in (*fold.train, *fold.validation)),
                "val": sorted(manifest.names[case_id] for case_id in fold.test),
            }
            for fold in manifest.folds
        ]
        return {DATASET: json.dumps(dataset, indent=1) + "\n", SPLITS: json.dumps(splits, indent=1) + "\n"}

    def next_lines(self, manifest: Manifest, folder: Path) -> tuple[str, ...]:
        """See `Program`."""
        match = _FOLDER.fullmatch(folder.name)
        number = int(match[1]) if match else 0
        folds = " ".join(str(fold.index) for fold in manifest.folds)
        return (
            "nnU-Net's fold k trains on what fold k trains and validates on here; its 'val' are our test cases.",
            "Do not give --val_best, which picks the epoch by the test cases.",
            "next, with nnU-Net's environment:",
            f"  export nnUNet_raw={folder.parent} nnUNet_preprocessed=... nnUNet_results=...",
            f"  nnUNetv2_plan_and_preprocess -d {number} --verify_dataset_integrity",
            f"  for fold in {folds}; do nnUNetv2_train {number} 3d_fullres $fold; done",
            f"  hemosweep import-results $nnUNet_results/{folder.name}/nnUNetTrainer__nnUNetPlans__3d_fullres "
            "--name nnunet --sweep SWEEP --data DATA",
        )

    def find_manifest(self, results: Path) -> Manifest | None:
        """See `Program`."""
        path = results / DATASET
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return manifest_from_json(values[KEY], path) if isinstance(values, dict) and KEY in values else None

    def read_results(self, results: Path, manifest: Manifest) -> Results:
        """See `Program`. `results` is the folder of a trainer, plans and configuration, with `fold_0` and so on."""
        by_fold = {int(match[1]): path for path in results.glob("fold_*") if (match := _FOLD.fullmatch(path.name))}
        if not by_fold:
            below = sorted({str(path.parent) for path in results.glob("*/fold_*")})
            more = f"; give {' or '.join(below)}" if below else ", such as .../nnUNetTrainer__nnUNetPlans__3d_fullres"
            raise BadInput(f"{results}: has no fold_0; give nnU-Net's folder of a trained configuration{more}")
        wanted = {fold.index for fold in manifest.folds}
        faults = [
            f"fold {fold}: {by_fold[fold]} is none of the {len(wanted)} folds of the export; nnU-Net split it by chance"
            for fold in sorted(by_fold.keys() - wanted)
        ]
        absent = sorted(fold for fold in wanted if not (by_fold.get(fold, results) / VALIDATION).is_dir())
        faults += [
            f"fold {fold}: {results / f'fold_{fold}' / VALIDATION} is missing; finish it with nnUNetv2_train"
            for fold in absent
        ]
        found: dict[str, int] = {}
        predictions: dict[str, Path] = {}
        own_dsc: dict[str, float | None] = {}
        for fold in sorted(wanted.difference(absent)):
            folder = by_fold[fold] / VALIDATION
            for path in sorted(folder.glob(f"*{ENDING}")):
                name = path.name.removesuffix(ENDING)
                if name in found:
                    faults.append(f"case {name}: was tested in fold {found[name]} and in fold {fold}; each case once")
                found[name], predictions[name] = fold, path
            summary = folder / SUMMARY
            if not summary.is_file():
                faults.append(f"fold {fold}: {summary} is missing; finish it with nnUNetv2_train ... --val")
                continue
            own_dsc |= dict(nnunet_scores(summary, summary.read_text(encoding="utf-8"), "dsc", None).scores)
        return Results(
            version=None,
            settings=results.resolve().name,
            checkpoint_rule="nnU-Net's last epoch",
            predictions=predictions,
            own_dsc=own_dsc,
            faults=(*faults, *membership_faults(found, manifest, absent)),
        )


NNUNET = NnUNet()
