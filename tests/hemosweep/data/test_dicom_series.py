from pathlib import Path

import numpy as np
import pytest

from hemosweep.data.dicom import list_series, read_series
from hemosweep.data.dicom.geometry import stack_slices
from hemosweep.data.nifti import Volume
from hemosweep.errors import BadInput
from tests.dicom_files import PLANTED, head_HW, write_series, write_slice

ROW, COLUMN = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])


def read_only(folder: Path) -> Volume:
    (series,) = list_series(folder).series
    return read_series(series)


def refusal(folder: Path) -> str:
    (series,) = list_series(folder).series
    assert series.refusal is not None
    with pytest.raises(BadInput, match=r"^series 1 of 1: "):
        read_series(series)
    return series.refusal


def along(*z_mm: float) -> np.ndarray:
    return np.array([(0.0, 0.0, z) for z in z_mm])


def test_a_series_becomes_a_ras_volume_in_hu(tmp_path: Path) -> None:
    write_series(tmp_path)
    volume = read_only(tmp_path)
    assert volume.array_DHW.dtype == np.float32
    assert volume.array_DHW.shape == (4, 16, 16)
    # Rows run to the back and columns to the left in DICOM; both are turned around.
    np.testing.assert_array_equal(volume.array_DHW[:, 15 - 5, 15 - 6], [0, 10, 20, 30])
    assert volume.array_DHW[0, 15 - 4, 15 - 5] == 70
    assert volume.array_DHW[0, 0, 0] == -1000
    assert volume.spacing_DHW_mm == (5.0, 2.0, 1.0)  # SliceThickness says 1.25
    # Voxel (w, h, d) = (15, 15, 0) is DICOM's first pixel, at the origin.
    np.testing.assert_allclose(volume.affine @ [15, 15, 0, 1], [0, 0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(volume.affine, [[1, 0, 0, -15], [0, 2, 0, -30], [0, 0, 5, 0], [0, 0, 0, 1]], atol=1e-9)
    assert volume.warnings == ()


def test_slices_are_ordered_by_place_and_not_by_number_or_name(tmp_path: Path) -> None:
    for name, instance, index in (("a", 9, 2), ("b", 1, 0), ("c", 5, 3), ("d", 7, 1)):
        hu_HW = head_HW()
        hu_HW[5, 6] = 10 * index
        write_slice(tmp_path / name, hu_HW, position=(0.0, 0.0, -50.0 + 5.0 * index), instance=instance)
    volume = read_only(tmp_path)
    np.testing.assert_array_equal(volume.array_DHW[:, 10, 9], [0, 10, 20, 30])
    assert volume.affine[2, 3] == -50.0


def test_a_tilted_gantry_leaves_the_affine_sheared_and_is_told(tmp_path: Path) -> None:
    turn = np.deg2rad(-18.5)
    tilted = [1, 0, 0, 0, float(np.cos(turn)), float(np.sin(turn))]
    write_series(tmp_path, ImageOrientationPatient=tilted)
    volume = read_only(tmp_path)
    assert volume.warnings == ("the gantry was tilted by 18.5 degrees",)
    assert volume.spacing_DHW_mm == pytest.approx((5.0, 2.0, 1.0))
    along_w, along_h, along_d = volume.affine[:3, :3].T
    np.testing.assert_allclose(along_d, [0, 0, 5], atol=1e-9)
    assert along_h @ along_d / 10.0 == pytest.approx(np.sin(np.deg2rad(18.5)))
    assert along_w @ along_d == pytest.approx(0.0)
    assert volume.voxel_ml == pytest.approx(0.010 * np.cos(turn))


def test_slope_and_intercept_are_those_of_each_slice(tmp_path: Path) -> None:
    for index, (slope, intercept) in enumerate(((1.0, -1024.0), (2.0, -1000.0), (0.5, -1024.0), (1.0, 0.0))):
        write_slice(
            tmp_path / str(index),
            position=(0.0, 0.0, 5.0 * index),
            slope=slope,
            intercept=intercept,
            signed=True,
        )
    volume = read_only(tmp_path)
    for slice_HW in volume.array_DHW:
        np.testing.assert_array_equal(slice_HW[::-1, ::-1], head_HW())


def test_fractions_of_a_hounsfield_unit_are_kept(tmp_path: Path) -> None:
    for index in range(4):
        stored_HW = np.full((16, 16), 1000 + index, dtype=np.uint16)
        write_slice(tmp_path / str(index), stored_HW, position=(0.0, 0.0, index), slope=0.25 * (index + 1), intercept=0)
    np.testing.assert_allclose(read_only(tmp_path).array_DHW[:, 0, 0], [250.0, 500.5, 751.5, 1003.0])


@pytest.mark.parametrize("options", [{"PixelPaddingValue": -2000}, {}], ids=["told", "not told"])
def test_padding_becomes_air(tmp_path: Path, options: dict[str, int]) -> None:
    for index in range(4):
        stored_HW = head_HW()
        stored_HW[0, 0] = -2000
        write_slice(tmp_path / str(index), stored_HW, position=(0, 0, index), intercept=0.0, signed=True, **options)
    volume = read_only(tmp_path)
    np.testing.assert_array_equal(volume.array_DHW[:, 15, 15], -1024)
    assert volume.array_DHW[0, 0, 0] == -1000
    assert volume.warnings == ()


def test_a_range_of_padding_values_becomes_air(tmp_path: Path) -> None:
    for index in range(4):
        write_slice(
            tmp_path / str(index),
            np.full((16, 16), 24 + index, dtype=np.uint16),
            position=(0, 0, index),
            PixelPaddingValue=25,
            PixelPaddingRangeLimit=26,
        )
    np.testing.assert_array_equal(read_only(tmp_path).array_DHW[:, 0, 0], [-1000, -1024, -1024, -997])


def test_padding_that_is_negative_in_an_unsigned_file_is_unwrapped(tmp_path: Path) -> None:
    for index in range(4):
        stored_HW = (head_HW() + 1024).astype(np.uint16)
        stored_HW[0, :3] = 63536
        write_slice(tmp_path / str(index), stored_HW, position=(0, 0, index))
    volume = read_only(tmp_path)
    np.testing.assert_array_equal(volume.array_DHW[:, 15, 13:], -1024)
    assert "12 voxels above 32767 were negative values that wrapped around" in volume.warnings[0]


def test_a_series_without_intercept_is_mended_with_a_warning(tmp_path: Path) -> None:
    for index in range(4):
        stored_HW = (head_HW() + 1024).astype(np.uint16)
        write_slice(tmp_path / str(index), stored_HW, position=(0, 0, index), intercept=None)
    volume = read_only(tmp_path)
    np.testing.assert_array_equal(volume.array_DHW[0, ::-1, ::-1], head_HW())
    assert "the rescale intercept is missing and -1024 is taken" in volume.warnings[0]


def test_a_series_some_of_whose_slices_lack_the_intercept_is_refused(tmp_path: Path) -> None:
    for index in range(4):
        write_slice(tmp_path / str(index), position=(0, 0, index), intercept=None if index == 2 else -1024.0)
    with pytest.raises(BadInput, match="1 of 4 slices lack the rescale intercept"):
        read_only(tmp_path)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.5"], ids=["RLE"])
def test_compressed_slices_are_decoded(tmp_path: Path, syntax: str) -> None:
    write_series(tmp_path, syntax=syntax)
    np.testing.assert_array_equal(read_only(tmp_path).array_DHW[:, 10, 9], [0, 10, 20, 30])


def test_lossless_jpeg_is_decoded(tmp_path: Path) -> None:
    gdcm = pytest.importorskip("gdcm")
    write_series(tmp_path / "plain")
    (tmp_path / "jpeg").mkdir()
    for path in (tmp_path / "plain").iterdir():
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(tmp_path / "jpeg" / path.name))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
    np.testing.assert_array_equal(read_only(tmp_path / "jpeg").array_DHW, read_only(tmp_path / "plain").array_DHW)


def test_uneven_slices_are_resampled_to_their_smallest_step(tmp_path: Path) -> None:
    write_series(tmp_path, (0.0, 2.5, 5.0, 10.0, 15.0))
    volume = read_only(tmp_path)
    np.testing.assert_array_equal(volume.array_DHW[:, 10, 9], [0, 10, 20, 25, 30, 35, 40])
    assert volume.spacing_DHW_mm[0] == 2.5
    assert volume.warnings == (
        "the slice steps are uneven (2 of 2.5 mm, 2 of 5 mm): resampled along the slice axis to 2.5 mm",
    )


def test_a_missing_slice_is_interpolated_and_named(tmp_path: Path) -> None:
    write_series(tmp_path, (0.0, 5.0, 10.0, 20.0, 25.0, 30.0))
    volume = read_only(tmp_path)
    np.testing.assert_array_equal(volume.array_DHW[:, 10, 9], [0, 10, 20, 25, 30, 40, 50])
    assert volume.warnings == (
        "1 slice is missing (after number 3 from below) and interpolated: resampled along the slice axis to 5 mm",
    )


def test_a_series_of_any_three_steps_keeps_both_of_its_ends() -> None:
    stack = stack_slices(along(0.0, 1.14, 5.36, 12.74), ROW, COLUMN, (0.5, 0.5))
    assert stack.at_D is not None
    assert len(stack.at_D) == 13  # 12.74 / 1.14 = 11.2, so 12 steps of 1.06 mm
    assert stack.step_mm == pytest.approx(12.74 / 12)
    assert stack.at_D[0] == 0.0
    assert stack.at_D[-1] == 3.0
    assert stack.at_D[1] == pytest.approx(12.74 / 12 / 1.14)
    assert "1 of 1.14 mm, 1 of 4.22 mm, 1 of 7.38 mm" in stack.warnings[0]


def test_positions_with_rounding_are_even() -> None:
    stack = stack_slices(along(0.0, 4.5, 9.01, 13.49, 18.0), ROW, COLUMN, (0.5, 0.5))
    assert stack.at_D is None
    assert stack.warnings == ()
    assert stack.step_mm == pytest.approx(4.5)


@pytest.mark.parametrize(
    ("positions_N3", "reason"),
    [
        (along(0, 0, 5, 5, 10, 10), "3 of its slices lie where another does: it mixes several scans"),
        (along(0, 5, 10, 10.2, 15), "1 of its slices lie where another does"),
        (along(0, 0, 0, 0), "3 of its slices lie where another does"),
        (along(0, 5, 10, 60, 65), "between two of its slices is a gap of 50 mm: a part is missing"),
        (np.array([(0, 0, 0), (30, 0, 5), (0, 0, 10), (0, 0, 15)], dtype=float), "up to 30 mm beside one line"),
    ],
    ids=["doubled", "nearly doubled", "perfusion", "gap", "beside"],
)
def test_slices_that_make_no_grid_are_refused(positions_N3: np.ndarray, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        stack_slices(positions_N3, ROW, COLUMN, (0.5, 0.5))


def test_skewed_pixels_are_refused() -> None:
    with pytest.raises(BadInput, match="no right-angled pixels"):
        stack_slices(along(0, 5, 10, 15), ROW, np.array([0.2, 1.0, 0.0]), (0.5, 0.5))


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"Modality": "MR"}, "is not CT"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "is a screen capture"),
        ({"SamplesPerPixel": 3}, "is a colour picture"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "is a localizer"),
        ({"RescaleType": "Z_EFF"}, "is a map of another unit than HU"),
        ({"NumberOfFrames": 2}, "is a multi-frame object: split it"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2.1"}, "is a multi-frame object that does not describe each frame"),
        ({"ImagePositionPatient": None}, "does not say where its slices lie"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "its slices are not axial"),
    ],
    ids=["MR", "capture", "colour", "localizer", "unit", "frames", "enhanced", "no place", "coronal"],
)
def test_what_is_no_axial_ct_volume_is_refused(tmp_path: Path, tags: dict[str, object], reason: str) -> None:
    write_series(tmp_path, **tags)
    assert refusal(tmp_path).startswith(reason)


