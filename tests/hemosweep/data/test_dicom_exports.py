"""DICOM as archives and media hold it: directories, copies, files without a mark, odd ids and values."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from hemosweep.data.dicom import list_series, read_series
from hemosweep.data.nifti import Volume
from hemosweep.errors import BadInput
from tests.dicom_files import AIR_HU, head_HW, write_series, write_slice


def read_only(folder: Path) -> Volume:
    (series,) = list_series(folder).series
    return read_series(series)


def write_object(path: Path, sop_class: str) -> None:
    """A DICOM object without pixels."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = sop_class
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if sop_class != "1.2.840.10008.1.3.10":
        data.SOPClassUID, data.SeriesInstanceUID, data.Modality = sop_class, "1.2.3.4", "SR"
    data.save_as(path, enforce_file_format=True)


def test_objects_beside_the_slices_that_are_no_images_are_left_out_and_counted_in_one_line(tmp_path: Path) -> None:
    write_series(tmp_path)
    for name, sop_class in (
        ("DICOMDIR", "1.2.840.10008.1.3.10"),
        ("dose.dcm", "1.2.840.10008.5.1.4.1.1.88.67"),
        ("text1.dcm", "1.2.840.10008.5.1.4.1.1.88.11"),
        ("text2.dcm", "1.2.840.10008.5.1.4.1.1.88.33"),
        ("state.dcm", "1.2.840.10008.5.1.4.1.1.11.1"),
        ("letter.dcm", "1.2.840.10008.5.1.4.1.1.104.1"),
    ):
        write_object(tmp_path / name, sop_class)
    listing = list_series(tmp_path)
    assert listing.notes == (
        "DICOM files that are no images, left out: directory of a medium 1, document 1, dose report 1, "
        "presentation state 1, structured report 2",
    )
    assert read_only(tmp_path).array_DHW.shape == (4, 16, 16)


def test_a_folder_of_nothing_but_a_directory_holds_no_series(tmp_path: Path) -> None:
    write_object(tmp_path / "DICOMDIR", "1.2.840.10008.1.3.10")
    with pytest.raises(BadInput, match="holds no readable DICOM file"):
        list_series(tmp_path)


def test_copies_of_slices_are_left_out_with_a_word(tmp_path: Path) -> None:
    write_series(tmp_path)
    for name in ("Doe_Jane_s1_001.dcm", "Doe_Jane_s1_002.dcm"):
        shutil.copyfile(tmp_path / name, tmp_path / f"copy of {name}")
    volume = read_only(tmp_path)
    np.testing.assert_array_equal(volume.array_DHW[:, 10, 9], [0, 10, 20, 30])
    assert volume.warnings == ("2 files are copies of another slice, left out",)


def test_two_different_objects_in_one_place_are_refused_with_their_files_and_a_way_out(tmp_path: Path) -> None:
    write_series(tmp_path)
    hu_HW = head_HW()
    hu_HW[9, 9] = 55
    write_slice(tmp_path / "other.dcm", hu_HW, position=(0.0, 0.0, 5.0), instance=2)
    (series,) = list_series(tmp_path).series
    assert series.refusal == (
        "1 of its slices lie where another does: it mixes several scans, and no tag parts it into whole scans (in "
        "SOURCE file 2, file 5, by name): move the files of one of them elsewhere"
    )


def write_twice(folder: Path, *differing: dict[str, object], z_mm: tuple[float, ...] = (0.0, 5.0, 10.0, 15.0)) -> None:
    """One series of a scan for each of `differing`; scan n is 100 n HU in the middle. All have the same UIDs."""
    for scan, tags in enumerate(differing):
        for index, z in enumerate(z_mm):
            hu_HW = head_HW()
            hu_HW[9, 9] = 100 * scan
            own = {tag: value[index] if isinstance(value, tuple) else value for tag, value in tags.items()}
            where = {"position": (0.0, 0.0, z), "instance": index + 1}
            write_slice(folder / f"{scan}_{index}.dcm", hu_HW, **{**where, **own})


EARLY, LATE = ("0901", "0902", "0903", "0904"), ("0911", "0912", "0913", "0914")


@pytest.mark.parametrize(
    ("first", "second", "told_by"),
    [
        ({"AcquisitionNumber": 3}, {"AcquisitionNumber": 4}, "acquisition number"),
        ({}, {"ImageType": ["ORIGINAL", "SECONDARY", "AXIAL"]}, "image type"),
        ({"ConvolutionKernel": "H31s"}, {"ConvolutionKernel": "H70h"}, "kernel"),
        ({"AcquisitionTime": EARLY}, {"AcquisitionTime": LATE}, "time of acquisition"),
        ({"ContentTime": EARLY}, {"ContentTime": LATE}, "time of creation"),
        ({}, {"instance": (8, 7, 6, 5)}, "order of instance numbers"),
    ],
    ids=["acquisition", "image type", "kernel", "acquired", "created", "instances"],
)
def test_two_whole_scans_in_one_series_are_two_series_by_what_tells_them_apart(
    tmp_path: Path, first: dict[str, object], second: dict[str, object], told_by: str
) -> None:
    write_twice(tmp_path, first, second)
    series = list_series(tmp_path).series
    assert [(one.name, one.refusal) for one in series] == [("series 1 of 2", None), ("series 2 of 2", None)]
    assert len({one.key for one in series}) == 2
    for number, one in enumerate(series, start=1):
        volume = read_series(one)
        np.testing.assert_array_equal(volume.array_DHW[:, 15 - 9, 15 - 9], 100 * (number - 1))
        assert volume.warnings == (
            f"its series holds 2 scans in one place, which are told apart by their {told_by}: this is number {number}",
        )


