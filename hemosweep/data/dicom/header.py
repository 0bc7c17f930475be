"""Facts that are read of a DICOM file's header, for each of its slices."""

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.data.dicom.frames import ENHANCED_CT, FRAME_TAGS, Frame, as_slices
from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
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
    "ImagePositionPatient", "ImageOrientationPatient", "StudyDescription", "RequestedProcedureDescription",
    "RescaleType",
    "AcquisitionNumber", "AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime",
    *FRAME_TAGS,
)  # fmt: skip
NO_HU = ("OD", "MGML", "Z_EFF", "ED", "EDW", "PCT")
"""Units of a rescaled value that are none of HU: maps that spectral scanners make (PS3.3, C.11.1.1.2)."""
MULTI_FRAME = "is a multi-frame object"
UNPLACED = "does not say where its slices lie"
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
    """Header of one slice: a file, or frame number `frame` of it, counted from 0. Its texts may hold names and dates:
    they are used for decisions and never printed. `refusal` is the reason why it is no slice of a CT volume.

    `acquisition` and `stack` are the numbers by which scans of one series differ, `acquired` and `created` the times.
    """

    patient: str = field(repr=False)
    study: str = field(repr=False)
    series: str = field(repr=False)
    series_number: int = field(repr=False)
    uid: str = field(repr=False)
    instance: int = field(repr=False)
    frame: int | None
    modality: str = field(repr=False)
    description: str = field(repr=False)
    protocol: str = field(repr=False)
    study_text: str = field(repr=False)
    body_part: str = field(repr=False)
    contrast_agent: str = field(repr=False)
    kernel: str = field(repr=False)
    image_type: tuple[str, ...] = field(repr=False)
    acquisition: str = field(repr=False)
    stack: str = field(repr=False)
    acquired: str = field(repr=False)
    created: str = field(repr=False)
    rows: int
    columns: int
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_mm: tuple[float, float]
    refusal: str | None

    @property
    def derived(self) -> bool:
        return self.image_type[:1] == ("DERIVED",)


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


def read_headers(path: Path) -> tuple[Header, ...]:
    """Read what is needed to group and to place the slices of a file: one, or those of an enhanced CT object.

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
                    return _headers(data)
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


def _headers(data: "Dataset") -> tuple[Header, ...]:
    sop_class = str(data.get("SOPClassUID") or getattr(data, "file_meta", {}).get("MediaStorageSOPClassUID") or "")
    if kind := next((kind for start, kind in NO_IMAGES.items() if sop_class.startswith(start)), None):
        raise NotImage(kind)
    if not data.get("SeriesInstanceUID") or (
        sop_class in (CT_IMAGE, *ENHANCED_CT) and not (data.get("Rows") and data.get("Columns"))
    ):
        raise Damaged("cut off")
    slices = as_slices(data)
    if not slices:
        return (_header(data, sop_class, refusal=f"{MULTI_FRAME} that does not describe each frame: export it again"),)
    headers = tuple(_header(one, sop_class) for one in slices)
    num_unplaced = sum(header.refusal == UNPLACED for header in headers)
    if 0 < num_unplaced < len(headers):
        refusal = f"{MULTI_FRAME}, and {num_unplaced} of its {len(headers)} frames do not say where they lie"
        return (_header(data, sop_class, refusal=f"{refusal}: export it again"),)
    return headers


def _header(data: "Dataset | Frame", sop_class: str, *, refusal: str | None = None) -> Header:
    def texts(tag: str) -> list[str]:
        value = data.get(tag)
        several = value is not None and not isinstance(value, str) and hasattr(value, "__iter__")
        return [str(part) for part in value] if several else [] if value is None else [str(value)]

    def text(*tags: str) -> str:
        return " ".join(part for tag in tags for part in texts(tag))

    def numbers(tag: str) -> tuple[float, ...]:
        value = data.get(tag)
        numbers = () if value is None else tuple(float(part) for part in value)
        if not all(map(math.isfinite, numbers)):
            raise Damaged("not a number")
        return numbers

    image_type = texts("ImageType")
    position, orientation = numbers("ImagePositionPatient"), numbers("ImageOrientationPatient")
    pixel_mm = numbers("PixelSpacing")
    if text("Modality") != "CT":
        refusal = "is not CT"
    elif sop_class.startswith(SECONDARY_CAPTURE) or "SCREEN SAVE" in image_type:
        refusal = "is a screen capture"
    elif int(data.get("SamplesPerPixel") or 1) != 1:
        refusal = "is a colour picture"
    elif "LOCALIZER" in image_type:
        refusal = "is a localizer"
    elif text("RescaleType") in NO_HU:
        refusal = "is a map of another unit than HU"
    elif refusal is None and sop_class not in ENHANCED_CT and int(data.get("NumberOfFrames") or 1) > 1:
        refusal = f"{MULTI_FRAME}: split it into single frames (dcm4che's emf2sf does)"
    elif refusal is None and (len(position), len(orientation), len(pixel_mm)) != (3, 6, 2):
        refusal = UNPLACED
    placed = refusal is None
    return Header(
        patient=text("PatientID").strip(),
        study=text("StudyInstanceUID"),
        series=text("SeriesInstanceUID"),
        series_number=int(data.get("SeriesNumber") or 0),
        uid=text("SOPInstanceUID"),
        instance=int(data.get("InstanceNumber") or 0),
        frame=data.number if isinstance(data, Frame) else None,
        modality=text("Modality"),
        description=text("SeriesDescription"),
        protocol=text("ProtocolName"),
        study_text=text("StudyDescription", "RequestedProcedureDescription"),
        body_part=text("BodyPartExamined"),
        contrast_agent=text("ContrastBolusAgent").strip(),
        kernel=next(iter(texts("ConvolutionKernel")), ""),  # the others are strengths of an iterative reconstruction
        image_type=tuple(image_type),
        acquisition=text("AcquisitionNumber"),
        stack=text("StackID", "TemporalPositionIndex"),
        acquired=text("AcquisitionDateTime") or text("AcquisitionDate", "AcquisitionTime"),
        created=text("ContentDate", "ContentTime"),
        rows=int(data.get("Rows") or 0),
        columns=int(data.get("Columns") or 0),
        position=position if placed else NOWHERE,
        orientation=orientation if placed else FLAT,
        pixel_mm=(pixel_mm[0], pixel_mm[1]) if placed else (1.0, 1.0),
        refusal=refusal,
    )
