"""Small sets in the public layouts, with the quirks of the real ones, from cases that a test gives.

Each `write_*` makes a set below `folder` and returns what its importer is given. A label map has BHSD's values: 1 EDH,
2 IPH, 3 IVH, 4 SAH, 5 SDH; a set with binary masks gets their union.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from hemosweep.data.nifti import Volume

IPH, IVH = 2, 3
PATIENTS = ("0a6241b6", "0a6241b6", "5c77e100", "93b0aa21", "b81a5f4c", "2d91e6f0", "7c40d8aa")
"""Of the sets whose names tell the patient: the first two scans are of one."""
SERIES = ("081c820129", "f2a6636a59", "e78689a0f3", "90c717065e", "1f0d3ab2c7", "c6650f1e94", "38ad7be520")


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceCase:
    ct: Volume
    labels_DHW: NDArray[np.uint8]
    cta: Volume | None = None


def save_nifti(
    path: Path, array_DHW: NDArray[np.generic], affine: NDArray[np.float64], *, sform: bool = True, planted: str = ""
) -> None:
    """Write as LPS, the order of DICOM converters; `planted` goes to every text field of the header."""
    height, width = array_DHW.shape[1:]
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    flip[:2, 3] = width - 1, height - 1
    image = nib.Nifti1Image(np.ascontiguousarray(array_DHW.transpose(2, 1, 0)[::-1, ::-1]), affine @ flip)
    image.set_sform(affine @ flip, code=1)
    image.set_qform(affine @ flip, code=1)
    if not sform:
        image.set_sform(None)
    for name in ("descrip", "aux_file", "db_name", "intent_name"):
        image.header[name] = planted.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)


def _save_ct(path: Path, volume: Volume, *, sform: bool = True, planted: str = "") -> None:
    save_nifti(path, volume.array_DHW, volume.affine, sform=sform, planted=planted)


def _litter(folder: Path) -> None:
    """Files that macOS packs and Finder leaves behind."""
    for path in (folder / "._001.nii.gz", folder / ".DS_Store", folder / "__MACOSX" / "._image.nii.gz"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x00\x05\x16\x07")


def write_ct_ich(folder: Path, cases: Sequence[SourceCase], *, planted: str = "") -> Path:
    """Patients 49, 50 ... 58 and on from 66; the table starts with a BOM and ends in empty rows."""
    numbers = [*range(49, 59), *range(66, 131)]
    rows = []
    for number, case in zip(numbers, cases, strict=False):
        _save_ct(folder / "ct_scans" / f"{number:03d}.nii", case.ct, planted=planted)
        mask_DHW = np.where(case.labels_DHW > 0, 255, 0).astype(np.uint8)
        save_nifti(folder / "masks" / f"{number:03d}.nii", mask_DHW, case.ct.affine, planted=planted)
        for index, slice_HW in enumerate(case.labels_DHW):
            present = [int((slice_HW == label).any()) for label in (IVH, IPH, 4, 1, 5)]
            rows.append([number, index + 1, *present, int(not any(present)), 0])
    header = (
        "PatientNumber,SliceNumber,Intraventricular,Intraparenchymal,Subarachnoid,Epidural,Subdural,"
        "No_Hemorrhage,Fracture_Yes_No"
    )
    lines = [header, *(",".join(map(str, row)) for row in rows), ",,,,,,,,", ""]
    (folder / "hemorrhage_diagnosis_raw_ct.csv").write_text("\r\n".join(lines), encoding="utf-8-sig", newline="")
    _litter(folder / "ct_scans")
    return folder


def write_instance(folder: Path, cases: Sequence[SourceCase], *, planted: str = "") -> Path:
    for index, case in enumerate(cases, start=1):
        _save_ct(folder / "train_2" / "data" / f"{index:03d}.nii.gz", case.ct, planted=planted)
        mask_DHW = (case.labels_DHW > 0).astype(np.uint8)
        save_nifti(folder / "train_2" / "label" / f"{index:03d}.nii.gz", mask_DHW, case.ct.affine, planted=planted)
    _litter(folder / "train_2" / "data")
    return folder


def rsna_name(index: int) -> str:
    return f"ID_{PATIENTS[index]}_ID_{SERIES[index]}"


def write_bhsd(folder: Path, cases: Sequence[SourceCase], *, planted: str = "") -> Path:
    """Masks are uint16; no file has an sform."""
    for index, case in enumerate(cases):
        name = f"{rsna_name(index)}.nii.gz"
        _save_ct(folder / "label_192" / "images" / name, case.ct, sform=False, planted=planted)
        labels_DHW = case.labels_DHW.astype(np.uint16)
        path = folder / "label_192" / "ground truths" / name
        save_nifti(path, labels_DHW, case.ct.affine, sform=False, planted=planted)
    (folder / "unlabel_2000" / "anybleed").mkdir(parents=True)
    _litter(folder / "label_192" / "images")
    return folder


def write_mbh_seg(
    folder: Path, cases: Sequence[SourceCase], *, raters: Sequence[Sequence[NDArray[np.uint8]]] = (), planted: str = ""
) -> Path:
    """`raters` are further label maps, for each case those of rater 2, 3 and so on; rater 1's are the cases' own."""
    root = folder / "MBH_Train_2025_voxel-label"
    for index, case in enumerate(cases):
        _save_ct(root / rsna_name(index) / "image.nii.gz", case.ct, planted=planted)
        others = raters[index] if index < len(raters) else ()
        for rater, labels_DHW in enumerate((case.labels_DHW, *others), start=1):
            path = root / rsna_name(index) / f"label_annot_{rater}.nii.gz"
            save_nifti(path, labels_DHW, case.ct.affine, planted=planted)
    _litter(root)
    return folder


def write_cq500(folder: Path, cases: Sequence[SourceCase], *, planted: str = "") -> Path:
    """Paths in the table are those of the authors' machine."""
    root = folder / "Seg-CQ500" / "data" / "volumes"
    lines = ["name,CT_fn,mask_fn,ICH"]
    for index, case in enumerate(cases):
        name = f"CQ500-CT-{3 * index + 5}"
        _save_ct(root / name / "CT.nii", case.ct, planted=planted)
        mask_DHW = (case.labels_DHW > 0).astype(np.uint8)
        save_nifti(root / name / "ICH_mask.nii.gz", mask_DHW, case.ct.affine, planted=planted)
        lines.append(f"{name},volumes/{name}/CT.nii,volumes/{name}/ICH_mask.nii.gz,1.0")
    (root / "info.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _litter(root)
    _litter(folder)
    return folder


def write_hemseg(folder: Path, cases: Sequence[SourceCase], *, planted: str = "") -> Path:
    """A case whose label map holds IPH is an IPH scan, any other one an IVH scan. The images lie in `images`."""
    entries, tables = [], {"train": [], "val": [], "test": []}
    for index, case in enumerate(cases):
        name, split = SERIES[index], ("train", "val", "test")[index % 3]
        has_iph = bool((case.labels_DHW == IPH).any())
        _save_ct(folder / "images" / f"{name}.nii.gz", case.ct, planted=planted)
        mask_DHW = (case.labels_DHW == (IPH if has_iph else IVH)).astype(np.uint8)
        path = folder / "IPH_IVH_label" / split / "label" / f"{name}.nii.gz"
        save_nifti(path, mask_DHW, case.ct.affine, planted=planted)
        tables[split].append(f"{name},{0 if has_iph else 1}")
        entries.append(json.dumps({"patient": f"ID_{PATIENTS[index]}", "scan_": name, "slice_list": ["fd503db37"]}))
    for split, rows in tables.items():
        (folder / "IPH_IVH_label" / split / "label").mkdir(parents=True, exist_ok=True)
        (folder / f"{split}_set.csv").write_text("\n".join(["filename,label", *rows]) + "\n", encoding="utf-8")
    (folder / "annotion_file_info.jsonl").write_text("\n".join(entries) + "\n", encoding="utf-8")
    _litter(folder / "IPH_IVH_label" / "train" / "label")
    return folder


def write_nnunet(
    folder: Path, cases: Sequence[SourceCase], *, labels: dict[str, int] | None = None, planted: str = ""
) -> Path:
    """`labels` are the foreground labels in `dataset.json`; without any, the lesion is 1 and the rest background."""
    for index, case in enumerate(cases, start=1):
        name = f"head_{index:03d}"
        _save_ct(folder / "imagesTr" / f"{name}_0000.nii.gz", case.ct, planted=planted)
        if case.cta is not None:
            _save_ct(folder / "imagesTr" / f"{name}_0001.nii.gz", case.cta, planted=planted)
        labels_DHW = case.labels_DHW if labels else (case.labels_DHW == IPH).astype(np.uint8)
        save_nifti(folder / "labelsTr" / f"{name}.nii.gz", labels_DHW, case.ct.affine, planted=planted)
    content = {
        "channel_names": {"0": "CT", "1": "CTA"},
        "labels": {"background": 0, **(labels or {"lesion": 1})},
        "numTraining": len(cases),
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    _litter(folder / "imagesTr")
    return folder
