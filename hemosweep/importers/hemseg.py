"""HemSeg-200 and HemSeg-500 (Song et al. 2024, arXiv:2405.14559): labels of scans of the RSNA 2019 challenge, each with
one type of hemorrhage."""

import json
import os
from functools import partial
from pathlib import Path

from hemosweep.data.parallel import Progress
from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id
from hemosweep.importers.layouts import Layout, find_root
from hemosweep.importers.protocol import FunctionImporter, ImportOption
from hemosweep.importers.source import image_files, pair_scans, read_table
from hemosweep.importers.volumes import read_binary_case
from hemosweep.importers.writer import ImportSummary, write_dataset

SPLITS = ("train", "val", "test")
IPH, IVH = "0", "1"
HEMSEG = Layout(name="HemSeg", roots=("IPH_IVH_label",), marks=("train/label",))


def import_hemseg(
    source: Path, out: Path, *, images: Path | None = None, progress: Progress | None = None
) -> ImportSummary:
    """Write the IPH scans as a data set into `out`.

    Layout: `IPH_IVH_label/{train,val,test}/label/<10 hex digits>.nii.gz`, and in `source` the published tables
    `*_set.csv` (filename, label: 0 is IPH, 1 IVH) and `annotion_file_info*.jsonl` (patient and scan). The set has no
    images: its `dcm2nii.py` makes them, by the labels' names, from the DICOM files of the RSNA challenge.

    Scans of IVH alone are not cases. Whether an IPH scan bleeds into the ventricles, too, is unknown. Without the
    .jsonl every scan counts as a patient of its own.

    Args:
        images: the folder of the rebuilt images; `source`/images where None.

    Raises:
        BadInput: `source` is not in this layout, `out` cannot take a data set, or the images or tables are missing.
    """
    root = find_root(source, HEMSEG)
    images = source / "images" if images is None else images
    if not os.path.isdir(images):
        raise BadInput(
            f"{images}: no such folder; HemSeg has labels alone: rebuild the images from the DICOM files of RSNA 2019 "
            "with the dcm2nii.py of the set, and name their folder with --images"
        )
    labels = {
        name: path
        for split in SPLITS
        if os.path.isdir(root / split / "label")
        for name, path in image_files(root / split / "label").items()
    }
    types = _types(source, root)
    untold = [name for name in labels if name not in types]
    if untold:
        raise BadInput(
            f"{source}: no table tells the type of {len(untold)} of {len(labels)} labels ({untold[0]}); put the set's "
            "train_set.csv, val_set.csv and test_set.csv (filename, label) there"
        )
    iph_labels = {name: path for name, path in labels.items() if types[name] == IPH}
    iph_images = {name: path for name, path in image_files(images).items() if name in iph_labels}
    if not iph_images:
        raise BadInput(
            f"{images}: has no image of the {len(iph_labels)} IPH labels; the files must be named like the labels"
        )
    patients = _patients(source, root)
    notes = ["the types are those of the set's tables, where 0 is taken for IPH and 1 for IVH"]
    if len(iph_labels) < len(labels):
        notes.append(f"{len(labels) - len(iph_labels)} of {len(labels)} scans are IVH alone and are left out")
    if any(name not in patients for name in iph_labels):
        notes.append(
            "annotion_file_info.jsonl is missing or incomplete: scans that it does not name count as patients of their "
            "own, though some patients have two"
        )
    columns = {"centre": "RSNA 2019", "lesion_type": "IPH"}
    return write_dataset(
        out,
        {
            scan.case_id: partial(
                read_binary_case, scan, patient_id=patients.get(scan.name, scan.name), columns=columns
            )
            for scan in pair_scans(iph_images, iph_labels)
        },
        source=source,
        layout=HEMSEG.name,
        notes=notes,
        progress=progress,
    )


def _beside(source: Path, root: Path, pattern: str) -> list[Path]:
    """The set's tables lie beside the labels or above them."""
    return sorted({path for folder in (source, root) for path in folder.glob(pattern) if not path.name.startswith(".")})


def _types(source: Path, root: Path) -> dict[str, str]:
    """From scan to its type's number."""
    types: dict[str, str] = {}
    for table in _beside(source, root, "*.csv"):
        for row in read_table(table, ("filename", "label")):
            if row["label"] not in (IPH, IVH):
                raise BadInput(f"{table}: has the label {row['label']!r}; 0 (IPH) and 1 (IVH) are known")
            types[row["filename"].removesuffix(".gz").removesuffix(".nii")] = row["label"]
    return types


def _patients(source: Path, root: Path) -> dict[str, str]:
    """From scan to patient."""
    patients: dict[str, str] = {}
    for path in _beside(source, root, "annotion_file_info*.jsonl"):
        try:
            for line in path.read_text(encoding="utf-8-sig").splitlines():
                if line.strip():
                    entry = json.loads(line)
                    scan = entry["scan_"] if "scan_" in entry else entry["scan"]
                    patients[canonical_id(str(scan))] = str(entry["patient"]).removeprefix("ID_")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{path}: cannot be read ({error}); use the file as it was published") from error
    return patients


IMPORTER = FunctionImporter(
    name="hemseg",
    help="Import HemSeg-200 or -500 (IPH_IVH_label/ and the images rebuilt from RSNA DICOM).",
    layout=HEMSEG,
    function=import_hemseg,
    options=(ImportOption(name="images", kind=Path, help="Folder of the rebuilt images. Default: images in SOURCE."),),
)