def test_the_parts_of_one_scan_that_share_a_slice_are_no_two_scans(tmp_path: Path) -> None:
    write_series(tmp_path / "low", (0.0, 5.0, 10.0, 15.0), AcquisitionNumber=1)
    write_series(tmp_path / "up", (15.0, 20.0, 25.0, 30.0), AcquisitionNumber=2)
    (series,) = list_series(tmp_path).series
    assert series.refusal is not None
    assert "(in SOURCE/1 file 4; in SOURCE/2 file 1, by name)" in series.refusal


def test_scans_that_lack_a_slice_are_not_parted(tmp_path: Path) -> None:
    write_twice(tmp_path, {"AcquisitionNumber": 3}, {"AcquisitionNumber": 4}, z_mm=(0.0, 5.0, 10.0, 15.0, 20.0))
    (tmp_path / "1_2.dcm").unlink()
    (series,) = list_series(tmp_path).series
    assert series.refusal is not None
    assert "4 of its slices lie where another does" in series.refusal


def test_a_series_over_time_is_not_parted(tmp_path: Path) -> None:
    write_twice(tmp_path, *({"AcquisitionNumber": number} for number in range(5)))
    (series,) = list_series(tmp_path).series
    assert series.refusal is not None
    assert "16 of its slices lie where another does" in series.refusal
    assert "file 8, ..., by name" in series.refusal


def test_a_file_without_the_mark_is_read(tmp_path: Path) -> None:
    write_series(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[132:])
    volume = read_only(tmp_path)
    np.testing.assert_array_equal(volume.array_DHW[:, 10, 9], [0, 10, 20, 30])


@pytest.mark.parametrize(
    "content", [b"\x08\x00\x05\x00CS" + bytes(300), b"\x08\x00" + b"x" * 300, b"\x02\x00ab12" * 60]
)
def test_other_files_that_begin_like_one_do_no_harm(tmp_path: Path, content: bytes) -> None:
    write_series(tmp_path / "ct")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.bin").write_bytes(content)
    assert read_only(tmp_path).array_DHW.shape == (4, 16, 16)


def test_slices_that_carry_a_series_id_each_are_one_series(tmp_path: Path) -> None:
    for index in range(5):
        write_series(tmp_path, (5.0 * index,), SeriesInstanceUID=f"1.2.3.{index}", instance=index + 1)
        (tmp_path / "Doe_Jane_s1_000.dcm").rename(tmp_path / f"{index}.dcm")
    assert read_only(tmp_path).array_DHW.shape == (5, 16, 16)


def test_single_slices_of_other_kernels_or_numbers_are_not_put_together(tmp_path: Path) -> None:
    for index in range(4):
        uid = f"1.2.3.{index}"
        write_series(tmp_path / str(index), (5.0 * index,), SeriesInstanceUID=uid, SeriesNumber=index % 2 + 1)
    assert [series.refusal for series in list_series(tmp_path).series] == ["has only 2 slices"] * 2


def test_positions_that_are_rounded_to_a_decimal_place_are_even(tmp_path: Path) -> None:
    write_series(tmp_path, tuple(round(0.625 * index, 1) for index in range(24)))
    volume = read_only(tmp_path)
    assert volume.array_DHW.shape[0] == 24
    assert volume.spacing_DHW_mm[0] == pytest.approx(0.625, abs=0.003)
    assert volume.warnings == ()


def test_a_missing_thin_slice_is_seen_through_the_rounding(tmp_path: Path) -> None:
    write_series(tmp_path, tuple(round(0.625 * index, 1) for index in range(24) if index != 11))
    assert any("1 slice is missing" in text or "uneven" in text for text in read_only(tmp_path).warnings)


def test_a_slope_of_zero_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path, RescaleSlope=0)
    (series,) = list_series(tmp_path).series
    with pytest.raises(BadInput, match=r"slice 1 of 4 .* its rescale slope is 0, which makes every voxel the same"):
        read_series(series)


def padded(folder: Path, hu_HW: np.ndarray) -> Volume:
    """A series in HU whose padding value is 0 HU."""
    for index in range(4):
        where = {"position": (0.0, 0.0, 5.0 * index), "instance": index + 1}
        write_slice(folder / f"{index}.dcm", hu_HW, **where, intercept=0.0, signed=True, PixelPaddingValue=0)
    return read_only(folder)


def test_a_padding_value_that_tissue_has_is_taken_for_tissue_with_a_warning(tmp_path: Path) -> None:
    hu_HW = head_HW()
    hu_HW[6:9, 6:9] = 0
    volume = padded(tmp_path, hu_HW)
    assert np.count_nonzero(volume.array_DHW == 0) == 4 * 9
    assert volume.warnings == (
        "its padding value is 0 HU, which tissue has inside the picture, too: it is taken for tissue",
    )


def test_in_a_rim_of_the_picture_it_is_padding_and_inside_it_is_tissue(tmp_path: Path) -> None:
    hu_HW = head_HW()
    hu_HW[0], hu_HW[-1], hu_HW[:, 0], hu_HW[:, -1] = 0, 0, 0, 0
    hu_HW[7, 7] = 0
    volume = padded(tmp_path, hu_HW)
    np.testing.assert_array_equal(np.argwhere(volume.array_DHW[0] == 0), [[15 - 7, 15 - 7]])
    assert volume.array_DHW[0, 0, 0] <= AIR_HU
    assert volume.warnings == ()
