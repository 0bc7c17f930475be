"""The case: one CT study of one patient, and the paths of its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

IVH_VALUES = {"yes": True, "no": False, "n/a": None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One CT study of one patient.

    `ivh` is None where the data set has no label. The paths of masks and angiography are None where there is no file.
    """

    case_id: str
    patient_id: str
    ivh: bool | None
    ct_path: Path
    lesion_path: Path | None
    ivh_path: Path | None = None
    cta_path: Path | None = None

    @property
    def ivh_text(self) -> str:
        return "n/a" if self.ivh is None else ("yes" if self.ivh else "no")


def patient_names(cases: Sequence[Case]) -> dict[str, str]:
    """Case id to a name of its patient that tells nothing of the patient: the first case id of all that are theirs.

    Results hold this name. The `patient_id` of a data set may be a hospital's number.
    """
    first: dict[str, str] = {}
    for case in sorted(cases, key=lambda case: case.case_id):
        first.setdefault(case.patient_id, case.case_id)
    return {case.case_id: first[case.patient_id] for case in cases}