def test_three_slices_are_no_volume(tmp_path: Path) -> None:
    write_series(tmp_path, (0.0, 5.0, 10.0))
    assert refusal(tmp_path) == "has only 3 slices"


def test_a_scout_of_the_same_series_is_split_off(tmp_path: Path) -> None:
    write_series(tmp_path)
    write_slice(tmp_path / "scout.dcm", ImageOrientationPatient=[0, 1, 0, 0, 0, -1], instance=0)
    write_slice(tmp_path / "other.dcm", head_HW(20), instance=99)
    series = list_series(tmp_path).series
    assert sorted(len(one.paths) for one in series) == [1, 1, 4]
    assert sorted(one.refusal or "" for one in series) == ["", "has only 1 slice", "has only 1 slice"]
    assert {one.num_series for one in series} == {3}


@pytest.mark.parametrize("content", [b"", b"\0" * 128 + b"DICM" + b"\x02\x00\x00"], ids=["empty", "cut off"])
def test_a_damaged_file_refuses_the_series_beside_it_and_no_other(tmp_path: Path, content: bytes) -> None:
    write_series(tmp_path / "a")
    (tmp_path / "a" / "Doe_Jane_s1_001.dcm").write_bytes(content)
    write_series(tmp_path / "b", series=2)
    listing = list_series(tmp_path)
    refusals = sorted(one.refusal or "" for one in listing.series)
    assert refusals[0] == ""
    assert refusals[1] == "has only 3 slices"
    write_series(tmp_path / "c", (0.0, 5.0, 10.0, 15.0, 20.0), series=3)
    (tmp_path / "c" / "Doe_Jane_s3_002.dcm").write_bytes(content)
    told = [one.refusal for one in list_series(tmp_path).series if len(one.paths) == 4 and one.refusal]
    assert len(told) == 1
    assert told[0].startswith("files beside it are empty, cut off or unreadable (number 3 of the folder, by name)")


