"""Masks in every format that people draw in, onto the CTs of a data set and back."""

import os
import unicodedata
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from hemosweep.data.manifest import read_manifest
from hemosweep.data.reading import read_case
from hemosweep.errors import BadInput
from hemosweep.importers import import_masks
from hemosweep.importers.dicom import import_dicom
from tests.dicom_files import PLANTED
from tests.drawings import (
    LABEL_DESCRIPTIONS,
    TO_LPS,
    write_ct_series,
    write_nifti,
    write_rtstruct,
    write_seg,
    write_slicer,
)

SHAPE_DHW = (6, 20, 24)
CT_DHW = np.full(SHAPE_DHW, 60, dtype=np.int16)
"""Blood throughout, so that no lesion is warned of as odd."""
LESION_AT = np.s_[2:4, 5:9, 3:10]
IVH_AT = np.s_[4, 12:14, 15:18]


def box(at: tuple[slice | int, ...]) -> NDArray[np.bool_]:
    mask_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    mask_DHW[at] = True
    return mask_DHW


LESION, IVH = box(LESION_AT), box(IVH_AT)
LESION[2, 5, 3] = False  # one corner is missing, so that no turned or mirrored mask is the same
LPS_AFFINE = np.array([[-1.0, 0, 0, 12], [0, -2, 0, 20], [0, 0, 5, 0], [0, 0, 0, 1]])
"""Of the files whose voxel (i, j, k) is the pixel in column i and row j of the DICOM slice k."""


def to_ijk(mask_DHW: NDArray[np.generic]) -> NDArray[np.generic]:
    """From slices, rows and columns to the file's axes."""
    return mask_DHW.transpose(2, 1, 0)


def make_data(folder: Path, *ids: str) -> Path:
    for case_id in ids:
        write_nifti(folder / case_id / "ct" / f"{case_id}_ct.nii.gz", to_ijk(CT_DHW), LPS_AFFINE)
    rows = "".join(f"{case_id}\tP-{case_id}\tn/a\n" for case_id in ids)
    (folder / "participants.tsv").write_text(f"participant_id\tpatient_id\tivh\n{rows}")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path / "data", "sub-001")


def stored(data: Path, case_id: str = "sub-001", suffix: str = "label-lesion_mask") -> NDArray[np.bool_]:
    """A written mask as slices, rows and columns of the CT's file, whose place it must have."""
    folder = data / case_id / "ct"
    mask, ct = nib.load(folder / f"{case_id}_{suffix}.nii.gz"), nib.load(folder / f"{case_id}_ct.nii.gz")
    np.testing.assert_allclose(mask.affine, ct.affine)
    values = np.asanyarray(mask.dataobj)
    assert values.dtype == np.uint8
    return values.transpose(2, 1, 0) == 1


def ct_series(tmp_path: Path, **options: Any) -> tuple[list[Path], Path]:
    """DICOM slices, and the data set that they were imported to."""
    slices = write_ct_series(tmp_path / "dicom", CT_DHW, **options)
    import_dicom(tmp_path / "dicom", tmp_path / "set", key_file=tmp_path / "key.tsv")
    return slices, tmp_path / "set"


def from_slices(data: Path) -> NDArray[np.bool_]:
    """The lesion of the imported case as slices, rows and columns of the DICOM series; its file runs along R, A, S."""
    (case,) = read_manifest(data)
    return read_case(case).lesion_DHW[:, ::-1, ::-1]


@pytest.mark.parametrize("tilt_deg", [0.0, 18.5], ids=["straight", "tilted gantry"])
@pytest.mark.parametrize("keep_empty", [False, True])
def test_a_dicom_segmentation_lies_where_it_was_drawn(tmp_path: Path, tilt_deg: float, keep_empty: bool) -> None:
    slices, data = ct_series(tmp_path, tilt_deg=tilt_deg)
    write_seg(tmp_path / "seg" / "sub-001.dcm", slices, {"Edema": IVH, "Hematoma": LESION}, keep_empty=keep_empty)
    summary = import_masks(tmp_path / "seg", data, lesion_label="hematoma")
    assert summary.failures == {}
    assert summary.warnings == {}
    np.testing.assert_array_equal(from_slices(data), LESION)
    assert not any(
        text.encode() in path.read_bytes() for path in data.rglob("*.*") for text in PLANTED if path.is_file()
    )


