"""DICOM files that hold drawings: segmentations (SEG) and structures of radiotherapy (RTSTRUCT)."""

from dataclasses import dataclass
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.importers.masks.drawing import Drawing
from hemosweep.importers.masks.frames import FrameDrawing
from hemosweep.importers.masks.structures import StructureDrawing

DRAWN = ("SEG", "RTSTRUCT")
"""Modalities of files that hold drawings."""
_ODD = (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError)
"""Errors of pydicom, and of reading what it gives, for a file that is not as the standard has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomHeader:
    """Modality and PatientID of a DICOM file."""

    modality: str
    patient: str


def read_header(path: Path) -> DicomHeader | None:
    """Header of a DICOM file; None where it is none."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Modality", "PatientID"])
    except (InvalidDicomError, OSError, EOFError, *_ODD):
        return None
    return DicomHeader(modality=str(data.get("Modality", "")), patient=str(data.get("PatientID", "")).strip())


def read_dicom(path: Path) -> Drawing:
    """Read a file with a drawing.

    Raises:
        BadInput: it is neither SEG nor RTSTRUCT, or not as the standard has it.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        data = pydicom.dcmread(path)
        if data.get("Modality") == "RTSTRUCT":
            return StructureDrawing.of(data)
        if data.get("Modality") == "SEG":
            return FrameDrawing.of(data)
    except BadInput:
        raise
    except (InvalidDicomError, OSError, EOFError, *_ODD) as error:
        raise BadInput(f"cannot be read as DICOM ({_reason(error)}); export it again") from error
    raise BadInput(f"is DICOM of the kind {data.get('Modality', '?')}; SEG or RTSTRUCT is wanted")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
