"""Facts that are read of one DICOM file's header."""

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
NO_IMAGES = {
    "1.2.840.10008.1.3.10": "directory of a medium",
    "1.2.840.10008.5.1.4.1.1.88.67": "dose report",
    "1.2.840.10008.5.1.4.1.1.88.": "structured report",
    "1.2.840.10008.5.1.4.1.1.11.": "presentation state",
    "1.2.840.10008.5.1.4.1.1.104.": "document",
    "1.2.840.10008.5.1.4.1.1.481.": "radiotherapy object",
    "1.2.840.10008.5.1.4.1.1.66": "raw data, registration or segmentation",
    "1.2.840.10008.5.1.4.1.1.9.": "waveform",
}
"""Beginnings of the SOP classes of what lies beside images and is none; the first that fits names it."""
TAGS = (
    "SOPClassUID", "SOPInstanceUID", "Modality", "ImageType", "PatientID", "StudyInstanceUID", "SeriesInstanceUID",
    "SeriesNumber", "InstanceNumber", "SeriesDescription", "ProtocolName", "BodyPartExamined", "ContrastBolusAgent",
    "ConvolutionKernel", "Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "PixelSpacing",
    "ImagePositionPatient", "ImageOrientationPatient",
)  # fmt: skip
MARK, MARK_END = b"DICM", 132
NOWHERE = (0.0, 0.0, 0.0)
FLAT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class NotDicom(BadInput):
    """The file has no DICOM mark."""


class NotImage(BadInput):
    """The file is DICOM but no image. The message names its kind."""


class Damaged(BadInput):
    """The file is DICOM but its header cannot be read to its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """Header of one file. Its texts may hold names and dates: they are used for decisions and never printed. `refusal`
    is the reason why the file is no slice of a CT volume.
    """

    patient: str = field(repr=False)
    study: str = field(repr=False)
    series: str = field(repr=False)
    series_number: int = field(repr=False)
    uid: str = field(repr=False)
    instance: int = field(repr=False)
    modality: str = field(repr=False)
    description: str = field(repr=False)
    protocol: str = field(repr=False)
    body_part: str = field(repr=False)
    contrast_agent: str = field(repr=False)
    kernel: str = field(repr=False)
    derived: bool
    rows: int
    columns: int
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_mm: tuple[float, float]
    refusal: str | None


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """pydicom warns of odd values and logs them, names of patients among them."""
    logger = logging.getLogger("pydicom")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled


def read_header(path: Path) -> Header:
    """Read what is needed to group and to place a file's image.

    Raises:
        NotDicom: the file is not DICOM.
        NotImage: it is a directory, a report or another object without pixels of its own.
        Damaged: it is unreadable or cut off, or its values violate the standard.
    """
    import pydicom

    try:
        with path.open("rb") as file:
            start = file.read(MARK_END)
        marked = start[-len(MARK) :] == MARK
        if marked or _begins_as_data(start):
            with quiet_pydicom():
                data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS), force=not marked)
                if marked or data.get("SOPClassUID"):
                    return _header(data)
    except NotImage:
        raise
    except Exception:  # pydicom passes on any error that a damaged file causes, and its text may hold values
        raise Damaged("cannot be read") from None
    raise NotDicom("has no DICOM mark")


def _begins_as_data(start: bytes) -> bool:
    """True if a file without the DICM mark may be a data set all the same, as files of the 1990s and of some archives
    are: its first element is of the groups 0002 or 0008, little endian, with two letters for its type or a short
    length."""
    if start[:2] not in (b"\x02\x00", b"\x08\x00") or len(start) < 8:
        return False
    return start[4:6].isalpha() or int.from_bytes(start[4:8], "little") < 256


def _header(data: "Dataset") -> Header:
    def texts(tag: str) -> list[str]:
        value = data.get(tag)
        several = value is not None and not isinstance(value, str) and hasattr(value, "__iter__")
        return [str(part) for part in value] if several else [] if value is None else [str(value)]

    def text(tag: str) -> str:
        return " ".join(texts(tag))

    def numbers(tag: str) -> tuple[float, ...]:
        value = data.get(tag)
        numbers = () if value is None else tuple(float(part) for part in value)
        if not all(map(math.isfinite, numbers)):
            raise Damaged("not a number")
        return numbers

    sop_class = text("SOPClassUID") or str(getattr(data, "file_meta", {}).get("MediaStorageSOPClassUID", ""))
    if kind := next((kind for start, kind in NO_IMAGES.items() if sop_class.startswith(start)), None):
        raise NotImage(kind)
    if not data.get("SeriesInstanceUID") or (sop_class == CT_IMAGE and not (data.get("Rows") and data.get("Columns"))):
        raise Damaged("cut off")
    image_type = texts("ImageType")
    position, orientation = numbers("ImagePositionPatient"), numbers("ImageOrientationPatient")
    pixel_mm = numbers("PixelSpacing")
    refusal = None
    if text("Modality") != "CT":
        refusal = "is not CT"
    elif sop_class.startswith(SECONDARY_CAPTURE) or "SCREEN SAVE" in image_type:
        refusal = "is a screen capture"
    elif int(data.get("SamplesPerPixel") or 1) != 1:
        refusal = "is a colour picture"
    elif "LOCALIZER" in image_type:
        refusal = "is a localizer"
    elif sop_class in ENHANCED_CT or int(data.get("NumberOfFrames") or 1) > 1:
        refusal = "is a multi-frame object: split it into single frames (dcm4che's emf2sf does)"
    elif (len(position), len(orientation), len(pixel_mm)) != (3, 6, 2):
        refusal = "does not say where its slices lie"
    placed = refusal is None
    return Header(
        patient=text("PatientID").strip(),
        study=text("StudyInstanceUID"),
        series=text("SeriesInstanceUID"),
        series_number=int(data.get("SeriesNumber") or 0),
        uid=text("SOPInstanceUID"),
        instance=int(data.get("InstanceNumber") or 0),
        modality=text("Modality"),
        description=text("SeriesDescription"),
        protocol=text("ProtocolName"),
        body_part=text("BodyPartExamined"),
        contrast_agent=text("ContrastBolusAgent").strip(),
        kernel=next(iter(texts("ConvolutionKernel")), ""),  # the others are strengths of an iterative reconstruction
        derived=bool(image_type) and image_type[0] == "DERIVED",
        rows=int(data.get("Rows") or 0),
        columns=int(data.get("Columns") or 0),
        position=position if placed else NOWHERE,
        orientation=orientation if placed else FLAT,
        pixel_mm=(pixel_mm[0], pixel_mm[1]) if placed else (1.0, 1.0),
        refusal=refusal,
    )