def test_a_segmentation_of_a_few_slices_far_apart_leaves_those_between_alone(tmp_path: Path) -> None:
    slices, data = ct_series(tmp_path)
    lesion = LESION | box(np.s_[5, 5:9, 3:10])
    lesion[3] = False
    write_seg(tmp_path / "sub-001.dcm", [slices[2], slices[5]], {"Hematoma": lesion[[2, 5]]})
    assert import_masks(tmp_path / "sub-001.dcm", data).warnings == {}
    np.testing.assert_array_equal(from_slices(data), lesion)


def test_a_segmentation_of_thinner_slices_of_the_scan_is_resampled_with_a_word(tmp_path: Path) -> None:
    _, data = ct_series(tmp_path)
    thin = write_ct_series(tmp_path / "thin", np.repeat(CT_DHW, 2, axis=0), step_mm=2.5)
    write_seg(tmp_path / "seg" / "sub-001.dcm", thin, {"Hematoma": np.repeat(LESION, 2, axis=0)})
    (text,) = import_masks(tmp_path / "seg", data).warnings["sub-001"]
    assert text.startswith("drawn on another grid: resampled")
    np.testing.assert_array_equal(from_slices(data), LESION)


def test_a_segmentation_drawn_across_the_slices_lies_right(tmp_path: Path) -> None:
    _, data = ct_series(tmp_path)
    side = LESION.transpose(2, 0, 1)[:, ::-1]  # sagittal slices from the right to the left, rows from the top down
    tags = {
        "position": [(-12.0 + column, -20.0, 25.0) for column in range(len(side))],
        "ImageOrientationPatient": [0, 1, 0, 0, 0, -1],
        "PixelSpacing": [5.0, 2.0],
    }
    sagittal = write_ct_series(tmp_path / "side", np.full(side.shape, 60, dtype=np.int16), step_mm=1.0, **tags)
    write_seg(tmp_path / "seg" / "sub-001.dcm", sagittal, {"Hematoma": side})
    assert import_masks(tmp_path / "seg", data).warnings == {}
    np.testing.assert_array_equal(from_slices(data), LESION)


def test_a_segmentation_of_uneven_frames_between_the_slices_is_refused(tmp_path: Path) -> None:
    _, data = ct_series(tmp_path)
    places = [(-12.0, -20.0, z) for z in (1.0, 2.0, 3.5, 10.0)]
    uneven = write_ct_series(tmp_path / "uneven", CT_DHW[:4], position=places)
    write_seg(tmp_path / "seg" / "sub-001.dcm", uneven, {"Hematoma": LESION[2:6] | LESION[2]})
    (message,) = import_masks(tmp_path / "seg", data).failures.values()
    assert message.endswith(
        "sub-001.dcm: its frames make no even stack and do not lie on the CT's slices; export it as NRRD"
    )


def test_a_segmentation_that_holds_its_segments_as_values_is_read(tmp_path: Path) -> None:
    slices, data = ct_series(tmp_path)
    write_seg(tmp_path / "seg" / "sub-001.dcm", slices, {"Edema": IVH, "Hematoma": LESION}, kind="LABELMAP")
    assert import_masks(tmp_path / "seg", data, lesion_label="2").warnings == {}
    np.testing.assert_array_equal(from_slices(data), LESION)


def test_a_damaged_dicom_mask_is_told_in_one_line(tmp_path: Path) -> None:
    import pydicom

    slices, data = ct_series(tmp_path)
    path = tmp_path / "seg" / "sub-001.dcm"
    write_seg(path, slices, {"Hematoma": LESION})
    damaged = pydicom.dcmread(path)
    del damaged.PerFrameFunctionalGroupsSequence
    damaged.save_as(path)
    (message,) = import_masks(path, data).failures.values()
    assert message.startswith("case sub-001: sub-001.dcm: cannot be read as DICOM (")
    assert "\n" not in message


