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
TAGS = (
    "SOPClassUID", "Modality", "ImageType", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber",
    "InstanceNumber", "SeriesDescription", "ProtocolName", "BodyPartExamined", "ContrastBolusAgent",
    "ConvolutionKernel", "Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "PixelSpacing",
    "ImagePositionPatient", "ImageOrientationPatient",
)  # fmt: skip
MARK, MARK_END = b"DICM", 132
NOWHERE = (0.0, 0.0, 0.0)
FLAT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class NotDicom(BadInput):
    """The file has no DICOM mark."""


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
        NotDicom: the file is not DICOM (or has no DICM mark, as only files of the 1990s).
        Damaged: it is unreadable or cut off, or its values violate the standard.
    """
    import pydicom

    try:
        with path.open("rb") as file:
            mark = file.read(MARK_END)[-len(MARK) :]
        if mark == MARK:
            with quiet_pydicom():
                return _header(pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS)))
    except Exception:  # pydicom passes on any error that a damaged file causes, and its text may hold values
        raise Damaged("cannot be read") from None
    raise NotDicom("has no DICOM mark")


def _header(data: "Dataset") -> Header:
    def text(tag: str) -> str:
        value = data.get(tag)
        return "" if value is None else str(value)

    def numbers(tag: str) -> tuple[float, ...]:
        value = data.get(tag)
        numbers = () if value is None else tuple(float(part) for part in value)
        if not all(map(math.isfinite, numbers)):
            raise Damaged("not a number")
        return numbers

    sop_class = text("SOPClassUID")
    if not data.get("SeriesInstanceUID") or (sop_class == CT_IMAGE and not (data.get("Rows") and data.get("Columns"))):
        raise Damaged("cut off")
    image_type = [str(part) for part in data.get("ImageType") or ()]
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
        instance=int(data.get("InstanceNumber") or 0),
        modality=text("Modality"),
        description=text("SeriesDescription"),
        protocol=text("ProtocolName"),
        body_part=text("BodyPartExamined"),
        contrast_agent=text("ContrastBolusAgent").strip(),
        kernel=text("ConvolutionKernel"),
        derived=bool(image_type) and image_type[0] == "DERIVED",
        rows=int(data.get("Rows") or 0),
        columns=int(data.get("Columns") or 0),
        position=position if placed else NOWHERE,
        orientation=orientation if placed else FLAT,
        pixel_mm=(pixel_mm[0], pixel_mm[1]) if placed else (1.0, 1.0),
        refusal=refusal,
    )
