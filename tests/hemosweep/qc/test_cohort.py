"""A data set in numbers: three small heads whose voxels are counted by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hemosweep.data.content import dataset_digest
from hemosweep.data.manifest import read_participants
from hemosweep.data.nifti import Volume, write_volume
from hemosweep.errors import BadInput
from hemosweep.qc.cohort import FIRST_HU, Cohort, describe_cohort

SPACING_DHW_MM = (8.0, 2.4, 2.4)
VOXEL_ML = 8.0 * 2.4 * 2.4 / 1000
SHAPE_DHW = (20, 70, 72)


def head_hu() -> NDArray[np.float32]:
    """Brain of 30 HU to 66 mm, bone to 74 mm, scalp of 40 HU to 80 mm."""
    z, y, x = (
        mm * (np.arange(size) - (size - 1) / 2).reshape([-1 if other == axis else 1 for other in range(3)])
        for axis, (mm, size) in enumerate(zip(SPACING_DHW_MM, SHAPE_DHW, strict=True))
    )
    radius_mm = np.sqrt(z**2 + y**2 + x**2)
    levels = [30.0, 1000.0, 40.0]
    return np.select([radius_mm < 66, radius_mm < 74, radius_mm < 80], levels, -1000.0).astype(np.float32)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sub-1: lesion of 10 voxels at 60 HU, IVH of 4 at 70; sub-2 of the same patient: tilted, lesion of 20 voxels;
    sub-3: an angiography, no masks; sub-4: no scan."""
    folder = tmp_path_factory.mktemp("cohort")
    upright = np.diag([2.4, 2.4, 8.0, 1.0])
    tilted = upright.copy()
    tilted[1, 2] = 8.0 * np.tan(np.deg2rad(10.0))
    for name, num_lesion, num_ivh, affine in (
        ("sub-1", 10, 4, upright),
        ("sub-2", 20, 0, tilted),
        ("sub-3", 0, 0, upright),
    ):
        hu_DHW = head_hu()
        lesion_DHW, ivh_DHW = np.zeros(SHAPE_DHW, dtype=np.uint8), np.zeros(SHAPE_DHW, dtype=np.uint8)
        lesion_DHW[10, 30, 30 : 30 + num_lesion] = 1
        ivh_DHW[10, 40, 30 : 30 + num_ivh] = 1
        hu_DHW[lesion_DHW == 1], hu_DHW[ivh_DHW == 1] = 60.0, 70.0
        volumes = {"ct": hu_DHW.astype(np.int16)}
        if num_lesion:
            volumes |= {"label-lesion_mask": lesion_DHW, "label-ivh_mask": ivh_DHW}
        else:
            volumes |= {"cta": hu_DHW.astype(np.int16)}
        for suffix, array_DHW in volumes.items():
            write_volume(folder / name / "ct" / f"{name}_{suffix}.nii.gz", Volume(array_DHW=array_DHW, affine=affine))
    (folder / "participants.tsv").write_text(
        "participant_id\tpatient_id\tivh\nsub-1\tA\tyes\nsub-2\tA\tno\nsub-3\tB\tn/a\nsub-4\tC\tno\n"
    )
    return folder


def describe(data: Path, jobs: int = 1) -> Cohort:
    return describe_cohort(data, jobs=jobs, progress=lambda done, total: None)


@pytest.fixture(scope="module")
def cohort(data: Path) -> Cohort:
    return describe(data)


def test_cases_patients_masks_and_tilt_are_counted(cohort: Cohort) -> None:
    assert cohort.counts == {
        "num_cases": 4,
        "num_left_out": 1,
        "num_patients": 3,
        "num_with_lesion_mask": 2,
        "num_with_ivh_mask": 2,
        "num_with_cta": 1,
        "num_tilted": 1,
        "num_oblique": 0,
        "num_saturated": 0,
    }
    assert cohort.num_ivh == {"yes": 1, "no": 1, "n/a": 1}
    assert [case.tilt_deg for case in cohort.cases] == [0.0, 10.0, 0.0]


def test_volumes_are_voxels_times_their_size(cohort: Cohort) -> None:
    lesions = cohort.spreads["lesion_ml"]
    assert lesions is not None
    assert (lesions.n, lesions.min, lesions.max) == pytest.approx((2, 10 * VOXEL_ML, 20 * VOXEL_ML))
    assert lesions.median == pytest.approx(15 * VOXEL_ML)
    assert lesions.q1 == pytest.approx(12.5 * VOXEL_ML)
    ivh = cohort.spreads["ivh_ml"]
    assert ivh is not None
    assert (ivh.n, ivh.median) == pytest.approx((1, 4 * VOXEL_ML))  # the empty mask is no hemorrhage
    assert [case.ivh_ml for case in cohort.cases] == pytest.approx([4 * VOXEL_ML, 0.0, None])


def test_histograms_count_voxels_per_hu_and_keep_blood_out_of_the_brain(cohort: Cohort) -> None:
    lesion, ivh, brain = (cohort.histograms[tissue] for tissue in ("lesion", "ivh", "brain"))
    assert lesion.sum() == lesion[60 - FIRST_HU] == 30
    assert ivh.sum() == ivh[70 - FIRST_HU] == 4
    assert brain[30 - FIRST_HU] > 20_000
    assert brain[60 - FIRST_HU] == brain[70 - FIRST_HU] == 0
    assert cohort.histograms["head"][40 - FIRST_HU] > 5_000
    assert [case.lesion_median_hu for case in cohort.cases] == [60.0, 60.0, None]


def test_a_case_that_cannot_be_read_is_left_out_and_said(data: Path, cohort: Cohort) -> None:
    assert [case.case_id for case in cohort.cases] == ["sub-1", "sub-2", "sub-3"]
    assert list(cohort.left_out) == ["sub-4"]
    assert str(data) not in cohort.left_out["sub-4"]
    assert cohort.digest is None
    assert cohort.as_lines()[-1].startswith("left out: sub-4: sub-4_ct.nii.gz")


def test_content_digest_is_that_of_the_comparisons(data: Path, tmp_path: Path) -> None:
    table = data / "participants.tsv"
    kept = table.read_text()
    table.write_text(kept.replace("sub-4\tC\tno\n", ""))
    try:
        assert describe(data).digest == dataset_digest(read_participants(data))
    finally:
        table.write_text(kept)


@pytest.mark.slow
def test_two_processes_find_the_same(data: Path, cohort: Cohort) -> None:
    assert describe(data, jobs=2).as_json() == cohort.as_json()


def test_json_is_plain(cohort: Cohort) -> None:
    record = cohort.as_json()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["spreads"]["lesion_ml"]["n"] == 2
    assert len(record["hu_histograms"]["lesion"]) == 250
    assert record["cases"][0]["case_id"] == "sub-1"


def test_a_folder_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="participants"):
        describe(tmp_path)
