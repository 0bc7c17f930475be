"""Series of the studies of a hospital: which is a case's CT and which its angiography, and the table in which a person
decides otherwise."""

from hemosweep.importers.dicom_study.choice import Choice, Decision, Take, choose
from hemosweep.importers.dicom_study.decisions import check_decisions, keep_decisions
from hemosweep.importers.dicom_study.studies import Studies, find_studies, write_key
from hemosweep.importers.dicom_study.table import (
    NO_CASE,
    WORDS,
    read_rows,
    write_decisions,
)

__all__ = [
    "NO_CASE",
    "WORDS",
    "Choice",
    "Decision",
    "Studies",
    "Take",
    "check_decisions",
    "choose",
    "find_studies",
    "keep_decisions",
    "read_rows",
    "write_decisions",
    "write_key",
]
