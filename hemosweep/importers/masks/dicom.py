"""DICOM files that hold drawings: segmentations (SEG) and structures of radiotherapy (RTSTRUCT)."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemosweep.errors import BadInput
from hemosweep.importers.masks.drawing import Drawing, Label
from hemosweep.importers.masks.grid import GridDrawing
from hemosweep.importers.masks.structures import StructureDrawing

if TYPE_CHECKING:
    from hemosweep.data.nifti import Volume

DRAWN = ("SEG", "RTSTRUCT")
"""Modalities of files that hold drawings."""
_ODD = (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError)
"""Errors of pydicom and highdicom for a file that is not as the standard has it."""


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
            return _segmentation(data)
    except BadInput:
        raise
    except (InvalidDicomError, OSError, EOFError, *_ODD) as error:
        raise BadInput(f"cannot be read as DICOM ({_reason(error)}); export it again") from error
    raise BadInput(f"is DICOM of the kind {data.get('Modality', '?')}; SEG or RTSTRUCT is wanted")


def _segmentation(data: Any) -> GridDrawing:
    from highdicom.seg import Segmentation

    segments = Segmentation.from_dataset(data, copy=False)
    labels = tuple(
        Label(number=int(one.SegmentNumber), name=str(one.get("SegmentLabel", ""))) for one in data.SegmentSequence
    )
    return GridDrawing(labels=labels, read=partial(_segment, segments))


def _segment(segments: Any, label: Label) -> "Volume":
    """One segment as a volume. Frames of zeros may have been left out; they may be tilted against their stack."""
    from hemosweep.data.images import LPS_TO_RAS
    from hemosweep.data.mask_values import as_labels
    from hemosweep.data.nifti import to_ras

    try:
        volume = segments.get_volume(segment_numbers=[label.number], perpendicular_tol=1.0, rtol=0.05)
    except _ODD as error:
        raise BadInput(f"its frames make no regular volume ({_reason(error)}); export it as NRRD") from error
    values_KJI, warnings = as_labels(volume.array[..., 0])
    affine = volume.affine.copy()
    affine[:3, 0] = _step(segments, affine, len(values_KJI))
    return to_ras(values_KJI, LPS_TO_RAS @ affine, warnings)


def _step(segments: Any, affine: Any, num_slices: int) -> Any:
    """Way from slice to slice in millimetres. highdicom takes it along the slices' normal, also of a tilted stack."""
    import numpy as np

    if num_slices == 1:
        return affine[:3, 0]
    frames = segments.PerFrameFunctionalGroupsSequence
    places = np.array([frame.PlanePositionSequence[0].ImagePositionPatient for frame in frames], dtype=float)
    last = places[((places - affine[:3, 3]) @ affine[:3, 0]).argmax()]
    return (last - affine[:3, 3]) / (num_slices - 1)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