@pytest.mark.parametrize("share", np.linspace(0.02, 0.98, 20))
def test_a_slice_cut_off_anywhere_is_never_read_as_whole(tmp_path: Path, share: float) -> None:
    write_series(tmp_path, (0.0, 5.0, 10.0, 15.0, 20.0))
    path = tmp_path / "Doe_Jane_s1_002.dcm"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for series in list_series(tmp_path).series:
        with pytest.raises(BadInput) as caught:
            read_series(series)
        message = str(caught.value)
        assert "\n" not in message
        assert not any(name in message for name in (*PLANTED, "Doe_Jane"))


def test_other_files_and_links_that_go_round_do_no_harm(tmp_path: Path) -> None:
    write_series(tmp_path / "scan")
    (tmp_path / "scan" / "notes.txt").write_text("seen by nobody")
    (tmp_path / "scan" / "done.flag").write_bytes(b"")
    (tmp_path / "scan" / ".DS_Store").write_bytes(b"")
    (tmp_path / "scan" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "scan" / "self").symlink_to(tmp_path / "scan" / "self")
    listing = list_series(tmp_path)
    assert [one.refusal for one in listing.series] == [None]
    assert listing.notes == ("files that are no DICOM, left out: 3",)


def test_an_unreadable_slice_refuses_its_series(as_nobody: Path) -> None:
    write_series(as_nobody, (0.0, 5.0, 10.0, 15.0, 20.0))
    (as_nobody / "Doe_Jane_s1_002.dcm").chmod(0)
    assert refusal(as_nobody).startswith("files beside it are empty, cut off or unreadable (number 3")


