"""Public layouts, and detection of the layout of a folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from hemosweep.data.manifest import TABLE_NAME
from hemosweep.errors import BadInput


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """A public layout: its root is the folder that a user names or one of `roots` below it; it holds all `marks`, which
    may be glob patterns."""

    name: str
    command: str
    roots: tuple[str, ...] = ()
    marks: tuple[str, ...]


CT_ICH = Layout(
    name="PhysioNet CT-ICH",
    command="import-ct-ich",
    marks=("ct_scans", "masks", "hemorrhage_diagnosis_raw_ct.csv"),
)
INSTANCE = Layout(name="INSTANCE 2022", command="import-instance", roots=("train_2",), marks=("data", "label"))
BHSD = Layout(name="BHSD", command="import-bhsd", roots=("label_192",), marks=("images", "ground truths"))
MBH_SEG = Layout(
    name="MBH-Seg",
    command="import-mbh-seg",
    roots=("MBH_Train_2025_voxel-label",),
    marks=("*/image.nii*", "*/label_annot_*.nii*"),
)
CQ500 = Layout(
    name="Seg-CQ500",
    command="import-cq500",
    roots=("volumes", "data/volumes", "Seg-CQ500/data/volumes"),
    marks=("info.csv",),
)
HEMSEG = Layout(name="HemSeg", command="import-hemseg", roots=("IPH_IVH_label",), marks=("train/label",))
NNUNET = Layout(name="nnU-Net", command="import-nnunet", marks=("dataset.json", "imagesTr", "labelsTr"))
DICOM = Layout(name="DICOM", command="import-dicom", roots=("*", "*/*"), marks=("*.dcm",))
LAYOUTS = (CT_ICH, BHSD, MBH_SEG, INSTANCE, CQ500, HEMSEG, NNUNET, DICOM)


def find_root(source: Path, layout: Layout) -> Path:
    """The folder of a public set's files, in or below the folder that a user names.

    Raises:
        BadInput: `source` is no folder, or is not in this layout; the message names the layout that it seems to have.
    """
    if not os.path.isdir(source):
        kind = (
            "is a file; unpack it and name the folder" if os.path.isfile(source) else "no such folder; check its name"
        )
        raise BadInput(f"{source}: {kind} of the {layout.name} set")
    root = _root(source, layout)
    if root is not None:
        return root
    missing = [mark for mark in layout.marks if not _holds(source, mark)]
    other = next((other for other in LAYOUTS if other is not layout and _root(source, other) is not None), None)
    if other is not None:
        way_out = f"it looks like {other.name}: use hemosweep data {other.command}"
    elif _holds(source, TABLE_NAME):
        way_out = "it is a data set already and needs no import"
    else:
        way_out = "name the folder that the set was unpacked to"
    raise BadInput(
        f"{source}: not in the layout of {layout.name} (expected {', '.join(layout.marks)}; not there: "
        f"{', '.join(missing)}); {way_out}"
    )


def _root(source: Path, layout: Layout) -> Path | None:
    for pattern in (".", *layout.roots):
        for root in [source] if pattern == "." else sorted(source.glob(pattern)):
            if root.name != "__MACOSX" and all(_holds(root, mark) for mark in layout.marks):
                return root
    return None


def _holds(folder: Path, mark: str) -> bool:
    return next(folder.glob(mark), None) is not None
