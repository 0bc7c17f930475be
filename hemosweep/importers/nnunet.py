"""nnU-Net's raw data sets (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z), format versions 1 and 2."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hemosweep.data.parallel import Progress
from hemosweep.errors import BadInput
from hemosweep.importers.layouts import Layout, find_root
from hemosweep.importers.protocol import IVH_LABEL, LESION_LABEL, FunctionImporter
from hemosweep.importers.source import Scan, image_files, pair_scans, patient_of
from hemosweep.importers.volumes import odd_blood, read_ct, read_scan
from hemosweep.importers.writer import ImportedCase, ImportSummary, write_dataset

CT_CHANNEL = "_0000"
NNUNET = Layout(name="nnU-Net", marks=("dataset.json", "imagesTr", "labelsTr"))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Meaning:
    """Content of `dataset.json`, with the user's choice: labels of lesion and IVH, suffix of angiography files."""

    lesion_label: int
    ivh_label: int | None
    cta_channel: str | None


def import_nnunet(
    source: Path,
    out: Path,
    *,
    lesion_label: int | None = None,
    ivh_label: int | None = None,
    progress: Progress | None = None,
) -> ImportSummary:
    """Write the training cases as a data set into `out`.

    Layout: `imagesTr/CASE_0000.nii.gz`, `labelsTr/CASE.nii.gz` and `dataset.json`. Channel 0 is the CT; a channel that
    `dataset.json` names CTA is the angiography. A case's name becomes its id, so it must tell nothing of the patient;
    every case counts as a patient of its own but those of the RSNA challenge (`ID_<patient>_ID_<series>`).

    Args:
        lesion_label: the lesion's value in the label maps; the only foreground label where None.
        ivh_label: that of IVH, which goes to the IVH mask; where None, whether there is IVH is unknown.

    Raises:
        BadInput: `source` is not in this layout, `out` cannot take a data set, or `dataset.json` lacks the labels.
    """
    root = find_root(source, NNUNET)
    meaning = _meaning(root / "dataset.json", lesion_label, ivh_label)
    images = image_files(root / "imagesTr")
    scans = pair_scans(
        {stem.removesuffix(CT_CHANNEL): path for stem, path in images.items() if stem.endswith(CT_CHANNEL)},
        image_files(root / "labelsTr"),
    )
    if not scans:
        raise BadInput(f"{root}: imagesTr and labelsTr hold no NIfTI files, nor MHA, NRRD or Analyze")
    notes = [f"the lesion is label {meaning.lesion_label}"]
    notes.append("ivh is n/a" if ivh_label is None else f"the IVH mask is label {ivh_label}")
    if all(patient_of(scan.name) == scan.name for scan in scans):
        notes.append("every case counts as a patient of its own; mend patient_id where two are of one patient")
    return write_dataset(
        out,
        {scan.case_id: partial(_read, scan, images, meaning) for scan in scans},
        source=source,
        layout=NNUNET.name,
        notes=notes,
        progress=progress,
    )


def _meaning(path: Path, lesion_label: int | None, ivh_label: int | None) -> _Meaning:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        labels = _numbers_by_name(content["labels"])
        channels = {
            str(name).upper(): int(number)
            for number, name in (content.get("channel_names") or content.get("modality") or {}).items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path}: cannot be read as nnU-Net's ({type(error).__name__}: {error}); mend it") from error
    known = ", ".join(f"{name} {number}" for name, number in labels.items()) or "none"
    if lesion_label is None:
        if len(labels) != 1:
            raise BadInput(f"{path}: has several labels ({known}) or none; name the lesion's with --lesion-label")
        lesion_label = next(iter(labels.values()))
    for label in (lesion_label, *([] if ivh_label is None else [ivh_label])):
        if label not in labels.values():
            raise BadInput(f"{path}: has no label {label}; it has {known}")
    if lesion_label == ivh_label:
        raise BadInput(f"label {lesion_label}: cannot be both the lesion and IVH; choose two of {known}")
    if channels.get("CTA") == 0:
        raise BadInput(f"{path}: says that channel 0 is the CTA; the plain CT is wanted there")
    return _Meaning(
        lesion_label=lesion_label,
        ivh_label=ivh_label,
        cta_channel=f"_{channels['CTA']:04d}" if "CTA" in channels else None,
    )


def _numbers_by_name(labels: Mapping[str, object]) -> dict[str, int]:
    """Foreground labels; version 1 maps number to name. Regions (lists of labels) and "ignore" are none."""
    if "0" in labels:
        labels = {str(name): int(number) for number, name in labels.items()}
    return {name: number for name, number in labels.items() if isinstance(number, int) and number and name != "ignore"}


def _read(scan: Scan, images: Mapping[str, Path], meaning: _Meaning) -> ImportedCase:
    ct, labels_DHW, warnings = read_scan(scan)
    lesion_DHW = labels_DHW == meaning.lesion_label
    ivh_DHW = None if meaning.ivh_label is None else labels_DHW == meaning.ivh_label
    cta_path = images.get(f"{scan.name}{meaning.cta_channel}") if meaning.cta_channel else None
    cta = read_ct(scan.case_id, cta_path) if cta_path else None
    return ImportedCase(
        case_id=scan.case_id,
        patient_id=patient_of(scan.name),
        ivh=None if ivh_DHW is None else bool(ivh_DHW.any()),
        ct=ct,
        lesion_DHW=lesion_DHW,
        ivh_DHW=ivh_DHW if ivh_DHW is not None and ivh_DHW.any() else None,
        cta=cta,
        warnings=(*warnings, *(cta.warnings if cta else ()), *odd_blood(ct, lesion_DHW)),
    )


IMPORTER = FunctionImporter(
    name="nnunet",
    help="Import an nnU-Net raw data set (imagesTr, labelsTr, dataset.json).",
    layout=NNUNET,
    function=import_nnunet,
    options=(LESION_LABEL, IVH_LABEL),
)
