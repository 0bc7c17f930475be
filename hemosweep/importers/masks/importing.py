"""Import of drawn masks into a data set that has the CTs they were drawn on."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from hemosweep.data.manifest import IVH_SUFFIX, LESION_SUFFIX, read_participants
from hemosweep.data.parallel import Progress
from hemosweep.errors import BadInput
from hemosweep.importers.masks.drawing import ChoiceNeeded, Drawing, Label, NoSuchLabel, choose, folded
from hemosweep.importers.masks.label_maps import read_names
from hemosweep.importers.masks.matching import (
    TABLE_COLUMNS,
    Matches,
    kind_of,
    match_by_name,
    match_by_table,
    only_file,
    read_key,
    shown_name,
)
from hemosweep.importers.masks.opening import faults_of, open_drawing
from hemosweep.importers.volumes import odd_blood
from hemosweep.importers.writer import ImportSummary

if TYPE_CHECKING:
    from hemosweep.arrays import Mask
    from hemosweep.data.case import Case
    from hemosweep.data.nifti import Volume

MAX_NAMED = 5
TEMPORARY = ".tmp-"
"""Beginning of the names of folders that masks are written to before they take their places."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    """The user's options for every case."""

    lesion_label: str | None
    ivh_label: str | None
    names: Mapping[int, str]
    overwrite: bool


def import_masks(
    source: Path,
    data: Path,
    *,
    lesion_label: str | None = None,
    ivh_label: str | None = None,
    table: Path | None = None,
    key_file: Path | None = None,
    label_names: Path | None = None,
    pattern: str = "*",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ImportSummary:
    """Put drawn masks into a data set, each on the grid of its case's CT.

    The masks are DICOM SEG or RTSTRUCT, segmentations of 3D Slicer, or label maps as NIfTI, NRRD, MHA or Analyze. A
    failed case keeps the files that it had, and the others go on.

    Args:
        source: a file, or a folder whose files or folders have case ids in their names.
        data: the data set.
        lesion_label: the lesion's name or number, where files have several labels.
        ivh_label: that of intraventricular hemorrhage, for an IVH mask where a file has it.
        table: a table with the columns participant_id and mask (a path from `source` on), instead of names.
        key_file: the table that `import_dicom` wrote; a DICOM file is matched by its PatientID and study, too.
        label_names: a label description file of ITK-SNAP, for the names of the values of plain label maps.
        pattern: of the names of the files that count.
        overwrite: replace masks that are there.
        progress: called with the number of cases done and of all cases.

    Raises:
        BadInput: `data` is no data set, `source` has no mask of its cases, a table cannot be read, or the first file
            has several labels and none is chosen.
    """
    if lesion_label is not None and ivh_label is not None and folded(lesion_label) == folded(ivh_label):
        raise BadInput(f"--lesion-label and --ivh-label are both {lesion_label}; name two labels, or leave one out")
    cases = {case.case_id: case for case in read_participants(data)}
    names = {} if label_names is None else read_names(label_names)
    choice = _Choice(lesion_label=lesion_label, ivh_label=ivh_label, names=names, overwrite=overwrite)
    if table is not None:
        matches = match_by_table(table, source, cases)
    else:
        key = () if key_file is None else read_key(key_file)
        own = {
            os.path.realpath(path)
            for case in cases.values()
            for path in (case.ct_path, case.lesion_path, case.ivh_path, case.cta_path)
            if path is not None
        }
        matches = match_by_name(source, cases, pattern=pattern, key=key, taken=own)
        if not matches.files and not matches.failures:
            num_others = len(matches.other_studies)
            others = f"; DICOM files of no study in the key file: {num_others}" if num_others else ""
            raise BadInput(
                f"{source}: no name of its {len(matches.unmatched) + num_others} files has a case id of {data} (such "
                f"as {next(iter(cases))}){others}; rename them, or give a --table of {' and '.join(TABLE_COLUMNS)}"
            )
    return _import_all(cases, matches, choice, progress)


def _import_all(
    cases: "Mapping[str, Case]", matches: Matches, choice: _Choice, progress: Progress | None
) -> ImportSummary:
    written: list[str] = []
    num_ivh = 0
    failures = dict(matches.failures)
    warnings: dict[str, tuple[str, ...]] = {}
    todo = [case_id for case_id in cases if case_id in matches.files and case_id not in failures]
    for done, case_id in enumerate(todo):
        if progress:
            progress(done, len(todo))
        try:
            texts, has_ivh = _import_one(cases[case_id], matches.files[case_id], choice)
        except BadInput as error:
            if isinstance(error, ChoiceNeeded) and not written:
                raise BadInput(str(error)) from None  # the same for the other cases, most likely: once is enough
            failures[case_id] = str(error) if str(error).startswith("case ") else f"case {case_id}: {error}"
        except OSError as error:
            failures[case_id] = f"case {case_id}: cannot be read or written ({error.strerror or error})"
        else:
            written.append(case_id)
            num_ivh += has_ivh
            if texts:
                warnings[case_id] = texts
    if progress:
        progress(len(todo), len(todo))
    return ImportSummary(
        written=tuple(written),
        left_out=(),
        failures=failures,
        warnings=warnings,
        notes=_notes(cases, matches, choice, num_ivh, len(written)),
    )


def _notes(
    cases: "Mapping[str, Case]", matches: Matches, choice: _Choice, num_ivh: int, num_written: int
) -> tuple[str, ...]:
    notes = []
    without = [name for name in cases if name not in matches.files and name not in matches.failures]
    if without:
        notes.append(f"cases without a mask in the source: {len(without)} of {len(cases)} ({_listed(without)})")
    if matches.unmatched:
        kinds = ", ".join(sorted({kind_of(path) for path in matches.unmatched}))
        notes.append(f"files whose name has the id of no case, or of several: {len(matches.unmatched)} ({kinds})")
    if matches.other_studies:
        notes.append(
            f"DICOM files of a patient in the key file, but of no study there: {len(matches.other_studies)}; if one "
            "was drawn on a CT of the data set, name it in a --table"
        )
    if choice.ivh_label is not None:
        notes.append(f"IVH masks (label {choice.ivh_label}): {num_ivh} of {num_written} cases; see to the column ivh")
    return tuple(notes)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMED]) + (", ..." if names[MAX_NAMED:] else "")


