"""Tiny DICOM files: CT slices with planted names, as a scanner would write them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PLANTED = (
    "Doe^Jane", "MRN-4711-XYZ", "19520317", "20190624", "081542", "St Elsewhere Hospital", "Dr^House",
    "stroke work-up of a VIP", "ACC-0815", "SeriesByDrHouse", "ProtocolOfStElsewhere",
)  # fmt: skip
"""Texts that must never leave the files, beside the UIDs."""
UID_ROOT = "1.2.826.0.1.3680043.8.498."
AIR_HU, TISSUE_HU, BONE_HU = -1000, 40, 1000


def head_HW(size: int = 16) -> NDArray[np.int16]:
    """A square of tissue in a rim of bone, in air, with a mark of 70 HU in its upper left quarter."""
    hu_HW = np.full((size, size), AIR_HU, dtype=np.int16)
    hu_HW[2:-2, 2:-2] = BONE_HU
    hu_HW[3:-3, 3:-3] = TISSUE_HU
    hu_HW[4, 5] = 70
    return hu_HW


def write_slice(
    path: Path,
    hu_HW: NDArray[np.generic] | None = None,
    *,
    position: tuple[float, float, float] = (0.0, 0.0, 0.0),
    patient: str = "MRN-4711-XYZ",
    study: int = 1,
    series: int = 1,
    instance: int = 1,
    slope: float = 1.0,
    intercept: float | None = -1024.0,
    signed: bool = False,
    syntax: str | None = None,
    **tags: Any,
) -> None:
    """Write one CT slice; `tags` are further elements by keyword, None leaves one out."""
    from pydicom.config import disable_value_validation
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    stored_HW = np.asarray(head_HW() if hu_HW is None else hu_HW)
    if stored_HW.dtype not in (np.uint8, np.uint16):
        stored_HW = np.rint((stored_HW - (intercept or 0.0)) / slope).astype(np.int16 if signed else np.uint16)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = f"{UID_ROOT}{study}.{series}.{instance}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = Dataset()
    data.file_meta = meta
    bits = stored_HW.dtype.itemsize * 8
    values: dict[str, Any] = {
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": f"{UID_ROOT}{study}",
        "SeriesInstanceUID": f"{UID_ROOT}{study}.{series}",
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "PatientName": "Doe^Jane",
        "PatientID": patient,
        "PatientBirthDate": "19520317",
        "StudyDate": "20190624",
        "StudyTime": "081542",
        "InstitutionName": "St Elsewhere Hospital",
        "ReferringPhysicianName": "Dr^House",
        "StudyDescription": "stroke work-up of a VIP",
        "AccessionNumber": "ACC-0815",
        "SeriesDescription": "SeriesByDrHouse",
        "ProtocolName": "ProtocolOfStElsewhere",
        "SeriesNumber": series,
        "InstanceNumber": instance,
        "SliceThickness": 1.25,  # not the pitch
        "ImagePositionPatient": list(position),
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [2.0, 1.0],
        "Rows": stored_HW.shape[0],
        "Columns": stored_HW.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(stored_HW.dtype == np.int16),
        "RescaleSlope": slope,
        "RescaleIntercept": intercept,
        **tags,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with disable_value_validation():
        for keyword, value in values.items():
            if value is not None:
                setattr(data, keyword, value)
        data.PixelData = stored_HW.tobytes()
        if syntax is not None:
            data.compress(syntax)
        data.save_as(path, enforce_file_format=True)


def write_series(folder: Path, z_mm: tuple[float, ...] = (0.0, 5.0, 10.0, 15.0), **options: Any) -> None:
    """Write slices at these places; in slice k the voxel of row 5 and column 6 is 10 k HU."""
    for index, z in enumerate(z_mm):
        hu_HW = head_HW()
        hu_HW[5, 6] = 10 * index
        name = f"Doe_Jane_s{options.get('series', 1)}_{index:03d}.dcm"
        write_slice(folder / name, hu_HW, **{"position": (0.0, 0.0, z), "instance": index + 1, **options})


def write_enhanced(
    path: Path,
    z_mm: tuple[float, ...] = (0.0, 5.0, 10.0, 15.0),
    *,
    shared: Mapping[str, Any] | None = None,
    frames: Mapping[str, Sequence[Any]] | None = None,
    syntax: str | None = None,
    **tags: Any,
) -> None:
    """Write an enhanced CT object; its frame k lies at `z_mm[k]`, and there the voxel of row 5 and column 6 is 10 k HU.

    Args:
        shared: functional groups of all frames, in place of or beside those that there are; None leaves one out.
        frames: functional groups of each frame, alike.
    """
    from pydicom import dcmread

    stored = np.stack([head_HW() + 1024] * len(z_mm)).astype(np.uint16)
    stored[:, 5, 6] = 1024 + 10 * np.arange(len(z_mm))
    elsewhere = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept")
    values = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2.1", "NumberOfFrames": len(z_mm)}
    write_slice(path, stored[0], **{**dict.fromkeys(elsewhere), **values, **tags})
    data = dcmread(path)
    groups = {
        "PixelMeasuresSequence": {"PixelSpacing": [2.0, 1.0], "SliceThickness": 1.25},
        "PlaneOrientationSequence": {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
        "PixelValueTransformationSequence": {"RescaleSlope": 1.0, "RescaleIntercept": -1024.0, "RescaleType": "HU"},
        "CTImageFrameTypeSequence": {"FrameType": ["ORIGINAL", "PRIMARY", "AXIAL", "NONE"]},
        **(shared or {}),
    }
    each: dict[str, Sequence[Any]] = {
        "PlanePositionSequence": [{"ImagePositionPatient": [0.0, 0.0, z]} for z in z_mm],
        **(frames or {}),
    }
    data.SharedFunctionalGroupsSequence = [_item(groups)]
    data.PerFrameFunctionalGroupsSequence = [
        _item({name: values[index] for name, values in each.items()}) for index in range(len(z_mm))
    ]
    data.PixelData = stored.tobytes()
    if syntax is not None:
        data.compress(syntax)
    data.save_as(path, enforce_file_format=True)


def _item(values: Mapping[str, Any]) -> Any:
    """Item of a sequence; a value that is a mapping is a sequence of one item, and None is left out."""
    from pydicom.dataset import Dataset

    item = Dataset()
    for keyword, value in values.items():
        if value is not None:
            setattr(item, keyword, [_item(value)] if isinstance(value, Mapping) else value)
    return item