def test_segments_may_overlap_and_probabilities_are_cut_at_half(tmp_path: Path) -> None:
    slices, data = ct_series(tmp_path)
    values = np.where(LESION, 0.75, 0.1).astype(np.float32)
    write_seg(tmp_path / "sub-001.dcm", slices, {"Hematoma": values, "All": np.maximum(values, 0.2)}, kind="FRACTIONAL")
    summary = import_masks(tmp_path / "sub-001.dcm", data, lesion_label="1")
    np.testing.assert_array_equal(from_slices(data), LESION)
    assert summary.warnings["sub-001"] == ("holds probabilities: voxels of at least 0.5 are taken as the mask",)


def rectangle(
    rows: tuple[float, float], columns: tuple[float, float], z: float, tilt_deg: float = 0.0
) -> NDArray[np.float64]:
    """Outline between rows and columns of the DICOM slices, as points in DICOM's millimetres."""
    (top, bottom), (left, right) = rows, columns
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    back, down = 2.0 * np.cos(np.deg2rad(tilt_deg)), 2.0 * np.sin(np.deg2rad(tilt_deg))
    return np.array([(-12.0 + column, -20.0 + back * row, z - down * row) for column, row in corners])


@pytest.mark.parametrize("tilt_deg", [0.0, 18.5], ids=["straight", "tilted gantry"])
def test_structures_are_filled_slice_by_slice_and_a_contour_in_a_contour_is_a_hole(
    tmp_path: Path, tilt_deg: float
) -> None:
    _, data = ct_series(tmp_path, tilt_deg=tilt_deg)
    outer = [rectangle((4.5, 8.5), (2.5, 9.5), z, tilt_deg) for z in (10.0, 15.0)]
    hole = rectangle((5.5, 7.5), (4.5, 7.5), 15.0, tilt_deg)
    other = [rectangle((1.5, 3.5), (1.5, 3.5), 0.0, tilt_deg)]
    write_rtstruct(tmp_path / "rt" / "sub-001.dcm", {"Skull": other, "ICH": [*outer, hole]})
    summary = import_masks(tmp_path / "rt", data, lesion_label="ICH")
    expected = box(np.s_[2:4, 5:9, 3:10])
    expected[3, 6:8, 5:8] = False
    np.testing.assert_array_equal(from_slices(data), expected)
    assert summary.warnings == {}


@pytest.mark.parametrize(
    ("contours", "slices", "words"),
    [
        # To the slice at 5 mm the nearest is 5.8, to that at 10 mm 10.8; those at 0 and 15 mm have none within 2.5 mm.
        ([3.3, 5.8, 8.3, 10.8], [1, 2], "drawn between the CT's slices"),
        ([5.0, 15.0, 25.0], [1, 3, 5], "on every 2 slices only"),
        ([20.0, 25.0, 30.0], [4, 5], "1 of 3 planes lie outside the CT"),
    ],
    ids=["between the slices", "every second slice", "beyond the scan"],
)
def test_contours_that_fit_the_slices_badly_are_told(
    tmp_path: Path, contours: list[float], slices: list[int], words: str
) -> None:
    _, data = ct_series(tmp_path)
    write_rtstruct(tmp_path / "sub-001.dcm", {"ICH": [rectangle((4.5, 8.5), (2.5, 9.5), z) for z in contours]})
    summary = import_masks(tmp_path / "sub-001.dcm", data)
    assert words in summary.warnings["sub-001"][0]
    assert np.flatnonzero(from_slices(data).any(axis=(1, 2))).tolist() == slices


def test_contours_across_the_slices_are_refused(tmp_path: Path) -> None:
    _, data = ct_series(tmp_path)
    sagittal = np.array([(-5.0, -10.0, 0.0), (-5.0, 0.0, 0.0), (-5.0, 0.0, 20.0), (-5.0, -10.0, 20.0)])
    write_rtstruct(tmp_path / "sub-001.dcm", {"ICH": [sagittal]})
    summary = import_masks(tmp_path / "sub-001.dcm", data)
    assert "do not lie in the planes of the CT's slices" in summary.failures["sub-001"]


