"""One row of a data set with everything that can be wrong with its files."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume, write_volume
from hemosweep.data.reading import read_case
from hemosweep.errors import BadInput

AFFINE = np.array([[0.45, 0, 0, -100], [0, 0.45, 0, -120], [0, 0, 5, 20], [0, 0, 0, 1]])


def lesion() -> NDArray[np.uint8]:
    mask_DHW = np.zeros((3, 5, 40), dtype=np.uint8)
    mask_DHW[1, 2:4, 3:6] = 1
    return mask_DHW


@dataclass(kw_only=True)
class Files:
    """Files of the case; a test changes one thing of it."""

    ct_DHW: NDArray[np.generic] = field(default_factory=lambda: np.full((3, 5, 40), 30, dtype=np.int16))
    lesion_DHW: NDArray[np.generic] = field(default_factory=lesion)
    ct_affine: NDArray[np.float64] = field(default_factory=AFFINE.copy)
    lesion_affine: NDArray[np.float64] = field(default_factory=AFFINE.copy)

    def write(self, folder: Path) -> Case:
        case = Case(
            case_id="sub-007",
            patient_id="P7",
            ivh=None,
            ct_path=folder / "sub-007_ct.nii.gz",
            lesion_path=folder / "sub-007_label-lesion_mask.nii.gz",
        )
        write_volume(case.ct_path, Volume(array_DHW=self.ct_DHW, affine=self.ct_affine))
        write_volume(case.lesion_path, Volume(array_DHW=self.lesion_DHW, affine=self.lesion_affine))
        return case


def test_a_good_case_is_read_as_hu_and_mask(tmp_path: Path) -> None:
    raw = read_case(Files().write(tmp_path))
    assert raw.ct.array_DHW.dtype == np.float32
    assert (raw.ct.array_DHW == 30.0).all()
    assert raw.lesion_DHW.dtype == bool
    assert raw.lesion_DHW.sum() == 6
    np.testing.assert_allclose(raw.ct.affine, AFFINE, atol=1e-5)


def test_a_mask_stored_in_another_orientation_is_read_onto_the_ct(tmp_path: Path) -> None:
    files = Files()
    case = files.write(tmp_path)
    flipped = AFFINE @ np.array([[-1.0, 0, 0, 39], [0, -1, 0, 4], [0, 0, 1, 0], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(lesion().transpose(2, 1, 0)[::-1, ::-1].copy(), flipped), case.lesion_path)
    np.testing.assert_array_equal(read_case(case).lesion_DHW, lesion() == 1)


def test_headers_that_differ_by_rounding_alone_are_the_same_place(tmp_path: Path) -> None:
    rounded = AFFINE.copy()
    rounded[:3, 3] += 0.02
    rounded[0, 0] = 0.4501
    assert read_case(Files(lesion_affine=rounded).write(tmp_path)).lesion_DHW.sum() == 6


def test_ivh_is_told_as_the_table_says_it() -> None:
    def text(ivh: bool | None) -> str:
        case = Case(case_id="a", patient_id="p", ivh=ivh, ct_path=Path("ct"), lesion_path=Path("lesion"))
        return case.ivh_text

    assert [text(True), text(False), text(None)] == ["yes", "no", "n/a"]


def changed(array: NDArray[np.generic], value: float) -> NDArray[np.float32]:
    copy = array.astype(np.float32)
    copy[0, 0, :2] = value
    return copy


def moved(row: int, column: int, value: float) -> NDArray[np.float64]:
    affine = AFFINE.copy()
    affine[row, column] += value
    return affine


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (Files(lesion_DHW=lesion()[:, :, 1:]), ("(39, 5, 3)", "(40, 5, 3)", "label-lesion_mask", "CT's grid")),
        (Files(lesion_affine=moved(2, 3, 5.0)), ("label-lesion_mask", "different places", "draw it on the CT")),
        # 9 micrometres a voxel add up: 0.35 mm at the fortieth, 4.6 mm at the 512th.
        (Files(lesion_affine=moved(0, 0, 0.009)), ("label-lesion_mask", "different places", "draw it on the CT")),
        (Files(lesion_DHW=0 * lesion()), ("label-lesion_mask", "empty", "remove the case's row or fix the mask")),
        (Files(lesion_DHW=255 * lesion()), ("label-lesion_mask", "other than 0 and 1 (255)", "binarise")),
        (Files(lesion_DHW=changed(lesion(), 0.5)), ("label-lesion_mask", "(0.5)", "binarise")),
        (Files(lesion_DHW=changed(lesion(), np.nan)), ("label-lesion_mask", "(nan)", "binarise")),
        (Files(ct_DHW=changed(Files().ct_DHW, np.nan)), ("sub-007_ct", "2 non-finite voxels", "convert the CT again")),
        (Files(ct_DHW=changed(Files().ct_DHW, -np.inf)), ("sub-007_ct", "2 non-finite voxels", "convert")),
    ],
    ids=[
        "shape", "moved", "other spacing", "empty", "255", "half", "NaN in the mask", "NaN in the CT", "inf in the CT",
    ],
)  # fmt: skip
def test_a_bad_case_is_refused_with_its_name_the_fault_and_the_way_out(
    tmp_path: Path, files: Files, words: tuple[str, ...]
) -> None:
    case = files.write(tmp_path)
    with pytest.raises(BadInput) as caught:
        read_case(case)
    message = str(caught.value)
    assert message.startswith("case sub-007: ")
    assert [word for word in words if word not in message] == []
    assert "\n" not in message


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("suffix", ["ct", "label-lesion_mask"])
@pytest.mark.parametrize(
    ("break_file", "words"),
    [
        (Path.unlink, "no "),
        (cut, "not a readable NIfTI file"),
        (lambda path: path.write_text("see the other folder\n"), "not a readable NIfTI file"),
        (lambda path: nib.save(nib.Nifti1Image(np.zeros((40, 5, 3, 2), np.int16), AFFINE), path), "not one 3D volume"),
    ],
    ids=["missing", "truncated", "text", "4D"],
)
def test_an_unreadable_file_is_named(
    tmp_path: Path, suffix: str, break_file: Callable[[Path], object], words: str
) -> None:
    case = Files().write(tmp_path)
    path = tmp_path / f"sub-007_{suffix}.nii.gz"
    break_file(path)
    with pytest.raises(BadInput) as caught:
        read_case(case)
    message = str(caught.value)
    assert str(path) in message
    assert words in message
    assert ";" in message
    assert "\n" not in message
