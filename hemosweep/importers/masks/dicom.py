"""DICOM files that hold drawings: segmentations (SEG) and structures of radiotherapy (RTSTRUCT)."""

from dataclasses import dataclass
from pathlib import Path

from hemosweep.errors import BadInput
from hemosweep.importers.masks.drawing import Drawing
from hemosweep.importers.masks.frames import FrameDrawing
from hemosweep.importers.masks.structures import StructureDrawing

DRAWN = ("SEG", "RTSTRUCT")
"""Modalities of files that hold drawings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomHeader:
    """Modality and PatientID of a DICOM file, and the StudyInstanceUIDs of itself and of what it is drawn on."""

    modality: str
    patient: str = ""
    studies: tuple[str, ...] = ()


def read_header(path: Path) -> DicomHeader | None:
    """Header of a DICOM file; None where it is none, or is so odd that it has no header to read."""
    import pydicom

    from hemosweep.data.dicom.header import quiet_pydicom

    tags = ["Modality", "PatientID", "StudyInstanceUID", "ReferencedFrameOfReferenceSequence"]
    try:
        with quiet_pydicom():
            data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
            referenced = [
                study.get("ReferencedSOPInstanceUID")
                for frame in data.get("ReferencedFrameOfReferenceSequence") or ()
                for study in frame.get("RTReferencedStudySequence") or ()
            ]
            return DicomHeader(
                modality=str(data.get("Modality", "")),
                patient=str(data.get("PatientID") or "").strip(),
                studies=tuple(str(one) for one in (data.get("StudyInstanceUID"), *referenced) if one),
            )
    except Exception:  # pydicom has no one error for what is no DICOM
        return None


def read_dicom(path: Path) -> Drawing:
    """Read a file with a drawing.

    Raises:
        BadInput: it is neither SEG nor RTSTRUCT, or lies in planes of several directions.
        Exception: of pydicom, and of reading what it gives: it is not as the standard has it.
    """
    import pydicom

    from hemosweep.data.dicom.header import quiet_pydicom

    with quiet_pydicom():
        data = pydicom.dcmread(path)
        if data.get("Modality") == "RTSTRUCT":
            return StructureDrawing.of(data)
        if data.get("Modality") == "SEG":
            return FrameDrawing.of(data)
    raise BadInput("is DICOM of another kind; SEG or RTSTRUCT is wanted")