def test_contours_of_half_the_slices_distance_are_no_holes_in_each_other(tmp_path: Path) -> None:
    _, data = ct_series(tmp_path)
    # Planes of 2.5 mm, a quarter of a slice below and above each CT slice: a slice takes the lower, which is as near.
    lower = [rectangle((4.5, 8.5), (2.5, 9.5), z) for z in (8.75, 13.75)]
    upper = [rectangle((4.5, 9.5), (2.5, 9.5), z) for z in (11.25, 16.25)]
    hole = rectangle((5.5, 7.5), (4.5, 7.5), 13.7501)  # in the plane of the lower one, but for rounding
    write_rtstruct(tmp_path / "sub-001.dcm", {"ICH": [*upper, hole, *lower, lower[0]]})
    summary = import_masks(tmp_path / "sub-001.dcm", data)
    expected = box(np.s_[2:4, 5:9, 3:10])
    expected[3, 6:8, 5:8] = False
    np.testing.assert_array_equal(from_slices(data), expected)
    assert summary.warnings["sub-001"] == ("drawn between the CT's slices: each slice takes the nearest contours",)


def test_frames_of_half_the_slices_distance_are_not_merged_in_silence(tmp_path: Path) -> None:
    _, data = ct_series(tmp_path)
    position = [(-12.0, -20.0, 2.5 * index - 1.25) for index in range(12)]
    thin = write_ct_series(tmp_path / "thin", np.repeat(CT_DHW, 2, axis=0), step_mm=2.5, position=position)
    drawn = np.repeat(LESION, 2, axis=0)
    drawn[7] = box(np.s_[3, 4:9, 3:10])[3]  # the upper half of slice 3 has a row more
    write_seg(tmp_path / "seg" / "sub-001.dcm", thin, {"Hematoma": drawn})
    (text,) = import_masks(tmp_path / "seg", data).warnings["sub-001"]
    assert text.startswith("drawn on another grid: resampled")
    np.testing.assert_array_equal(from_slices(data), LESION)


@pytest.mark.parametrize("form", ["contour", "voxel"])
def test_a_drawing_smaller_than_a_voxel_is_not_called_that_of_another_scan(tmp_path: Path, form: str) -> None:
    _, data = ct_series(tmp_path)
    path = tmp_path / ("sub-001.dcm" if form == "contour" else "sub-001.nii")
    if form == "contour":
        write_rtstruct(path, {"ICH": [rectangle((5.1, 5.3), (4.1, 4.3), 10.0)]})
    else:
        voxel = np.zeros((3, 3, 3), dtype=np.uint8)
        voxel[1, 1, 1] = 1
        affine = LPS_AFFINE @ np.diag([0.2, 0.2, 0.2, 1])
        affine[:3, 3] = (LPS_AFFINE @ [4.3, 5.3, 2.3, 1])[:3]
        write_nifti(path, voxel, affine)
    (message,) = import_masks(path, data).failures.values()
    assert message == (
        f"case sub-001: {path.name}: is smaller than a voxel of the CT: it holds the centre of none; draw it on this CT"
    )


