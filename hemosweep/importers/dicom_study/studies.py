"""Studies below a folder: ids of their cases and patients, and the table that links them to the hospital's."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id

if TYPE_CHECKING:
    from hemosweep.data.dicom import DicomSeries


@dataclass(frozen=True, kw_only=True, slots=True)
class Studies:
    """The series of each study with CT, by case id, the patients' ids by case id, and those of the other studies.

    `notes` are about the folder as a whole.
    """

    cases: "Mapping[str, Sequence[DicomSeries]]"
    patient_ids: Mapping[str, str]
    others: "Sequence[Sequence[DicomSeries]]"
    notes: tuple[str, ...]


def find_studies(source: Path) -> Studies:
    """The studies below a folder, with ids that tell nothing about the patients.

    Raises:
        BadInput: there is no CT.
    """
    from hemosweep.data.dicom import list_series

    listing = list_series(source)
    studies: dict[tuple[str, str], list[DicomSeries]] = {}
    for one in listing.series:
        studies.setdefault((one.patient, one.study), []).append(one)
    with_ct = [group for group in studies.values() if any(one.header.modality == "CT" for one in group)]
    others = [group for group in studies.values() if group not in with_ct]
    if not with_ct:
        raise BadInput(f"{source}: holds DICOM files but no CT; give the folder with the CT series")
    notes = list(listing.notes)
    if others:
        notes.append(f"studies without CT, left out: {len(others)}")
    patient_ids, of_patients = _patient_ids(with_ct)
    width = max(3, len(str(len(with_ct))))
    cases = {f"sub-{number:0{width}d}": group for number, group in enumerate(with_ct, start=1)}
    return Studies(
        cases=cases,
        patient_ids=dict(zip(cases, patient_ids, strict=True)),
        others=others,
        notes=(*notes, *of_patients),
    )


def _patient_ids(studies: "Sequence[Sequence[DicomSeries]]") -> tuple[list[str], tuple[str, ...]]:
    """P001 and so on, the same for the studies of one patient, and what is odd about the sharing."""
    keys = [canonical_id(group[0].patient or group[0].study) for group in studies]  # no PatientID: a patient of its own
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys), start=1)}
    width = max(3, len(str(len(numbers))))
    notes = []
    if len(studies) > 1 and len(numbers) == 1:
        notes.append(
            f"all {len(studies)} studies carry one patient id; if an anonymiser put it there, correct the column "
            "patient_id of participants.tsv"
        )
    if num_nameless := sum(not group[0].patient for group in studies):
        notes.append(f"studies without a patient id, each taken for another patient: {num_nameless}")
    return [f"P{numbers[key]:0{width}d}" for key in keys], tuple(notes)


def write_key(path: Path, studies: Studies) -> None:
    """Write the table that links case ids to PatientID, folder and study, for its owner alone (mode 0600).

    Raises:
        BadInput: the file exists or cannot be written.
    """
    lines = io.StringIO()
    table = csv.writer(lines, delimiter="\t", lineterminator="\n")
    table.writerow(("participant_id", "patient_id", "dicom_patient_id", "source_folder", "dicom_study_uid"))
    for case_id, group in studies.cases.items():
        folder = os.path.commonpath([path.parent for one in group for path in one.paths])
        table.writerow((case_id, studies.patient_ids[case_id], group[0].patient, folder, group[0].study))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(lines.getvalue())
    except FileExistsError:
        raise BadInput(f"{path}: is there already; name a new key file") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); name another key file") from error
