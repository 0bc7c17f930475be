"""Masks that are pictures or probabilities, read where they have one meaning."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from hemosweep.data.case import Case
from hemosweep.data.nifti import read_volume
from hemosweep.data.reading import MaskFault, read_case
from hemosweep.errors import BadInput
from hemosweep.qc import check_dataset

RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
RGBA = np.dtype([*RGB.descr, ("A", "u1")])
INSIDE = np.zeros((4, 3, 2), dtype=bool)
INSIDE[1:3, 2, 1] = True


def painted(colours: dict[tuple[int, ...], NDArray[np.bool_]], dtype: np.dtype) -> NDArray[np.void]:
    voxels = np.zeros(INSIDE.shape, dtype=dtype)
    for colour, where in colours.items():
        voxels[where] = colour
    return voxels


def probabilities(*, edge: float = 0.4) -> NDArray[np.float32]:
    values = np.where(INSIDE, np.float32(0.9), np.float32(0.02))
    values[0, 0, 0] = edge
    return values


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A case whose mask a test writes with `put`."""
    case = Case(
        case_id="sub-1",
        patient_id="P",
        ivh=None,
        ct_path=tmp_path / "sub-1" / "ct" / "sub-1_ct.nii.gz",
        lesion_path=tmp_path / "sub-1" / "ct" / "sub-1_label-lesion_mask.nii.gz",
    )
    case.ct_path.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(np.full(INSIDE.shape, 30, dtype=np.int16), np.eye(4)), case.ct_path)
    (tmp_path / "participants.tsv").write_text("participant_id\tpatient_id\tivh\nsub-1\tP\tno\n")
    return case


def put(case: Case, voxels: NDArray[np.generic]) -> None:
    assert case.lesion_path is not None
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), case.lesion_path)


RED_AND_WHITE = {(255, 0, 0): INSIDE, (255, 255, 255): np.roll(INSIDE, 1, axis=0) & ~INSIDE}


@pytest.mark.parametrize(
    "voxels",
    [
        painted({(255, 0, 0): INSIDE}, RGB),
        painted({(0, 0, 7, 255): INSIDE, (0, 0, 0, 255): ~INSIDE}, RGBA),
        np.where(INSIDE[..., None], np.uint8([0, 200, 10]), np.uint8(0)),
        np.where(INSIDE[:, :, :, None, None], np.uint8([1, 0, 0, 255]), np.uint8(0)),
    ],
    ids=["RGB", "RGBA", "three channels", "four channels, as ITK writes vectors"],
)
def test_a_picture_of_one_colour_is_a_mask_with_a_warning(case: Case, voxels: NDArray[np.generic]) -> None:
    put(case, voxels)
    raw = read_case(case)
    np.testing.assert_array_equal(raw.lesion_DHW, INSIDE.transpose(2, 1, 0))
    (text,) = [text for text in raw.warnings if "colour" in text]
    assert text.startswith("mask label-lesion_mask.nii.gz is a colour picture: its only colour (")


def test_probabilities_are_cut_at_half_with_a_warning(case: Case) -> None:
    put(case, probabilities())
    raw = read_case(case)
    np.testing.assert_array_equal(raw.lesion_DHW, INSIDE.transpose(2, 1, 0))
    assert "voxels of at least 0.5 are taken as the mask" in raw.warnings[-1]
    report = check_dataset(case.ct_path.parents[2], jobs=1, progress=lambda done, total: None)
    assert [(one.severity, one.message) for one in report.problems if one.kind == "mask-values"] == [
        ("warning", raw.warnings[-1])
    ]


@pytest.mark.parametrize(
    ("voxels", "label", "words"),
    [
        (
            painted(RED_AND_WHITE, RGB),
            None,
            "2 colours ((255, 0, 0), (255, 255, 255)), and which of them",
        ),
        (
            np.where(INSIDE[..., None], np.uint8([0, 1, 0]), np.uint8(0)),
            None,
            "has 3 channels of zeros and ones, which are labels and no colours; save it as one label map of numbers",
        ),
        (
            np.where(INSIDE[..., None], np.uint8([0, 0, 0, 255]), np.uint8(0)),
            None,
            "has voxels in its fourth channel alone",
        ),
        (probabilities(edge=0.5), None, "(0.5): 1 voxels are neither in nor out"),
        (probabilities() / 3, None, "probabilities up to 0.3, and none reaches 0.5"),
        (probabilities(), 2, "holds probabilities and no labels; leave --lesion-label out"),
        (probabilities() * 2, None, "values other than 0 and 1 (0.04, 0.8, 1.8)"),
    ],
    ids=[
        "two colours",
        "one-hot labels",
        "a fourth label",
        "a tie",
        "all below half",
        "with a label",
        "no probabilities",
    ],
)
def test_what_has_several_meanings_is_refused_with_the_trouble(
    case: Case, voxels: NDArray[np.generic], label: int | None, words: str
) -> None:
    put(case, voxels)
    with pytest.raises((MaskFault, BadInput)) as caught:
        read_case(case, lesion_label=label)
    assert words in str(caught.value)


def test_a_coloured_ct_is_still_no_scan(case: Case) -> None:
    put(case, painted({(255, 0, 0): INSIDE}, RGB))
    assert case.lesion_path is not None
    with pytest.raises(BadInput, match="is a colour picture, not a scan"):
        read_volume(case.lesion_path)