@pytest.mark.parametrize("ending", ["nii", "nrrd"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_label_is_found_by_the_name_of_its_description_in_either_unicode_form(
    data: Path, tmp_path: Path, ending: str, encoding: str
) -> None:
    path = tmp_path / f"sub-001.{ending}"
    write_nifti(tmp_path / "sub-001.nii", to_ijk(np.where(LESION, 1, 2 * IVH).astype(np.uint8)), LPS_AFFINE)
    SimpleITK.WriteImage(SimpleITK.ReadImage(str(tmp_path / "sub-001.nii")), str(path))
    names = tmp_path / "labels.txt"
    text = LABEL_DESCRIPTIONS.replace("Hematoma", "H\u00e4matom").replace("Edema", "\u00d6dem")
    for written in (text, unicodedata.normalize("NFD", text)) if encoding == "utf-8" else (text,):
        names.write_text(written, encoding=encoding)
        for choice in ("h\u00e4matom", "Ha\u0308matom"):
            summary = import_masks(path, data, lesion_label=choice, label_names=names, overwrite=True)
            assert summary.failures == {}
            np.testing.assert_array_equal(stored(data), LESION)


@pytest.mark.parametrize("overlap", [False, True], ids=["one layer", "two layers"])
def test_a_segmentation_of_slicer_is_a_part_of_the_image_with_layers(data: Path, tmp_path: Path, overlap: bool) -> None:
    part = np.s_[2:12, 4:18, 1:5]
    segments = {"Hematoma": to_ijk(LESION)[part], "IVH": to_ijk(IVH | LESION if overlap else IVH)[part]}
    write_slicer(tmp_path / "sub-001.seg.nrrd", segments, LPS_AFFINE, first_IJK=(2, 4, 1))
    assert import_masks(tmp_path / "sub-001.seg.nrrd", data, lesion_label="Hematoma").warnings == {}
    np.testing.assert_array_equal(stored(data), LESION)


def test_two_segments_with_one_value_in_two_layers_are_told_apart_by_name(data: Path, tmp_path: Path) -> None:
    write_slicer(tmp_path / "sub-001.seg.nrrd", {"a": to_ijk(LESION | IVH), "b": to_ijk(LESION)}, LPS_AFFINE)
    (message,) = import_masks(tmp_path / "sub-001.seg.nrrd", data, lesion_label="1").failures.values()
    assert "has 2 labels 1 (a (1), b (1))" in message
    import_masks(tmp_path / "sub-001.seg.nrrd", data, lesion_label="b")
    np.testing.assert_array_equal(stored(data), LESION)


def test_a_label_map_of_itk_snap_is_chosen_from_by_number_or_by_its_description(data: Path, tmp_path: Path) -> None:
    write_nifti(tmp_path / "sub-001.nii.gz", to_ijk(np.where(LESION, 1, 2 * IVH).astype(np.uint16)), LPS_AFFINE)
    (tmp_path / "labels.txt").write_text(LABEL_DESCRIPTIONS)
    with pytest.raises(BadInput) as caught:
        import_masks(tmp_path / "sub-001.nii.gz", data)
    assert str(caught.value) == (
        "sub-001.nii.gz: has the labels 1, 2; choose one with --lesion-label, by its name or number"
    )
    names = {"label_names": tmp_path / "labels.txt"}
    (message,) = import_masks(tmp_path / "sub-001.nii.gz", data, lesion_label="Edema", **names).failures.values()
    assert message.endswith("has no label Edema; it has Hematoma (1), Blood in the ventricles (2)")
    summary = import_masks(tmp_path, data, lesion_label="1", ivh_label="blood in the ventricles", **names)
    assert summary.notes[-1].startswith("IVH masks (label blood in the ventricles): 1 of 1 cases")
    np.testing.assert_array_equal(stored(data), LESION)
    np.testing.assert_array_equal(stored(data, suffix="label-ivh_mask"), IVH)


@pytest.mark.parametrize(
    ("axes", "flips"), [(axes, flips) for axes in permutations(range(3)) for flips in product((1, -1), repeat=3)]
)
def test_a_mask_in_each_of_48_orientations_lies_right(
    data: Path, tmp_path: Path, axes: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    array_IJK = to_ijk(LESION).astype(np.uint8).transpose(axes)[tuple(slice(None, None, flip) for flip in flips)]
    for place, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        turn[axis, place] = flip
        turn[axis, 3] = 0 if flip > 0 else array_IJK.shape[place] - 1
    lps = TO_LPS @ LPS_AFFINE @ turn
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array_IJK.transpose(2, 1, 0)))
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(tmp_path / "sub-001.mha"))
    assert import_masks(tmp_path / "sub-001.mha", data).warnings == {}
    np.testing.assert_array_equal(stored(data), LESION)


