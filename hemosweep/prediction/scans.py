"""Scans for `hemosweep predict`: one file, a folder of them, or a data set."""

import os
from dataclasses import replace
from pathlib import Path

from hemosweep.data.case import Case
from hemosweep.data.image_names import NIFTI_SUFFIXES
from hemosweep.data.manifest import TABLE_NAME, read_participants
from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id

SUFFIX = ".nii.gz"
"""Of a mask that is written."""


def list_scans(scan: Path, *, cta: Path | None, as_folder: bool) -> tuple[Case, ...]:
    """The scans to predict: one file, the cases of a data set folder, or the NIfTI files of any other folder.

    Raises:
        BadInput: there is no such file or folder, no scan in it, or options that do not fit.
    """
    if not os.path.isdir(scan):
        if as_folder:
            raise BadInput(f"{scan}: no such folder; give a folder of scans, or leave --folder out for one file")
        for path in (scan, cta):
            if path is not None and not os.path.isfile(path):
                raise BadInput(f"{path}: no such file; give a CT as NIfTI (hemosweep data import-dicom makes some)")
        return (_case(scan, cta),)
    if cta is not None:
        raise BadInput(f"--cta goes with one scan, and {scan} is a folder; a data set brings each case's own")
    if os.path.lexists(scan / TABLE_NAME):
        # A prediction must not depend on a reference, nor fail because of one.
        return tuple(replace(case, lesion_path=None, ivh_path=None) for case in read_participants(scan))
    files = sorted(
        path
        for path in scan.iterdir()
        if path.name.endswith(NIFTI_SUFFIXES) and path.is_file() and not path.name.startswith(".")
    )
    if not files:
        raise BadInput(
            f"{scan}: holds no *.nii.gz, no *.nii and no participants.tsv; give a folder of scans or a data set"
        )
    cases = {case.case_id: case for case in (_case(path, None) for path in files)}
    if len(cases) < len(files):
        raise BadInput(
            f"{scan}: two files have one name in two Unicode forms (NFC and NFD), or packed and not; rename one of them"
        )
    return tuple(cases.values())


def _case(scan: Path, cta: Path | None) -> Case:
    name = canonical_id(scan.name.removesuffix(".gz").removesuffix(".nii"))
    return Case(case_id=name, patient_id=name, ivh=None, ct_path=scan, lesion_path=None, cta_path=cta)