def test_a_folder_without_dicom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no scan")
    with pytest.raises(BadInput, match=r"holds no readable DICOM file \(1 other files\)"):
        list_series(tmp_path)
    (tmp_path / "a.dcm").write_bytes(b"")
    with pytest.raises(BadInput, match=r"\(1 damaged files and 1 others\)"):
        list_series(tmp_path)
    with pytest.raises(BadInput, match="no such folder"):
        list_series(tmp_path / "nowhere")


def test_the_order_of_series_does_not_hang_on_file_names(tmp_path: Path) -> None:
    for folder, names in (("one", ("a", "b", "c")), ("two", ("z", "y", "x"))):
        for number, name in enumerate(names, start=1):
            write_series(tmp_path / folder / name, patient=f"P{number}", study=number)
    orders = [[one.patient for one in list_series(tmp_path / folder).series] for folder in ("one", "two")]
    assert orders[0] == orders[1]


def test_neither_names_nor_ids_are_in_the_text_of_a_series(tmp_path: Path) -> None:
    write_series(tmp_path)
    text = repr(list_series(tmp_path))
    assert not any(name in text for name in (*PLANTED, "Doe_Jane", "1.2.826"))


@pytest.mark.realdata
def test_the_tilted_phantom_is_read_as_it_was_scanned(real_data: Path) -> None:
    volume = read_only(real_data / "dicom_tilted_phantom")
    assert volume.array_DHW.shape == (54, 512, 512)
    assert volume.spacing_DHW_mm == pytest.approx((2.5, 0.482421875, 0.482421875))
    along_w, along_h, along_d = volume.affine[:3, :3].T
    normal = np.cross(along_w, along_h) / np.linalg.norm(along_w) / np.linalg.norm(along_h)
    tilt_deg = np.rad2deg(np.arccos(normal @ along_d / np.linalg.norm(along_d)))
    assert tilt_deg == pytest.approx(18.5, abs=0.1)
    assert volume.warnings == ("the gantry was tilted by 18.5 degrees",)
    skull_DHW = volume.array_DHW[:, 30:, 90:400] > 300  # without the table's shell
    crown_W, middle_W = (np.flatnonzero(skull_DHW[index].any(axis=0)) for index in (52, 27))
    assert np.ptp(crown_W) < 0.7 * np.ptp(middle_W)  # the crown is on top
    # Patients lie on their backs: the table's shell is behind the head.
    plastic_H = (volume.array_DHW[27] > -200).sum(axis=1)
    assert plastic_H[:50].sum() > 0
    assert plastic_H[-90:].sum() == 0
