"""Image files as other programs write them: MetaImage, NRRD, Analyze and NIfTI in two files."""

from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from hemosweep.data.images import read_image
from hemosweep.errors import BadInput

# Voxel (d, h, w) holds the number 100 d + 10 h + w; millimetres run to the right, the front and the head.
RAS_DHW = np.add.outer(100 * np.arange(2), np.add.outer(10 * np.arange(3), np.arange(4))).astype(np.int16)
RAS_AFFINE = np.array([[1, 0, 0, -10], [0, 2, 0, -20], [0, 0, 5, 30], [0, 0, 0, 1]], dtype=float)
TO_LPS = np.diag([-1.0, -1, 1, 1])
ORIENTATIONS = [
    pytest.param(
        axes, flips, id="".join(("RL", "AP", "SI")[axis][flip < 0] for axis, flip in zip(axes, flips, strict=True))
    )
    for axes in permutations(range(3))
    for flips in product((1, -1), repeat=3)
]


def turned(
    axes: tuple[int, ...], flips: tuple[int, ...], array_DHW: NDArray[np.generic] = RAS_DHW
) -> tuple[NDArray[np.generic], NDArray[np.float64]]:
    """The volume with file axis n along world axis `axes[n]`, and the file's matrix to RAS+ millimetres."""
    array_IJK = array_DHW.transpose(2, 1, 0).transpose(axes)[tuple(slice(None, None, flip) for flip in flips)]
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for place, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        matrix[axis, place] = flip
        matrix[axis, 3] += 0 if flip > 0 else array_IJK.shape[place] - 1
    return array_IJK, RAS_AFFINE @ matrix


def save_meta(path: Path, array_IJK: NDArray[np.generic], affine: NDArray[np.float64]) -> None:
    """Write by SimpleITK, whose millimetres run to the left, the back and the head."""
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array_IJK.transpose(2, 1, 0)))
    lps = TO_LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(path))


@pytest.mark.parametrize(("axes", "flips"), ORIENTATIONS)
def test_each_of_48_orientations_is_read_as_the_same_volume(
    tmp_path: Path, axes: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    array_IJK, affine = turned(axes, flips)
    save_meta(tmp_path / "scan.mha", array_IJK, affine)
    field = {"space": "right-anterior-superior", "space directions": affine[:3, :3].T, "space origin": affine[:3, 3]}
    nrrd.write(str(tmp_path / "scan.nrrd"), array_IJK, field)
    for name in ("scan.mha", "scan.nrrd"):
        volume = read_image(tmp_path / name)
        np.testing.assert_array_equal(volume.array_DHW, RAS_DHW)
        np.testing.assert_allclose(volume.affine, RAS_AFFINE, atol=1e-9)
        assert volume.warnings == ()


@pytest.mark.parametrize("name", ["scan.mhd", "scan.nhdr", "SCAN.MHA"])
def test_headers_apart_from_their_voxels_and_capitals_are_read(tmp_path: Path, name: str) -> None:
    save_meta(tmp_path / name.lower(), RAS_DHW.transpose(2, 1, 0), RAS_AFFINE)
    (tmp_path / name.lower()).rename(tmp_path / name)
    np.testing.assert_array_equal(read_image(tmp_path / name).array_DHW, RAS_DHW)


def test_nifti_in_two_files_has_its_place(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(*turned((0, 2, 1), (-1, 1, 1))), tmp_path / "scan.hdr")
    volume = read_image(tmp_path / "scan.hdr")
    np.testing.assert_array_equal(volume.array_DHW, RAS_DHW)
    np.testing.assert_allclose(volume.affine, RAS_AFFINE)
    assert volume.warnings == ()


def test_an_analyze_file_is_read_with_a_warning_that_left_and_right_are_a_guess(tmp_path: Path) -> None:
    array_IJK, affine = turned((0, 1, 2), (-1, 1, 1))
    nib.save(nib.AnalyzeImage(np.ascontiguousarray(array_IJK), affine), tmp_path / "scan.img")
    volume = read_image(tmp_path / "scan.hdr")
    np.testing.assert_array_equal(volume.array_DHW, RAS_DHW)
    assert volume.spacing_DHW_mm == (5.0, 2.0, 1.0)
    (text,) = volume.warnings
    assert text.startswith("an Analyze file says nothing of left and right")


def test_an_nrrd_file_that_names_no_space_is_warned_of(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "scan.nrrd"), RAS_DHW.transpose(2, 1, 0), {"spacings": [1, 2, 5]})
    (text,) = read_image(tmp_path / "scan.nrrd").warnings
    assert text.startswith("the header says nothing about orientation")


def test_a_mask_of_one_colour_is_read_from_any_format(tmp_path: Path) -> None:
    voxels = np.zeros((2, 3, 4, 3), dtype=np.uint8)
    voxels[1, 2, 3] = 255, 0, 0
    image = SimpleITK.GetImageFromArray(voxels, isVector=True)
    SimpleITK.WriteImage(image, str(tmp_path / "mask.mha"))
    volume = read_image(tmp_path / "mask.mha", as_mask=True)
    assert np.argwhere(volume.array_DHW).tolist() == [[1, 0, 0]]  # ITK's axes run to the left and the back
    with pytest.raises(BadInput, match="not one 3D volume"):
        read_image(tmp_path / "mask.mha")


@pytest.mark.parametrize(
    ("name", "words"),
    [("scan.nrrd", "not a readable NRRD file"), ("scan.mha", "not a readable MHA file"), ("scan.hdr", "scan.hdr: ")],
)
def test_a_damaged_or_missing_file_is_told_in_one_line(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_text("see the other disk\n")
    with pytest.raises(BadInput, match=words) as caught:
        read_image(tmp_path / name)
    assert "\n" not in str(caught.value)
    (tmp_path / "scan.img").touch()
    with pytest.raises(BadInput, match=words):
        read_image(tmp_path / name)
    (tmp_path / name).unlink()
    with pytest.raises(BadInput):
        read_image(tmp_path / name)
