"""A data set in another program's form, with our folds. It appears whole or not at all, and an export goes on."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from hemosweep.arrays import INT16
from hemosweep.config import CrossValidationConfig
from hemosweep.data.case import Case
from hemosweep.data.content import dataset_digest
from hemosweep.data.folds import draw_folds
from hemosweep.data.hounsfield import to_hounsfield
from hemosweep.data.nifti import Volume, num_axes, read_volume, write_volume
from hemosweep.data.parallel import Progress, map_cases
from hemosweep.data.reading import read_case
from hemosweep.errors import BadInput
from hemosweep.external.manifest import MANIFEST_NAME, Manifest, read_manifest
from hemosweep.external.names import safe_names
from hemosweep.external.program import Program
from hemosweep.files import write_text
from hemosweep.foldrun.spec import json_text

MAX_SHEAR = 1e-4
"""Cosine between two axes of a grid that is still right-angled to other programs' readers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """A written export. `failures` are messages about the cases without which it is not there, by case id."""

    folder: Path
    manifest: Manifest
    was_there: bool = False
    num_sheared: int = 0
    failures: Mapping[str, str] | None = None


def export_data_set(
    cases: Sequence[Case],
    folder: Path,
    program: Program,
    config: CrossValidationConfig,
    *,
    lesion_label: int | None,
    jobs: int,
    progress: Progress,
) -> Export:
    """Write cases and folds to a folder in a program's form.

    Until all is written it is another folder beside it. The same call goes on from there, as long as data set and folds
    are the same.

    Raises:
        BadInput: too few patients for the folds, or the folder holds something else.
    """
    manifest = Manifest(
        program=program.name,
        dataset_digest=dataset_digest(cases),
        lesion_label=lesion_label,
        names=safe_names(case.case_id for case in cases),
        folds=draw_folds(cases, config),
    )
    if os.path.lexists(folder):
        if read_manifest(folder) != manifest:
            raise BadInput(f"{folder}: holds something else, or other cases or folds; delete it, or give another --to")
        return Export(folder=folder, manifest=manifest, was_there=True)
    staging = _begin(folder, manifest)
    write = partial(_write_case, staging, program, manifest)
    outcomes = map_cases(write, cases, jobs=jobs, progress=progress)
    failures = {case.case_id: text for case, text in zip(cases, outcomes, strict=True) if isinstance(text, str)}
    if failures:
        return Export(folder=folder, manifest=manifest, failures=failures)
    num_sheared = sum(outcome is True for outcome in outcomes)
    for place, text in program.tables(manifest, folder, is_sheared=num_sheared > 0).items():
        write_text(staging / place, text)
    staging.rename(folder)
    return Export(folder=folder, manifest=manifest, num_sheared=num_sheared)


def _begin(folder: Path, manifest: Manifest) -> Path:
    """Folder to write to: what an earlier call of the same export left there stays."""
    staging = folder.with_name(f".tmp-{folder.name}")
    try:
        begun = read_manifest(staging)
    except BadInput:
        begun = None
    if begun != manifest:
        shutil.rmtree(staging, ignore_errors=True)
        write_text(staging / MANIFEST_NAME, json_text(manifest.as_json()))
    return staging


def _write_case(staging: Path, program: Program, manifest: Manifest, case: Case) -> bool | str:
    """Write a case. True if its grid is sheared; the message if it cannot be used."""
    name = manifest.names[case.case_id]
    image, label = staging / program.image(name), staging / program.label(name)
    try:
        raw = read_case(case, lesion_label=manifest.lesion_label)
    except BadInput as error:
        return str(error) if case.case_id in str(error) else f"case {case.case_id}: {error}"
    assert raw.lesion_DHW is not None, "read_manifest refuses cases without a mask"
    if not image.is_file():
        _write_ct(case.ct_path, image)
    if not label.is_file():
        mask = Volume(array_DHW=raw.lesion_DHW.astype(np.uint8), affine=raw.ct.affine)
        write_volume(label, mask, like=raw.ct.file_grid)
    return is_sheared(raw.ct)


def _write_ct(path: Path, image: Path) -> None:
    """Put a CT into an export: a second name of its file where that holds plain HU in three axes, else a new file."""
    stored = read_volume(path)
    hu_DHW, corrected = to_hounsfield(stored.array_DHW)
    if not corrected and path.name.endswith(".nii.gz") and num_axes(path) == 3:
        _link(path, image)
        return
    whole = bool((hu_DHW == np.rint(hu_DHW)).all()) and INT16.min <= hu_DHW.min() and hu_DHW.max() <= INT16.max
    values_DHW = hu_DHW.astype(np.int16) if whole else hu_DHW
    write_volume(image, Volume(array_DHW=values_DHW, affine=stored.affine), like=stored.file_grid)


def _link(path: Path, image: Path) -> None:
    """Give a file a second name, or a copy where its disk is another one or does not allow it."""
    image.parent.mkdir(parents=True, exist_ok=True)
    temporary = image.with_name(f".tmp-{image.name}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(path.resolve(), temporary)
    except OSError:
        shutil.copyfile(path, temporary)
    temporary.replace(image)


def is_sheared(ct: Volume) -> bool:
    """True if the axes of a grid are not at right angles, as those of a tilted gantry."""
    axes = ct.affine[:3, :3] / np.linalg.norm(ct.affine[:3, :3], axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > MAX_SHEAR)