def test_a_mask_on_another_grid_is_resampled_with_a_word(data: Path, tmp_path: Path) -> None:
    # Voxels of 1 x 1 x 2.5 mm: each of the CT's has four, whose centres lie a quarter of it to either side.
    fine = np.repeat(np.repeat(to_ijk(LESION), 2, axis=1), 2, axis=2).astype(np.uint8)
    affine = LPS_AFFINE @ np.array([[1, 0, 0, 0], [0, 0.5, 0, -0.25], [0, 0, 0.5, -0.25], [0, 0, 0, 1]])
    write_nifti(tmp_path / "sub-001.nii.gz", fine, affine)
    summary = import_masks(tmp_path / "sub-001.nii.gz", data)
    np.testing.assert_array_equal(stored(data), LESION)
    assert summary.warnings["sub-001"] == (  # 55 voxels of 10 mm3
        "drawn on another grid: resampled onto the CT's by the nearest voxel, 0.55 mL before and 0.55 mL after",
    )


@pytest.mark.parametrize(
    ("mask", "moved_mm", "words"),
    [
        (LESION, 200.0, "sub-001.nii.gz: does not overlap the CT: is it of another scan or case?"),
        (LESION & False, 0.0, "sub-001.nii.gz: has no label: nothing is drawn in it"),
    ],
    ids=["elsewhere", "empty"],
)
def test_a_mask_that_is_none_of_the_case_is_refused_and_nothing_is_written(
    data: Path, tmp_path: Path, mask: NDArray[np.bool_], moved_mm: float, words: str
) -> None:
    moved = LPS_AFFINE.copy()
    moved[2, 3] += moved_mm
    write_nifti(tmp_path / "sub-001.nii.gz", to_ijk(mask).astype(np.uint8), moved)
    (message,) = import_masks(tmp_path / "sub-001.nii.gz", data).failures.values()
    assert message == f"case sub-001: {words}"
    assert os.listdir(data / "sub-001" / "ct") == ["sub-001_ct.nii.gz"]


def test_a_mask_that_reaches_beyond_the_scan_is_cut_off_with_a_word(data: Path, tmp_path: Path) -> None:
    moved = LPS_AFFINE.copy()
    moved[2, 3] = 15.0  # slices 2 and 3 of the drawing are slices 5 and 6 of the CT, which has none of that number
    write_nifti(tmp_path / "sub-001.nii.gz", to_ijk(box(LESION_AT)).astype(np.uint8), moved)
    summary = import_masks(tmp_path / "sub-001.nii.gz", data)
    assert summary.warnings["sub-001"] == ("50.0% of the mask lies outside the CT and is cut off",)
    assert stored(data).sum() == 28


