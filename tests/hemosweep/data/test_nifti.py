import gzip
import itertools
import os
import struct
import warnings
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hemosweep.data.nifti import Volume, read_volume, write_volume
from hemosweep.errors import BadInput

SPACING_DHW_MM = (5.0, 2.0, 1.0)
CORNER_WHD_MM = (-10.0, -20.0, 30.0)  # of the most left, posterior and inferior voxel
# Voxel (d, h, w) holds the number 100 d + 10 h + w.
RAS_DHW = np.add.outer(100 * np.arange(2), np.add.outer(10 * np.arange(3), np.arange(4))).astype(np.int16)
RAS_AFFINE = np.array([[1, 0, 0, -10], [0, 2, 0, -20], [0, 0, 5, 30], [0, 0, 0, 1]], dtype=float)

# Header fields of NIfTI-1 by their byte offsets (nifti1.h).
DIM, DATATYPE, VOX_OFFSET, SCL_SLOPE, SCL_INTER, SROW = 40, 70, 108, 112, 116, 280


def nifti_bytes(array_IJK: NDArray[np.int16], srow: object, *, slope: float = 0.0, inter: float = 0.0) -> bytearray:
    """A NIfTI-1 file of int16 voxels, made without nibabel."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, DIM, array_IJK.ndim, *array_IJK.shape, *[1] * (7 - array_IJK.ndim))
    struct.pack_into("<2h", header, DATATYPE, 4, 16)
    struct.pack_into("<8f", header, 76, 1.0, 1.0, 2.0, 5.0, 0.0, 0.0, 0.0, 0.0)
    struct.pack_into("<3f", header, VOX_OFFSET, 352.0, slope, inter)
    struct.pack_into("<2h", header, 252, 0, 1)  # qform_code, sform_code
    struct.pack_into("<12f", header, SROW, *np.asarray(srow, dtype=float).ravel())
    struct.pack_into("<4s", header, 344, b"n+1")
    return header + array_IJK.astype("<i2").tobytes(order="F")


def ras_bytes() -> bytearray:
    return nifti_bytes(RAS_DHW.transpose(2, 1, 0), RAS_AFFINE[:3])


@pytest.mark.parametrize(
    ("array_IJK", "srow"),
    [
        pytest.param(RAS_DHW.transpose(2, 1, 0), RAS_AFFINE[:3], id="RAS"),
        pytest.param(
            RAS_DHW.transpose(2, 1, 0)[::-1],
            [[-1, 0, 0, -7], [0, 2, 0, -20], [0, 0, 5, 30]],
            id="LAS: i runs to the left",
        ),
        pytest.param(
            RAS_DHW.transpose(2, 1, 0)[::-1, ::-1],
            [[-1, 0, 0, -7], [0, -2, 0, -16], [0, 0, 5, 30]],
            id="LPS: i runs to the left, j to the back",
        ),
        pytest.param(
            RAS_DHW.transpose(2, 1, 0)[:, :, ::-1], [[1, 0, 0, -10], [0, 2, 0, -20], [0, 0, -5, 35]], id="RAI"
        ),
        pytest.param(
            RAS_DHW.transpose(1, 0, 2), [[0, 0, 1, -10], [2, 0, 0, -20], [0, 5, 0, 30]], id="ASR: sagittal slices"
        ),
    ],
)
def test_each_orientation_on_disk_is_read_as_the_same_ras_volume(
    tmp_path: Path, array_IJK: NDArray[np.int16], srow: object
) -> None:
    path = tmp_path / "scan.nii"
    path.write_bytes(nifti_bytes(array_IJK, srow))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array_DHW, RAS_DHW)
    np.testing.assert_allclose(volume.affine, RAS_AFFINE)
    assert volume.spacing_DHW_mm == pytest.approx(SPACING_DHW_MM)
    assert volume.voxel_ml == pytest.approx(0.010)
    assert volume.array_DHW.flags.c_contiguous


def test_an_oblique_scan_keeps_its_spacing_and_place(tmp_path: Path) -> None:
    turn = np.deg2rad(18.5)  # gantry tilt about the left-right axis
    affine = RAS_AFFINE.copy()
    affine[:3, :3] = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]]) @ np.diag(
        [1.0, 2.0, 5.0]
    )
    write_volume(tmp_path / "scan.nii.gz", Volume(array_DHW=RAS_DHW, affine=affine))
    volume = read_volume(tmp_path / "scan.nii.gz")
    np.testing.assert_array_equal(volume.array_DHW, RAS_DHW)
    np.testing.assert_allclose(volume.affine, affine, atol=1e-5)
    assert volume.spacing_DHW_mm == pytest.approx(SPACING_DHW_MM)


def test_slope_and_intercept_of_the_header_are_applied(tmp_path: Path) -> None:
    stored_DHW = np.full((2, 3, 4), 512, dtype=np.int16)
    stored_DHW[1, 2, 3] = 600
    path = tmp_path / "scan.nii"
    for array_IJK, srow in (
        (stored_DHW.transpose(2, 1, 0), RAS_AFFINE[:3]),
        (stored_DHW.transpose(2, 1, 0)[::-1], [[-1, 0, 0, -7], [0, 2, 0, -20], [0, 0, 5, 30]]),
    ):
        path.write_bytes(nifti_bytes(array_IJK, srow, slope=2.0, inter=-1024.0))
        hu_DHW = read_volume(path).array_DHW
        assert hu_DHW[0, 0, 0] == 0.0
        assert hu_DHW[1, 2, 3] == 176.0


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_a_written_volume_is_read_back_as_it_was(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "new" / "folder" / "scan.nii.gz"
    write_volume(path, Volume(array_DHW=RAS_DHW.astype(dtype), affine=RAS_AFFINE))
    volume = read_volume(path)
    assert volume.array_DHW.dtype == dtype
    np.testing.assert_array_equal(volume.array_DHW, RAS_DHW.astype(dtype))
    np.testing.assert_allclose(volume.affine, RAS_AFFINE, atol=1e-6)
    assert [entry.name for entry in path.parent.iterdir()] == ["scan.nii.gz"]


def test_a_written_file_is_ras_in_millimetres_for_any_reader(tmp_path: Path) -> None:
    write_volume(tmp_path / "scan.nii.gz", Volume(array_DHW=RAS_DHW, affine=RAS_AFFINE))
    raw = gzip.decompress((tmp_path / "scan.nii.gz").read_bytes())
    assert struct.unpack_from("<4h", raw, DIM) == (3, 4, 3, 2)
    assert raw[123] & 7 == 2  # xyzt_units: millimetres
    assert struct.unpack_from("<12f", raw, SROW) == tuple(RAS_AFFINE[:3].ravel())
    voxels = np.frombuffer(raw, dtype="<i2", offset=352).reshape(4, 3, 2, order="F")
    np.testing.assert_array_equal(voxels, RAS_DHW.transpose(2, 1, 0))


def test_the_same_volume_gives_the_same_bytes_at_any_time_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = Volume(array_DHW=RAS_DHW, affine=RAS_AFFINE)
    write_volume(tmp_path / "a" / "scan.nii.gz", volume)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    write_volume(tmp_path / "b" / "scan.nii.gz", volume)
    assert (tmp_path / "a" / "scan.nii.gz").read_bytes() == (tmp_path / "b" / "scan.nii.gz").read_bytes()


def test_writing_replaces_an_older_file(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    path.write_text("older")
    write_volume(path, Volume(array_DHW=RAS_DHW, affine=RAS_AFFINE))
    np.testing.assert_array_equal(read_volume(path).array_DHW, RAS_DHW)
    assert os.listdir(tmp_path) == ["scan.nii.gz"]


def damaged(at: int, form: str, *values: float) -> bytes:
    raw = ras_bytes()
    struct.pack_into(form, raw, at, *values)
    return bytes(raw)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("scan.nii.gz", b"participant_id\tpatient_id\n", "not a readable NIfTI file"),
        ("scan.nii.gz", gzip.compress(bytes(ras_bytes()), mtime=0)[:-20], "not a readable NIfTI file"),
        ("scan.nii.gz", b"", "not a readable NIfTI file"),
        ("scan.nii", bytes(ras_bytes())[:-10], "not a readable NIfTI file"),
        ("scan.nii", b"\0" * 400, "not a readable NIfTI file"),
        ("scan.nii", damaged(DATATYPE, "<h", 12345), "not a readable NIfTI file"),
        ("scan.nii", damaged(VOX_OFFSET, "<f", 20.0), "not a readable NIfTI file"),
        ("scan.nii", damaged(DIM + 2, "<h", -4), "not a readable NIfTI file"),
        ("scan.nii", damaged(SROW, "<4f", 0.0, 0.0, 0.0, 0.0), "not a readable NIfTI file"),
        ("scan.nii", damaged(SROW, "<f", np.nan), "not a readable NIfTI file"),
        ("scan.nii", damaged(SROW + 12, "<f", np.nan), "voxel size and place"),
        ("scan.nii", damaged(SROW, "<f", 1e-30), "voxel size and place"),
        ("scan.nii", damaged(DATATYPE, "<2h", 32, 64) + b"\0" * 200, "has voxels of type complex64"),
        (
            "scan.nii.gz",
            gzip.compress(nifti_bytes(np.zeros((4, 3, 2, 2), dtype=np.int16), RAS_AFFINE[:3]), mtime=0),
            r"has shape \(4, 3, 2, 2\), not one 3D volume; export a single series",
        ),
        (
            "scan.nii",
            bytes(nifti_bytes(np.zeros((4, 3), dtype=np.int16), RAS_AFFINE[:3])),
            r"has shape \(4, 3\), not one 3D volume",
        ),
    ],
    ids=[
        "text", "cut", "empty", "cut .nii", "zeros", "unknown datatype", "impossible offset", "negative size",
        "flat affine", "affine of NaN", "place of NaN", "no voxel size", "complex", "4D", "2D",
    ],
)  # fmt: skip
def test_an_unusable_file_is_refused_by_name_in_one_line(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadInput, match=reason) as caught:
        read_volume(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert ";" in message  # the way out follows
    assert "\n" not in message


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "scan.nii.gz", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(BadInput, match="no such file; check"):
            read_volume(path)


def test_a_colour_picture_is_refused(tmp_path: Path) -> None:
    rgb = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(np.zeros((4, 3, 2), dtype=rgb), RAS_AFFINE), tmp_path / "scan.nii.gz")
    with pytest.raises(BadInput, match="is a colour picture, not a scan; export the original series"):
        read_volume(tmp_path / "scan.nii.gz")


def test_a_series_of_one_volume_is_read_as_that_volume(tmp_path: Path) -> None:
    for shape in ((4, 3, 2, 1), (4, 3, 2, 1, 1)):
        array = RAS_DHW.transpose(2, 1, 0).reshape(shape)
        (tmp_path / "scan.nii").write_bytes(nifti_bytes(array, RAS_AFFINE[:3]))
        np.testing.assert_array_equal(read_volume(tmp_path / "scan.nii").array_DHW, RAS_DHW)


def test_another_format_named_like_nifti_is_refused(tmp_path: Path) -> None:
    nib.save(nib.MGHImage(RAS_DHW.astype(np.int32), RAS_AFFINE), tmp_path / "scan.mgz")
    with pytest.raises(BadInput, match="not a readable NIfTI file"):
        read_volume(tmp_path / "scan.mgz")


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nii"])
def test_a_link_to_itself_is_refused_as_missing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(tmp_path / name)
    with pytest.raises(BadInput, match="no such file"):
        read_volume(tmp_path / name)


def test_a_file_that_may_not_be_read_is_refused_in_one_line(as_nobody: Path) -> None:
    (as_nobody / "scan.nii").write_bytes(ras_bytes())
    (as_nobody / "scan.nii").chmod(0)
    with pytest.raises(BadInput, match="not a readable NIfTI file") as caught:
        read_volume(as_nobody / "scan.nii")
    assert "\n" not in str(caught.value)


def test_stored_integers_stay_so_and_scaled_ones_become_single_precision(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii"
    for slope, inter, dtype in ((1.0, 0.0, np.int16), (0.0, 0.0, np.int16), (1.0, -1024.0, np.float32)):
        path.write_bytes(nifti_bytes(RAS_DHW.transpose(2, 1, 0), RAS_AFFINE[:3], slope=slope, inter=inter))
        volume = read_volume(path)
        assert volume.array_DHW.dtype == dtype
        np.testing.assert_array_equal(volume.array_DHW, RAS_DHW + inter)


def with_forms(
    path: Path, sform: NDArray[np.float64], qform: NDArray[np.float64], codes: tuple[int, int] = (1, 1)
) -> Volume:
    image = nib.Nifti1Image(RAS_DHW.transpose(2, 1, 0), None)
    image.header.set_xyzt_units("mm")
    image.set_qform(qform, code=codes[1])
    image.set_sform(sform, code=codes[0], update_affine=True)
    nib.save(image, path)
    return read_volume(path)


SHEARED = RAS_AFFINE.copy()
SHEARED[1, 2] = 5.0 * np.tan(np.deg2rad(18.5))


@pytest.mark.parametrize("qform", [SHEARED, RAS_AFFINE], ids=["nearest rotation", "unsheared"])
def test_a_sheared_sform_beside_a_qform_without_shear_is_no_contradiction(
    tmp_path: Path, qform: NDArray[np.float64]
) -> None:
    volume = with_forms(tmp_path / "scan.nii", SHEARED, qform)
    np.testing.assert_allclose(volume.affine, SHEARED, atol=1e-5)
    assert volume.warnings == ()
    assert volume.voxel_ml == pytest.approx(0.010)  # 1 x 2 x 5 mm, however far the slices are shifted


def turned(degrees: float) -> NDArray[np.float64]:
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    affine = RAS_AFFINE.copy()
    affine[:3, :3] = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ affine[:3, :3]
    return affine


@pytest.mark.parametrize(
    ("qform", "what"),
    [
        (RAS_AFFINE * [[-1.0], [1.0], [1.0], [1.0]], "left and right and place"),
        (RAS_AFFINE @ np.diag([1.0, 1.0, 0.5, 1.0]), "voxel size"),
        (turned(10.0), "orientation (by 10 degrees)"),
        (np.add(RAS_AFFINE, [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 40], [0, 0, 0, 0]]), "place"),
    ],
    ids=["flipped", "spacing", "turned", "moved"],
)
def test_an_sform_and_a_qform_that_contradict_each_other_are_told(
    tmp_path: Path, qform: NDArray[np.float64], what: str
) -> None:
    volume = with_forms(tmp_path / "scan.nii", RAS_AFFINE, qform)
    np.testing.assert_allclose(volume.affine, RAS_AFFINE, atol=1e-5)
    assert volume.warnings == (f"the header's sform and qform disagree on {what}; the sform is used",)


def test_forms_that_differ_by_rounding_are_not_told(tmp_path: Path) -> None:
    assert with_forms(tmp_path / "scan.nii", RAS_AFFINE, turned(0.2)).warnings == ()


def test_the_qform_alone_is_used_and_neither_is_told(tmp_path: Path) -> None:
    volume = with_forms(tmp_path / "scan.nii", turned(30.0), RAS_AFFINE, codes=(0, 1))
    np.testing.assert_allclose(volume.affine, RAS_AFFINE, atol=1e-5)
    assert volume.warnings == ()
    volume = with_forms(tmp_path / "scan.nii", RAS_AFFINE, RAS_AFFINE, codes=(0, 0))
    assert volume.warnings == ("the header says nothing about orientation: left and right are a guess; check them",)


@settings(max_examples=150)
@given(st.integers(0, 351), st.integers(0, 255))
@example(43, 128)
@example(287, 127)
def test_a_header_with_any_byte_changed_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    raw = ras_bytes()
    raw[at] = value
    path = tmp_path_factory.getbasetemp() / "changed.nii"
    path.write_bytes(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflows in numbers that are nonsense anyway
        try:
            volume = read_volume(path)
        except BadInput as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert volume.array_DHW.ndim == 3
            assert np.isfinite(volume.affine).all()
            assert min(volume.spacing_DHW_mm) > 0


ORIENTATIONS = [
    (axes, flips) for axes in itertools.permutations(range(3)) for flips in itertools.product((1, -1), repeat=3)
]


@pytest.mark.parametrize(("axes", "flips"), ORIENTATIONS)
def test_a_volume_goes_back_to_the_grid_of_its_file_in_each_of_the_48_orientations(
    tmp_path: Path, axes: tuple[int, int, int], flips: tuple[int, int, int]
) -> None:
    rng = np.random.default_rng(ORIENTATIONS.index((axes, flips)))
    array_IJK = rng.integers(-1000, 1000, (3, 4, 5), dtype=np.int16)
    affine = np.eye(4)
    affine[:3, :3] = 0.0
    for stored, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        affine[axis, stored] = flip * (0.5, 1.25, 5.0)[stored]
    turn = np.deg2rad(12.0)
    affine[:3, :3] = [[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]] @ affine[:3, :3]
    affine[:3, 3] = (-31.0, 17.5, 402.25)
    image = nib.Nifti1Image(array_IJK, affine)
    image.header.set_sform(affine, code=1)
    image.header.set_qform(affine, code=3)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, tmp_path / "scan.nii.gz")
    volume = read_volume(tmp_path / "scan.nii.gz")
    mask_DHW = (volume.array_DHW > 0).astype(np.uint8)
    write_volume(tmp_path / "mask.nii.gz", replace(volume, array_DHW=mask_DHW), like=volume.file_grid)
    written, original = nib.load(tmp_path / "mask.nii.gz"), nib.load(tmp_path / "scan.nii.gz")
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), array_IJK > 0)
    assert written.get_data_dtype() == np.uint8
    np.testing.assert_allclose(written.affine, original.affine, atol=1e-6)
    for form in ("get_sform", "get_qform"):
        (own, code), (expected, expected_code) = (getattr(one, form)(coded=True) for one in (written, original))
        assert code == expected_code
        np.testing.assert_allclose(own, expected, atol=1e-5)
    assert written.header.get_xyzt_units() == ("mm", "sec")
    np.testing.assert_array_equal(read_volume(tmp_path / "mask.nii.gz").array_DHW, mask_DHW)


@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 2), (2, 4)])
def test_a_file_of_any_codes_is_the_grid_of_its_mask(tmp_path: Path, codes: tuple[int, int]) -> None:
    affine = np.array([[-0.5, 0, 0, 40], [0, -0.5, 0, 60], [0, 0, 5, -30], [0, 0, 0, 1]], dtype=float)
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), affine)
    image.header.set_sform(affine, code=codes[0])
    image.header.set_qform(affine, code=codes[1])
    nib.save(image, tmp_path / "scan.nii")
    original, volume = nib.load(tmp_path / "scan.nii"), read_volume(tmp_path / "scan.nii")
    write_volume(tmp_path / "mask.nii", volume, like=volume.file_grid)
    written = nib.load(tmp_path / "mask.nii")
    np.testing.assert_allclose(written.affine, original.affine, atol=1e-6)
    for name in ("sform_code", "qform_code", "xyzt_units"):
        assert written.header[name] == original.header[name], name
    np.testing.assert_allclose(written.header.get_zooms(), original.header.get_zooms(), atol=1e-6)
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), np.asanyarray(original.dataobj))
