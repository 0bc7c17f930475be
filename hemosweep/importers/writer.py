"""Imported cases to a data set on disk."""

import csv
import io
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.data.case_files import case_file
from hemosweep.data.manifest import IVH_SUFFIX, LESION_SUFFIX, REQUIRED_COLUMNS, TABLE_NAME
from hemosweep.data.parallel import Progress
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.files import write_text
from hemosweep.ids import canonical_id

if TYPE_CHECKING:
    from hemosweep.arrays import Mask
    from hemosweep.data.nifti import Volume


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedCase:
    """One case, read and checked.

    `ct` and `cta` hold HU; the masks lie on the CT's grid. `lesion_DHW` is None where the source has no mask, `ivh`
    where it does not say. `columns` are further cells of the case's row in participants.tsv; `warnings` are one
    sentence each, without the case's name.
    """

    case_id: str
    patient_id: str
    ivh: bool | None
    ct: "Volume"
    lesion_DHW: "Mask | None"
    ivh_DHW: "Mask | None" = None
    cta: "Volume | None" = None
    columns: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportSummary:
    """Results of the cases: `left_out` had an empty lesion mask, `failures` could not be read or written.

    `notes` are about the data set as a whole, one sentence each. `dry_run` are the lines to print about a run that was
    to import nothing, and empty for another.
    """

    written: tuple[str, ...]
    left_out: tuple[str, ...]
    failures: Mapping[str, str]
    warnings: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
    dry_run: tuple[str, ...] = ()


def check_out(out: Path, source: Path) -> None:
    """Refuse a place that would mix a new data set with something else.

    Raises:
        BadInput: `out` is a file, holds something, or lies in `source`.
    """
    if Path(os.path.realpath(out)).is_relative_to(os.path.realpath(source)):
        raise BadInput(f"{out}: lies in the folder to import from; name a new folder outside {source}")
    try:
        filled = os.path.lexists(out) and bool(os.listdir(out))
    except NotADirectoryError:
        raise BadInput(f"{out}: is a file; name a new folder") from None
    except OSError as error:
        raise BadInput(f"{out}: cannot be used ({error.strerror}); name a new folder") from error
    if filled:
        raise BadInput(f"{out}: is not empty; name a new folder, or delete what an import that was stopped left there")


def write_dataset(
    out: Path,
    cases: Mapping[str, Callable[[], ImportedCase]],
    *,
    source: Path,
    layout: str,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> ImportSummary:
    """Read the cases one at a time and write them as a data set into the folder `out`.

    `participants.tsv` comes last, so that an interrupted import does not count as a data set. A failed case leaves no
    files, and the others go on; if all fail, nothing is written. No header field of a source file but its geometry
    reaches the data set.

    Args:
        cases: from case id to what reads the case, in the order of the rows.
        source: the folder the cases come from; it is not recorded.
        layout: name of the source's layout, for `dataset_description.json`.
        notes: about the data set as a whole, one sentence each.
        progress: called with the number of cases done and of all cases.

    Raises:
        BadInput: as `check_out`, `out` cannot be made, or there is no case with a lesion.
        HemosweepError: the tables cannot be written.
    """
    check_out(out, source)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{out}: cannot be made ({error.strerror}); name another folder") from error
    rows: dict[str, dict[str, str]] = {}
    left_out: list[str] = []
    failures: dict[str, str] = {}
    warnings: dict[str, tuple[str, ...]] = {}
    for done, (case_id, read) in enumerate(cases.items()):
        if progress:
            progress(done, len(cases))
        try:
            case = read()
            case = replace(case, case_id=canonical_id(case.case_id))
            if case.lesion_DHW is not None and not case.lesion_DHW.any():
                left_out.append(case_id)
                continue
            _write_case(out, case)
        except BadInput as error:
            failures[case_id] = str(error) if str(error).startswith("case ") else f"case {case_id}: {error}"
        except OSError as error:
            failures[case_id] = f"case {case_id}: cannot be read or written ({error.strerror or error})"
        else:
            rows[case_id] = _row(case)
            if case.warnings:
                warnings[case_id] = case.warnings
    if progress:
        progress(len(cases), len(cases))
    if not rows and not failures:
        raise BadInput(f"{source}: has no case to import ({len(left_out)} have no voxel of the lesion); look into it")
    empty = (
        (f"left out, because the mask has no lesion voxel: {len(left_out)} of {len(cases)} cases",) if left_out else ()
    )
    summary = ImportSummary(
        written=tuple(rows),
        left_out=tuple(left_out),
        failures=failures,
        warnings=warnings,
        notes=(*notes, *empty),
    )
    if rows:
        try:
            _write_tables(out, layout, summary.notes, list(rows.values()))
        except OSError as error:
            raise HemosweepError(f"{out}: cannot be written ({error.strerror or error}); free some space") from error
    return summary


def write_volume(path: Path, volume: "Volume") -> None:
    """Write a volume as `hemosweep.data.nifti` does. That is imported here: to list the importers, nobody needs it."""
    from hemosweep.data import nifti

    nifti.write_volume(path, volume)


def _write_case(out: Path, case: ImportedCase) -> None:
    """Write the files of a case, all or none."""
    temporary = out / f".tmp-{case.case_id}"
    try:
        for volume, suffix in (
            (_compact(case.ct), "ct"),
            (_mask(case.lesion_DHW, case.ct), LESION_SUFFIX),
            (_mask(case.ivh_DHW, case.ct), IVH_SUFFIX),
            (case.cta and _compact(case.cta), "cta"),
        ):
            if volume is not None:
                write_volume(case_file(temporary, case.case_id, suffix), volume)
        (temporary / case.case_id).rename(out / case.case_id)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _mask(mask_DHW: "Mask | None", ct: "Volume") -> "Volume | None":
    import numpy as np

    from hemosweep.data.nifti import Volume

    return None if mask_DHW is None else Volume(array_DHW=mask_DHW.astype(np.uint8), affine=ct.affine)


def _compact(volume: "Volume") -> "Volume":
    """The same values as int16 where they are whole numbers of its range, else as float32."""
    import numpy as np

    from hemosweep.arrays import INT16
    from hemosweep.data.nifti import Volume

    values = volume.array_DHW
    whole = values.dtype.kind in "biu" or bool((values == np.rint(values)).all())
    fits = whole and INT16.min <= values.min() and values.max() <= INT16.max
    return Volume(array_DHW=values.astype(np.int16 if fits else np.float32), affine=volume.affine)


def _row(case: ImportedCase) -> dict[str, str]:
    ivh = "n/a" if case.ivh is None else ("yes" if case.ivh else "no")
    return {
        "participant_id": case.case_id,
        "patient_id": canonical_id(case.patient_id),
        "ivh": ivh,
        **case.columns,
    }


def _write_tables(out: Path, layout: str, notes: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    generator = {"Name": "hemosweep"}
    with suppress(PackageNotFoundError):
        generator["Version"] = version("hemosweep")
    description = {
        "Name": f"{layout}, imported by hemosweep",
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "GeneratedBy": [generator],
        "Import": {"Layout": layout, "Notes": list(notes)},
    }
    write_text(out / "dataset_description.json", json.dumps(description, indent=2, ensure_ascii=False) + "\n")
    columns = dict.fromkeys((*REQUIRED_COLUMNS, *(column for row in rows for column in row)))
    lines = io.StringIO()
    table = csv.DictWriter(lines, list(columns), restval="n/a", delimiter="\t", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(out / TABLE_NAME, lines.getvalue())