def _import_one(case: "Case", paths: Sequence[Path], choice: _Choice) -> tuple[tuple[str, ...], bool]:
    """Write the masks of one case, all or none; return warnings, and True if there is an IVH mask among them."""
    from hemosweep.data.nifti import read_volume

    for folder in case.ct_path.parent.glob(f"{TEMPORARY}*"):  # of an import that was killed
        shutil.rmtree(folder, ignore_errors=True)
    for path, what in ((case.lesion_path, "a lesion mask"), (choice.ivh_label and case.ivh_path, "an IVH mask")):
        if path and not choice.overwrite:
            raise BadInput(f"has {what} already; --overwrite replaces it")
    path = only_file(case.case_id, paths)
    ct = read_volume(case.ct_path)
    with faults_of(path, shown_name(path, case.case_id)):
        drawing = open_drawing(path, choice.names)
        label = choose(drawing.labels, choice.lesion_label, "--lesion-label")
        lesion_DHW, warnings = drawing.onto(ct, label)
        ivh_DHW, of_ivh = _ivh(drawing, ct, label, choice)
        if not lesion_DHW.any():
            raise BadInput(f"no voxel of the label {label} lies on the CT; look whether it is drawn")
    if ivh_DHW is not None and (ivh_DHW & lesion_DHW).any():
        warnings += ("the lesion and the IVH mask share voxels; give each to one of them",)
    has_ivh = ivh_DHW is not None
    if case.ivh_path is not None and choice.ivh_label is not None and ivh_DHW is None:
        ivh_DHW = lesion_DHW & False  # what was there is not of this drawing
    _write(case, ct, {LESION_SUFFIX: lesion_DHW, IVH_SUFFIX: ivh_DHW})
    return (*dict.fromkeys((*warnings, *of_ivh)), *odd_blood(ct, lesion_DHW)), has_ivh


def _ivh(drawing: Drawing, ct: "Volume", lesion: Label, choice: _Choice) -> "tuple[Mask | None, tuple[str, ...]]":
    """IVH mask of a drawing; None where it is not asked for or nothing of it is drawn.

    Raises:
        BadInput: its label is the lesion's.
    """
    if choice.ivh_label is None:
        return None, ()
    try:
        label = choose(drawing.labels, choice.ivh_label, "--ivh-label")
    except NoSuchLabel:
        return None, ()
    if label == lesion:
        raise BadInput(f"--lesion-label and --ivh-label both mean its label {label}; name two labels, or leave one out")
    mask_DHW, warnings = drawing.onto(ct, label)
    return (mask_DHW if mask_DHW.any() else None), warnings


def _write(case: "Case", ct: "Volume", masks: "Mapping[str, Mask | None]") -> None:
    """Write masks beside the CT and on its file's grid, under the names of those that they replace."""
    import numpy as np

    from hemosweep.data.nifti import Volume, write_volume

    folder = case.ct_path.parent
    stem = case.ct_path.name.removesuffix(".gz").removesuffix(".nii").removesuffix("_ct")
    there = {LESION_SUFFIX: case.lesion_path, IVH_SUFFIX: case.ivh_path}
    temporary = folder / f"{TEMPORARY}{uuid4().hex}"
    try:
        moves: dict[Path, Path] = {}
        for suffix, mask_DHW in masks.items():
            if mask_DHW is not None:
                target = there[suffix] or folder / f"{stem}_{suffix}.nii.gz"
                moves[temporary / target.name] = target
                volume = Volume(array_DHW=mask_DHW.astype(np.uint8), affine=ct.affine)
                write_volume(temporary / target.name, volume, like=ct.file_grid)
        for made, target in moves.items():
            made.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
