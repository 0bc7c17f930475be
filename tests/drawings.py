"""Masks as people's own programs write them: highdicom, pydicom, 3D Slicer's slicerio, SimpleITK and nibabel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from tests.dicom_files import UID_ROOT, write_slice

TO_LPS = np.diag([-1.0, -1, 1, 1])
MODEL = ("an editor", "one", "1.0", "007")
"""Manufacturer, model, version and serial number of the program that drew."""
FRAME_OF_REFERENCE = f"{UID_ROOT}77"


def write_ct_series(
    folder: Path, hu_DHW: NDArray[np.generic], *, step_mm: float = 5.0, tilt_deg: float = 0.0, **tags: Any
) -> list[Path]:
    """Slices of 1 x 2 mm, rows to the left and columns to the back, tilted about the rows."""
    paths = []
    turn = np.deg2rad(tilt_deg)
    for index, slice_HW in enumerate(hu_DHW):
        path = folder / f"{index:03d}.dcm"
        values: dict[str, Any] = {
            "position": (-12.0, -20.0, step_mm * index),
            "ImageOrientationPatient": [1, 0, 0, 0, round(float(np.cos(turn)), 6), round(float(-np.sin(turn)), 6)],
            "SpacingBetweenSlices": step_mm,
            "FrameOfReferenceUID": FRAME_OF_REFERENCE,
            "PatientSex": "F",
            "StudyID": "1",
        }
        values |= {name: value[index] if name == "position" else value for name, value in tags.items()}
        write_slice(path, slice_HW, instance=index + 1, **values)
        paths.append(path)
    return paths


def write_seg(
    path: Path,
    slices: Sequence[Path],
    segments: dict[str, NDArray[np.generic]],
    *,
    kind: str = "BINARY",
    keep_empty: bool = False,
) -> None:
    """DICOM SEG by highdicom; a segment is given in the order of the slices, their rows and columns."""
    import highdicom
    import pydicom
    from pydicom.sr.codedict import codes

    sources = [pydicom.dcmread(one) for one in slices]
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Hemorrhage,
            algorithm_type="MANUAL",
        )
        for number, name in enumerate(segments, start=1)
    ]
    made = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=np.stack(list(segments.values()), axis=-1),
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=f"{UID_ROOT}1.900",
        series_number=900,
        sop_instance_uid=f"{UID_ROOT}1.900.1",
        instance_number=1,
        manufacturer=MODEL[0],
        manufacturer_model_name=MODEL[1],
        software_versions=MODEL[2],
        device_serial_number=MODEL[3],
        omit_empty_frames=not keep_empty,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path)


def write_rtstruct(
    path: Path, structures: dict[str, Sequence[NDArray[np.float64]]], *, patient: str = "MRN-4711-XYZ"
) -> None:
    """RTSTRUCT by pydicom, after PS3.3 A.19; a contour has points (x, y, z) in DICOM's millimetres."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    def items(*items: Dataset) -> list[Dataset]:
        return list(items)

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = f"{UID_ROOT}1.901.1"
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.Modality, data.PatientID, data.PatientName = "RTSTRUCT", patient, "Doe^Jane"
    data.StudyInstanceUID, data.SeriesInstanceUID = f"{UID_ROOT}1", f"{UID_ROOT}1.901"
    data.StructureSetLabel = "drawn"
    data.StructureSetROISequence, data.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(structures.items(), start=1):
        roi = Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, FRAME_OF_REFERENCE
        roi.ROIGenerationAlgorithm = "MANUAL"
        data.StructureSetROISequence.append(roi)
        drawn = Dataset()
        drawn.ReferencedROINumber = number
        drawn.ContourSequence = []
        for points_N3 in contours:
            contour = Dataset()
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(points_N3)
            contour.ContourData = [f"{value:.4f}" for value in np.asarray(points_N3).ravel()]
            drawn.ContourSequence.append(contour)
        data.ROIContourSequence.append(drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def write_slicer(
    path: Path,
    segments: dict[str, NDArray[np.bool_]],
    affine: NDArray[np.float64],
    *,
    first_IJK: Sequence[int] = (0, 0, 0),
) -> None:
    """3D Slicer's .seg.nrrd by slicerio; segments in (i, j, k), in layers where they overlap.

    Args:
        affine: from (i, j, k) of the whole image to RAS+ millimetres.
        first_IJK: the first voxel of the part of the image that is written.
    """
    import slicerio

    layers: list[NDArray[np.uint8]] = []
    entries = []
    for index, (name, inside) in enumerate(segments.items()):
        layer = next((number for number, one in enumerate(layers) if not one[inside].any()), len(layers))
        if layer == len(layers):
            layers.append(np.zeros(inside.shape, dtype=np.uint8))
        value = int(layers[layer].max()) + 1
        layers[layer][inside] = value
        entries.append({"id": f"Segment_{index}", "name": name, "labelValue": value, "layer": layer})
    moved = np.eye(4)
    moved[:3, 3] = first_IJK
    segmentation = {
        "voxels": layers[0] if len(layers) == 1 else np.stack(layers),
        "ijkToLPS": TO_LPS @ affine @ moved,
        "encoding": "gzip",
        "containedRepresentationNames": ["Binary labelmap"],
        "segments": entries,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    slicerio.write_segmentation(str(path), segmentation)


def write_nifti(path: Path, array_IJK: NDArray[np.generic], affine: NDArray[np.float64]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.ascontiguousarray(array_IJK), affine), path)


LABEL_DESCRIPTIONS = """\
################################################
# ITK-SnAP Label Description File
################################################
    0     0    0    0        0  0  0    "Clear Label"
    1   255    0    0        1  1  1    "Hematoma"
    2     0  255    0        1  1  1    "Blood in the ventricles"
    3     0    0  255     0.50  1  1    "Edema"
"""
"""As ITK-SNAP exports it."""
