"""BHSD (Wu et al. 2023, arXiv:2308.11298) and MBH-Seg 2025 (doi:10.5281/zenodo.15094748): scans of the RSNA 2019
challenge with a label a type of hemorrhage, from one rater or several. Both have the paper's task without changes."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from hemosweep.data.parallel import Progress
from hemosweep.errors import BadInput
from hemosweep.importers.layouts import Layout, find_root
from hemosweep.importers.protocol import IVH_LABEL, LESION_LABEL, FunctionImporter, ImportOption
from hemosweep.importers.source import Scan, image_files, pair_scans, patient_of, subfolders, subject_ids
from hemosweep.importers.volumes import odd_blood, read_ct, read_labels
from hemosweep.importers.writer import ImportedCase, ImportSummary, write_dataset

IPH, IVH = 2, 3
"""Of 1 EDH, 2 IPH, 3 IVH, 4 SAH, 5 SDH."""
RATER_PREFIX = "label_annot_"
BHSD = Layout(name="BHSD", roots=("label_192",), marks=("images", "ground truths"))
MBH_SEG = Layout(name="MBH-Seg", roots=("MBH_Train_2025_voxel-label",), marks=("*/image.nii*", "*/label_annot_*.nii*"))


def import_bhsd(
    source: Path, out: Path, *, lesion_label: int = IPH, ivh_label: int = IVH, progress: Progress | None = None
) -> ImportSummary:
    """Write the 192 labelled scans as a data set into `out`.

    Layout: `label_192/images/ID_<patient>_ID_<series>.nii.gz` and `label_192/ground truths/` of the same names. The
    lesion is IPH; IVH goes to the IVH mask; the other types are background. Scans without IPH are left out.

    Args:
        lesion_label: the lesion's value in the label maps.
        ivh_label: that of IVH.

    Raises:
        BadInput: `source` is not in this layout, `out` cannot take a data set, or the two labels are one.
    """
    root = find_root(source, BHSD)
    _check_labels(lesion_label, ivh_label)
    scans = pair_scans(image_files(root / "images"), image_files(root / "ground truths"))
    return write_dataset(
        out,
        {scan.case_id: partial(_read, scan, (scan.labels_path,), lesion_label, ivh_label) for scan in scans},
        source=source,
        layout=BHSD.name,
        notes=(_label_note(lesion_label, ivh_label),),
        progress=progress,
    )


def import_mbh_seg(
    source: Path,
    out: Path,
    *,
    rater: int | Literal["majority"] = 1,
    lesion_label: int = IPH,
    ivh_label: int = IVH,
    progress: Progress | None = None,
) -> ImportSummary:
    """Write the scans with voxel labels as a data set into `out`.

    Layout: `MBH_Train_2025_voxel-label/<case>/image.nii.gz` and beside it `label_annot_N.nii.gz`, one a rater; not
    every rater labelled every scan. Names, lesion and IVH are those of `import_bhsd`.

    Args:
        rater: whose labels count; "majority" takes the voxels that more than half of a scan's raters gave a label.
        lesion_label: the lesion's value in the label maps. Some code that loads the set knows another order, in which
            3 is IPH and 5 IVH.
        ivh_label: that of IVH.

    Raises:
        BadInput: `source` is not in this layout, `out` cannot take a data set, or the two labels are one.
    """
    root = find_root(source, MBH_SEG)
    _check_labels(lesion_label, ivh_label)
    files = {name: image_files(root / name) for name in subfolders(root)}
    ids = subject_ids(name for name in files if files[name])
    whose = "the majority of the raters" if rater == "majority" else f"rater {rater}"
    return write_dataset(
        out,
        {
            case_id: partial(_read_rated, case_id, name, files[name], rater, lesion_label, ivh_label)
            for name, case_id in ids.items()
        },
        source=source,
        layout=MBH_SEG.name,
        notes=(_label_note(lesion_label, ivh_label), f"the labels are those of {whose}"),
        progress=progress,
    )


def _check_labels(lesion_label: int, ivh_label: int) -> None:
    if lesion_label == ivh_label or min(lesion_label, ivh_label) < 1:
        raise BadInput(f"lesion label {lesion_label}, IVH label {ivh_label}: must be two different labels from 1 on")


def _label_note(lesion_label: int, ivh_label: int) -> str:
    return f"the lesion is label {lesion_label} (IPH), the IVH mask label {ivh_label}; other hemorrhage is background"


def _read_rated(
    case_id: str,
    name: str,
    files: Mapping[str, Path],
    rater: int | Literal["majority"],
    lesion_label: int,
    ivh_label: int,
) -> ImportedCase:
    maps = {stem.removeprefix(RATER_PREFIX): path for stem, path in files.items() if stem.startswith(RATER_PREFIX)}
    chosen = list(maps.values()) if rater == "majority" else [path for key, path in maps.items() if key == str(rater)]
    if not chosen:
        whose = "any rater" if rater == "majority" else f"rater {rater}"
        raise BadInput(
            f"case {case_id}: has no labels of {whose} (it has those of: {', '.join(maps) or 'none'}); choose another "
            "rater, or the majority"
        )
    scan = Scan(case_id=case_id, name=name, ct_path=files.get("image"), labels_path=None)
    return _read(scan, chosen, lesion_label, ivh_label)


def _read(scan: Scan, paths: Sequence[Path | None], lesion_label: int, ivh_label: int) -> ImportedCase:
    """Majority of several label maps: a voxel has the label that more than half of them give it."""
    import numpy as np

    ct = read_ct(scan.case_id, scan.ct_path)
    lesion_votes_DHW, ivh_votes_DHW = np.zeros((2, *ct.array_DHW.shape), dtype=np.uint8)
    mended: dict[str, None] = {}
    for path in paths:
        labels_DHW, warnings = read_labels(scan.case_id, path, scan.ct_path, ct)
        lesion_votes_DHW += labels_DHW == lesion_label
        ivh_votes_DHW += labels_DHW == ivh_label
        mended.update(dict.fromkeys(warnings))
    lesion_DHW, ivh_DHW = (2 * votes_DHW > len(paths) for votes_DHW in (lesion_votes_DHW, ivh_votes_DHW))
    has_ivh = bool(ivh_DHW.any())
    return ImportedCase(
        case_id=scan.case_id,
        patient_id=patient_of(scan.name),
        ivh=has_ivh,
        ct=ct,
        lesion_DHW=lesion_DHW,
        ivh_DHW=ivh_DHW if has_ivh else None,
        columns={"centre": "RSNA 2019", "lesion_type": "IPH"},
        warnings=(*ct.warnings, *mended, *odd_blood(ct, lesion_DHW)),
    )


def _import_by_rater(source: Path, out: Path, *, rater: str = "1", **options: Any) -> ImportSummary:
    """Import MBH-Seg with a rater as it is typed."""
    if rater != "majority" and not rater.isdigit():
        raise BadInput(f"--rater {rater}: give a rater's number, or majority")
    return import_mbh_seg(source, out, rater="majority" if rater == "majority" else int(rater), **options)


IMPORTERS = (
    FunctionImporter(
        name="bhsd",
        help="Import BHSD (label_192/images, label_192/ground truths): IPH is the lesion.",
        layout=BHSD,
        function=import_bhsd,
        options=(LESION_LABEL, IVH_LABEL),
    ),
    FunctionImporter(
        name="mbh-seg",
        help="Import MBH-Seg 2025 (MBH_Train_2025_voxel-label/CASE/image.nii.gz, label_annot_N.nii.gz).",
        layout=MBH_SEG,
        function=_import_by_rater,
        options=(
            ImportOption(name="rater", kind=str, help="Number of the rater, or majority.", default="1"),
            LESION_LABEL,
            IVH_LABEL,
        ),
    ),
)