def test_masks_find_their_cases_by_name_folder_and_session(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", "sub-1", "sub-10", "sub-2_ses-01", "sub-3")
    masks = tmp_path / "masks"
    for name in ("SUB-1_drawn by A.nii", "sub-10.nii.gz", "sub-2/ses-01/Segmentation.nii.gz", "x/sub-99.nii", "a.nii"):
        write_nifti(masks / name, to_ijk(LESION).astype(np.uint8), LPS_AFFINE)
    write_nifti(masks / "sub-1_ct.nii.gz", to_ijk(CT_DHW), LPS_AFFINE)
    write_slicer(masks / "sub-10" / "Segmentation.seg.nrrd", {"a": to_ijk(LESION)}, LPS_AFFINE)
    summary = import_masks(masks, data)
    assert (summary.written, summary.failures) == (("sub-1", "sub-10", "sub-2_ses-01"), {})
    assert summary.notes == (
        "cases without a mask in the source: 1 of 4 (sub-3)",
        "files whose name has the id of no case, or of several: 2 (NIfTI)",
    )


def test_a_drawing_that_was_saved_beside_its_ct_is_found_there(data: Path) -> None:
    write_slicer(data / "sub-001" / "ct" / "Segmentation.seg.nrrd", {"a": to_ijk(LESION)}, LPS_AFFINE)
    assert import_masks(data, data).written == ("sub-001",)
    np.testing.assert_array_equal(stored(data), LESION)
    assert import_masks(data, data, overwrite=True).written == ("sub-001",)


def test_of_several_files_of_a_case_a_pattern_or_a_table_takes_one(data: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    for name, mask in (("sub-001_lesion.nii.gz", LESION), ("sub-001_edema.nii.gz", IVH)):
        write_nifti(masks / name, to_ijk(mask).astype(np.uint8), LPS_AFFINE)
    (message,) = import_masks(masks, data).failures.values()
    assert "2 files may be its mask (sub-001_edema.nii.gz, sub-001_lesion.nii.gz); pick them with --pattern" in message
    import_masks(masks, data, pattern="*Lesion*")
    np.testing.assert_array_equal(stored(data), LESION)
    table = tmp_path / "table.tsv"
    table.write_text("participant_id\tmask\nsub-001\tsub-001_edema.nii.gz\n")
    import_masks(masks, data, table=table, overwrite=True)
    np.testing.assert_array_equal(stored(data), IVH)
    table.write_text("participant_id,mask\nsub-7,sub-001_edema.nii.gz\n")
    with pytest.raises(BadInput, match="names 'sub-7', which is no case"):
        import_masks(masks, data, table=table)


def test_dicom_masks_find_their_cases_by_the_key_file(tmp_path: Path) -> None:
    _, data = ct_series(tmp_path)
    write_rtstruct(tmp_path / "rt" / "RS.1.2.3.dcm", {"ICH": [rectangle((4.5, 8.5), (2.5, 9.5), 10.0)]})
    with pytest.raises(BadInput, match="no name of its 1 files has a case id"):
        import_masks(tmp_path / "rt", data)
    assert import_masks(tmp_path / "rt", data, key_file=tmp_path / "key.tsv").written == ("sub-001",)
    key = tmp_path / "key.tsv"
    key.write_text(key.read_text() + key.read_text().splitlines()[1].replace("sub-001", "sub-002") + "\n")
    (data / "participants.tsv").write_text("participant_id\tpatient_id\tivh\nsub-001\tP1\tno\nsub-002\tP1\tno\n")
    failures = import_masks(tmp_path / "rt", data, key_file=key, overwrite=True).failures
    assert sorted(failures) == ["sub-001", "sub-002"]
    assert "may be of any of the 2 studies of its patient" in failures["sub-001"]


def test_what_is_there_stays_unless_it_is_to_be_replaced(data: Path, tmp_path: Path) -> None:
    write_nifti(tmp_path / "sub-001.nii", to_ijk(np.where(LESION, 1, 2 * IVH).astype(np.uint8)), LPS_AFFINE)
    import_masks(tmp_path / "sub-001.nii", data, lesion_label="1", ivh_label="2")
    (message,) = import_masks(tmp_path / "sub-001.nii", data, lesion_label="2").failures.values()
    assert message == "case sub-001: has a lesion mask already; --overwrite replaces it"
    np.testing.assert_array_equal(stored(data), LESION)
    import_masks(tmp_path / "sub-001.nii", data, lesion_label="2", ivh_label="3", overwrite=True)
    np.testing.assert_array_equal(stored(data), IVH)
    assert not stored(data, suffix="label-ivh_mask").any()  # that of the earlier drawing would be untrue
    assert sorted(os.listdir(data / "sub-001" / "ct")) == [
        "sub-001_ct.nii.gz", "sub-001_label-ivh_mask.nii.gz", "sub-001_label-lesion_mask.nii.gz",
    ]  # fmt: skip


def test_a_folder_without_any_drawing_or_name_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "notes.txt").write_text("sub-001")
    with pytest.raises(BadInput, match="has no NIfTI, NRRD, MHA, Analyze, DICOM SEG or RTSTRUCT file"):
        import_masks(tmp_path / "none", data)
    with pytest.raises(BadInput, match="no such file or folder"):
        import_masks(tmp_path / "nowhere", data)
