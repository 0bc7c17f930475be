"""Each problem is planted in a data set that is clean otherwise, and exactly that problem is told."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from hemosweep.data.manifest import read_participants
from hemosweep.data.nifti import Volume, read_volume, write_volume
from hemosweep.data.reading import read_case
from hemosweep.errors import BadInput
from hemosweep.phantom.writer import write_phantom
from hemosweep.qc import CheckReport, check_dataset

SPACING_DHW_MM = (8.0, 2.4, 2.4)
SHAPE_DHW = (20, 70, 72)
AFFINE = np.diag([*reversed(SPACING_DHW_MM), 1.0])
# A lesion of 7 x 7 x 3 voxels right of the midline, ventricular blood of 4 x 4 x 2 left of it.
LESION = (slice(9, 12), slice(33, 40), slice(47, 54))
IVH = (slice(9, 11), slice(33, 37), slice(22, 26))


def ball_hu(seed: int) -> NDArray[np.float32]:
    """Brain of 30 HU to 66 mm, bone to 74 mm, scalp of 40 HU to 80 mm, blood of 60 HU, noise with sd 3."""
    z, y, x = (
        mm * (np.arange(size) - (size - 1) / 2).reshape([-1 if other == axis else 1 for other in range(3)])
        for axis, (mm, size) in enumerate(zip(SPACING_DHW_MM, SHAPE_DHW, strict=True))
    )
    radius_mm = np.sqrt(z**2 + y**2 + x**2)
    hu_DHW = np.select([radius_mm < 66, radius_mm < 74, radius_mm < 80], [30.0, 1000.0, 40.0], -1000.0)
    hu_DHW[LESION] = 60.0
    hu_DHW[IVH] = 55.0
    return np.round(hu_DHW + np.random.default_rng(seed).normal(0.0, 3.0, SHAPE_DHW)).astype(np.float32)


def box(place: tuple[slice, slice, slice]) -> NDArray[np.uint8]:
    mask_DHW = np.zeros(SHAPE_DHW, dtype=np.uint8)
    mask_DHW[place] = 1
    return mask_DHW


class DataSet:
    """A folder of ball-shaped heads, whose files a test replaces."""

    def __init__(self, folder: Path, num_cases: int) -> None:
        self.folder = folder
        self.rows = []
        for number in range(1, num_cases + 1):
            case_id = f"sub-{number:03d}"
            self.rows.append([case_id, f"P{number}", "no"])
            self.write(case_id, "ct", ball_hu(number).astype(np.int16))
            self.write(case_id, "label-lesion_mask", box(LESION))
        self.write_table()

    def path(self, case_id: str, suffix: str) -> Path:
        return self.folder / case_id / "ct" / f"{case_id}_{suffix}.nii.gz"

    def write(
        self, case_id: str, suffix: str, array_DHW: NDArray[np.generic], affine: NDArray[np.float64] = AFFINE
    ) -> None:
        write_volume(self.path(case_id, suffix), Volume(array_DHW=array_DHW, affine=affine))

    def write_table(self) -> None:
        lines = ["\t".join(row) for row in (["participant_id", "patient_id", "ivh"], *self.rows)]
        (self.folder / "participants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def check(self, *, jobs: int = 1, lesion_label: int | None = None) -> CheckReport:
        return check_dataset(self.folder, lesion_label=lesion_label, jobs=jobs, progress=lambda done, total: None)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return DataSet(tmp_path_factory.mktemp("clean"), 2)


@pytest.fixture
def data(clean: DataSet, tmp_path: Path) -> DataSet:
    """Two clean cases of a test's own."""
    copy = object.__new__(DataSet)
    copy.folder = tmp_path / "data"
    copy.rows = [list(row) for row in clean.rows]
    shutil.copytree(clean.folder, copy.folder)
    return copy


def told(report: CheckReport) -> list[tuple[str, str, str]]:
    return [(problem.case_id, problem.kind, problem.severity) for problem in report.problems]


def only_message(report: CheckReport) -> str:
    (problem,) = report.problems
    assert "\n" not in problem.message
    return problem.message


def test_nothing_is_said_of_a_clean_data_set(clean: DataSet) -> None:
    report = clean.check()
    assert report.problems == ()
    assert report.as_lines()[:2] == ["2 cases: all usable", "0 errors, 0 warnings, 0 infos"]


def plant_text_as_ct(data: DataSet) -> None:
    data.path("sub-002", "ct").write_text("this is no scan")


def plant_truncated_ct(data: DataSet) -> None:
    path = data.path("sub-002", "ct")
    path.write_bytes(path.read_bytes()[:3000])


def plant_no_ct(data: DataSet) -> None:
    data.path("sub-002", "ct").unlink()


def plant_no_folder(data: DataSet) -> None:
    shutil.rmtree(data.folder / "sub-002")


def plant_text_as_mask(data: DataSet) -> None:
    data.path("sub-002", "label-lesion_mask").write_bytes(gzip.compress(b"no mask"))


def plant_mask_of_another_shape(data: DataSet) -> None:
    data.write("sub-002", "label-lesion_mask", box(LESION)[:-1])


def plant_mask_in_another_place(data: DataSet) -> None:
    moved = AFFINE.copy()
    moved[0, 3] += 5.0
    data.write("sub-002", "label-lesion_mask", box(LESION), moved)


def plant_odd_mask_values(data: DataSet) -> None:
    data.write("sub-002", "label-lesion_mask", box(LESION) * 3)


def plant_empty_mask(data: DataSet) -> None:
    data.write("sub-002", "label-lesion_mask", np.zeros(SHAPE_DHW, dtype=np.uint8))


def plant_inverted_mask(data: DataSet) -> None:
    data.write("sub-002", "label-lesion_mask", 1 - box(LESION))


def plant_mask_in_air(data: DataSet) -> None:
    data.write("sub-002", "label-lesion_mask", box((slice(9, 12), slice(0, 5), slice(0, 5))))


def plant_nan(data: DataSet) -> None:
    hu_DHW = ball_hu(2)
    hu_DHW[0, 0, :3] = np.nan
    data.write("sub-002", "ct", hu_DHW)


def plant_air(data: DataSet) -> None:
    hu_DHW = np.random.default_rng(2).normal(-1000.0, 3.0, SHAPE_DHW).round()
    hu_DHW[LESION] = 60.0
    hu_DHW[0, 0, 0] = 1000.0
    data.write("sub-002", "ct", hu_DHW.astype(np.int16))


def plant_skewed_ct(data: DataSet) -> None:
    skewed = AFFINE.copy()
    skewed[0, 1] = 0.5
    for suffix, array_DHW in (("ct", ball_hu(2).astype(np.int16)), ("label-lesion_mask", box(LESION))):
        path = data.path("sub-002", suffix)
        nib.save(nib.Nifti1Image(array_DHW.transpose(2, 1, 0), skewed), path)


def plant_first_patient_again(data: DataSet) -> None:
    shutil.copy(data.path("sub-001", "ct"), data.path("sub-002", "ct"))


ERRORS = {
    "unreadable-ct": (plant_text_as_ct, plant_truncated_ct),
    "missing-ct": (plant_no_ct,),
    "missing-folder": (plant_no_folder,),
    "unreadable-mask": (plant_text_as_mask,),
    "geometry-mismatch": (plant_mask_of_another_shape, plant_mask_in_another_place),
    "mask-values": (plant_odd_mask_values,),
    "mask-empty": (plant_empty_mask,),
    "mask-nearly-full": (plant_inverted_mask,),
    "mask-outside-head": (plant_mask_in_air,),
    "non-finite": (plant_nan,),
    "no-head": (plant_air,),
    "tilt": (plant_skewed_ct,),
    "patient-under-two-ids": (plant_first_patient_again,),
}


@pytest.mark.parametrize(
    ("kind", "plant"),
    [pytest.param(kind, plant, id=plant.__name__) for kind, plants in ERRORS.items() for plant in plants],
)
def test_an_error_is_told_alone_and_the_other_case_stays_usable(
    data: DataSet, kind: str, plant: Callable[[DataSet], None]
) -> None:
    plant(data)
    report = data.check()
    assert told(report) == [("sub-002", kind, "error")]
    assert report.usable_ids == ("sub-001",)
    assert str(data.folder) not in only_message(report)


@pytest.mark.parametrize("plant", [plants[0] for kind, plants in ERRORS.items() if kind.startswith(("un", "m", "g"))])
def test_what_reading_refuses_is_an_error(data: DataSet, plant: Callable[[DataSet], None]) -> None:
    """The other way round need not hold: an inverted mask can be read."""
    plant(data)
    case = read_participants(data.folder)[1]
    try:
        read_case(case)
    except BadInput:
        assert data.check().usable_ids == ("sub-001",)


def without_lesion_mask(data: DataSet) -> None:
    data.path("sub-002", "label-lesion_mask").unlink()


def partly_in_air(data: DataSet) -> None:
    mask_DHW = box(LESION)
    mask_DHW[10, 0, :4] = 1  # 4 of 151 voxels
    data.write("sub-002", "label-lesion_mask", mask_DHW)


def over_brain(data: DataSet) -> None:
    hu_DHW = ball_hu(2)
    hu_DHW[9, 33:40, 47:54] = 5.0  # one of the lesion's three slices
    data.write("sub-002", "ct", hu_DHW.astype(np.int16))


def partly_in_bone(data: DataSet) -> None:
    mask_DHW = box(LESION)
    mask_DHW[10, 35, 64:67] = 1  # 3 of 150 voxels, 67 to 74 mm from the middle
    data.write("sub-002", "label-lesion_mask", mask_DHW)


def with_a_blank_slice(data: DataSet) -> None:
    hu_DHW = ball_hu(2)
    hu_DHW[14] = -1000.0
    data.write("sub-002", "ct", hu_DHW.astype(np.int16))


def eight_bit(data: DataSet) -> None:
    data.write("sub-002", "ct", np.clip(ball_hu(2), -20.0, 100.0).astype(np.int16))


def few_slices(data: DataSet) -> None:
    keep = slice(6, 15)
    data.write("sub-002", "ct", ball_hu(2)[keep].astype(np.int16))
    data.write("sub-002", "label-lesion_mask", box(LESION)[keep])


def coarse(data: DataSet) -> None:
    wide = np.diag([2.4, 2.4, 12.0, 1.0])
    data.write("sub-002", "ct", ball_hu(2).astype(np.int16), wide)
    data.write("sub-002", "label-lesion_mask", box(LESION), wide)


def cut_off(data: DataSet) -> None:
    data.write("sub-002", "ct", ball_hu(2)[:13].astype(np.int16))
    data.write("sub-002", "label-lesion_mask", box(LESION)[:13])


def contradicting_header(data: DataSet) -> None:
    image = nib.Nifti1Image(ball_hu(2).astype(np.int16).transpose(2, 1, 0), AFFINE)
    image.set_sform(AFFINE, code=1)
    image.set_qform(np.diag([-2.4, 2.4, 8.0, 1.0]), code=1)
    nib.save(image, data.path("sub-002", "ct"))


def ct_as_angiography(data: DataSet) -> None:
    for number in (1, 2):
        data.write(f"sub-00{number}", "cta", ball_hu(2).astype(np.int16))


def text_as_angiography(data: DataSet) -> None:
    data.write("sub-001", "cta", ball_hu(7).astype(np.int16))
    data.path("sub-002", "cta").write_text("nothing")


def same_patient_again(data: DataSet) -> None:
    data.rows[1][1] = "P1"
    data.write_table()
    plant_first_patient_again(data)


WARNINGS = {
    "missing-mask": without_lesion_mask,
    "mask-outside-head": partly_in_air,
    "lesion-outside-brain": partly_in_bone,
    "odd-slices": with_a_blank_slice,
    "lesion-density": over_brain,
    "odd-values": eight_bit,
    "coarse-spacing": coarse,
    "head-cut-off": cut_off,
    "header": contradicting_header,
    "angiography-is-ct": ct_as_angiography,
    "unreadable-angiography": text_as_angiography,
}


@pytest.mark.parametrize(("kind", "plant"), WARNINGS.items())
def test_a_warning_is_told_alone_and_leaves_the_case_usable(
    data: DataSet, kind: str, plant: Callable[[DataSet], None]
) -> None:
    plant(data)
    report = data.check()
    assert told(report) == [("sub-002", kind, "warning")]
    assert report.usable_ids == ("sub-001", "sub-002")
    assert only_message(report)


def test_a_scan_of_nine_slices_is_told_to_be_short(data: DataSet) -> None:
    few_slices(data)
    assert told(data.check()) == [("sub-002", "few-slices", "warning"), ("sub-002", "head-cut-off", "warning")]


def test_a_case_without_lesion_mask_is_for_prediction_only(data: DataSet) -> None:
    without_lesion_mask(data)
    report = data.check()
    assert report.trainable_ids == ("sub-001",)
    assert report.as_lines()[0] == "2 cases: all usable, 1 of them for prediction only"


def test_what_a_sweep_would_refuse_is_said_before_it(data: DataSet) -> None:
    without_lesion_mask(data)
    masks, patients = data.check().before_training
    assert masks.startswith("1 of 2 cases have no lesion mask (sub-002); it trains only if each has one: add them")
    assert patients == "2 patients are too few for any folds; add some, 3 at least"
    assert data.check().as_lines()[2:] == [f"before a sweep: {masks}", f"before a sweep: {patients}"]


def test_a_case_that_cannot_be_used_is_told_once_and_not_as_one_without_a_mask(data: DataSet) -> None:
    without_lesion_mask(data)
    data.path("sub-002", "ct").unlink()
    assert not any("no lesion mask" in text for text in data.check().before_training)


def test_lesion_label_picks_one_value_and_tells_where_it_is_missing(data: DataSet) -> None:
    plant_odd_mask_values(data)
    assert told(data.check(lesion_label=3)) == [("sub-001", "mask-empty", "error")]


def test_the_share_of_the_lesion_outside_the_brain_mask_is_counted(data: DataSet) -> None:
    partly_in_bone(data)
    assert only_message(data.check()) == "more than 0.5% of the lesion lies outside the brain mask (2.0%)"


@pytest.mark.parametrize("hu", [-1000.0, 0.0])
def test_blank_slices_are_told_first_and_no_mask_is_called_flipped_for_them(data: DataSet, hu: float) -> None:
    hu_DHW = ball_hu(2)
    hu_DHW[7:9] = hu
    mask_DHW = np.zeros_like(box(LESION))
    mask_DHW[3:6, 33:40, 40:50] = 1
    hu_DHW[mask_DHW > 0] = 60.0
    data.write("sub-002", "ct", hu_DHW.astype(np.int16))
    data.write("sub-002", "label-lesion_mask", mask_DHW)
    report = data.check()
    assert report.usable_ids == ("sub-001", "sub-002")
    first, *others = report.problems
    assert first.message == (
        "slices 8 and 9 of 20 (counted from the feet) are empty; scan or export the series again, or cut them off; "
        "the brain mask goes on beyond them"
    )
    assert {problem.kind for problem in others} <= {"lesion-outside-brain"}


def test_share_of_odd_lesion_voxels_is_counted(data: DataSet) -> None:
    over_brain(data)
    assert only_message(data.check()).startswith("33% of the lesion's voxels are outside 20-110 HU (median 5")


@pytest.mark.parametrize(
    ("column", "place", "wanted"),
    [
        ("yes", None, "says yes but the IVH mask is empty"),
        ("no", IVH, "says no but the IVH mask holds 1.5 mL"),
        ("n/a", IVH, "n/a but the IVH mask holds 1.5 mL; write yes"),
        ("n/a", None, "n/a but the IVH mask is there and empty; write no"),
    ],
)
def test_ivh_column_against_ivh_mask(
    data: DataSet, column: str, place: tuple[slice, slice, slice] | None, wanted: str
) -> None:
    data.rows[1][2] = column
    data.write_table()
    data.write("sub-002", "label-ivh_mask", box(place) if place else np.zeros(SHAPE_DHW, dtype=np.uint8))
    report = data.check()
    assert told(report) == [("sub-002", "ivh-disagrees", "warning")]
    assert wanted in only_message(report)


@pytest.mark.parametrize(("column", "place"), [("yes", IVH), ("no", None)])
def test_ivh_column_that_agrees_is_not_told(
    data: DataSet, column: str, place: tuple[slice, slice, slice] | None
) -> None:
    data.rows[1][2] = column
    data.write_table()
    data.write("sub-002", "label-ivh_mask", box(place) if place else np.zeros(SHAPE_DHW, dtype=np.uint8))
    assert data.check().problems == ()


def test_overlap_of_the_masks_is_counted(data: DataSet) -> None:
    data.rows[1][2] = "yes"
    data.write_table()
    both = box(IVH)
    both[9, 33, 47:50] = 1
    data.write("sub-002", "label-ivh_mask", both)
    report = data.check()
    assert told(report) == [("sub-002", "masks-overlap", "warning")]
    assert "share 3 voxels (8.6% of the smaller)" in only_message(report)


def test_a_broken_ivh_mask_leaves_the_case_usable(data: DataSet) -> None:
    data.write("sub-002", "label-ivh_mask", box(IVH)[1:])
    assert told(data.check()) == [("sub-002", "geometry-mismatch", "warning")]


def test_a_tilted_gantry_is_an_info(data: DataSet) -> None:
    sheared = AFFINE.copy()
    sheared[1, 2] = 8.0 * np.tan(np.deg2rad(12.0))
    data.write("sub-002", "ct", ball_hu(2).astype(np.int16), sheared)
    data.write("sub-002", "label-lesion_mask", box(LESION), sheared)
    report = data.check()
    assert told(report) == [("sub-002", "tilt", "info")]
    assert only_message(report).startswith("gantry tilt of 12.0 degrees")
    assert report.as_lines()[:2] == ["2 cases: all usable", "0 errors, 0 warnings, 1 info"]


def test_oblique_slices_are_an_info(data: DataSet) -> None:
    cosine, sine = np.cos(np.deg2rad(10.0)), np.sin(np.deg2rad(10.0))
    turned = np.array([[1, 0, 0, 0], [0, cosine, -sine, 0], [0, sine, cosine, 0], [0, 0, 0, 1]]) @ AFFINE
    data.write("sub-002", "ct", ball_hu(2).astype(np.int16), turned)
    data.write("sub-002", "label-lesion_mask", box(LESION), turned)
    report = data.check()
    assert told(report) == [("sub-002", "oblique", "info")]
    assert "10.0 degrees" in only_message(report)


def test_rows_that_cannot_be_read_do_not_stop_the_others(data: DataSet) -> None:
    plant_empty_mask(data)
    data.rows[0][2] = "maybe"
    data.rows += [["sub-002", "P9", "no"], ["../x", "P9", "no"], ["sub-003", "", "no"]]
    data.write_table()
    assert told(data.check()) == [
        ("sub-002", "mask-empty", "error"),
        ("sub-003", "missing-folder", "error"),
        ("sub-001", "table-row", "error"),
        ("", "table-row", "error"),
        ("", "table-row", "error"),
        ("sub-003", "table-row", "error"),
    ]


def test_a_case_too_large_for_the_memory_does_not_stop_the_others(
    data: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> Volume:
        if "sub-001" in path.name:
            raise MemoryError
        return read_volume(path)

    plant_empty_mask(data)
    monkeypatch.setattr("hemosweep.qc.case.read_volume", read)
    assert told(data.check()) == [("sub-001", "too-large", "error"), ("sub-002", "mask-empty", "error")]


def test_folders_without_a_row_are_told_and_other_things_are_not(data: DataSet) -> None:
    (data.folder / "sub-777" / "ct").mkdir(parents=True)
    (data.folder / "derivatives").mkdir()
    (data.folder / "sub-888").symlink_to(data.folder / "sub-888")
    (data.folder / "sub-999.txt").write_text("notes")
    report = data.check()
    assert told(report) == [("", "unlisted-folder", "warning")]
    assert only_message(report).startswith("folder sub-777 has no row")


def test_ids_that_may_be_one_patient_are_warned_of_and_the_cases_stay_usable(data: DataSet) -> None:
    data.rows[0][1], data.rows[1][1] = "mrn 7", "MRN007"
    data.write_table()
    report = data.check()
    assert told(report) == [("", "patient-twins", "warning")]
    assert "'mrn 7' (sub-001) and 'MRN007' (sub-002)" in only_message(report)
    assert report.usable_ids == ("sub-001", "sub-002")


def test_one_id_in_two_unicode_forms_is_one_folder_and_one_patient(data: DataSet) -> None:
    composed, decomposed = "sub-M\u00fcller", "sub-Mu\u0308ller"
    (data.folder / "sub-001").rename(data.folder / decomposed)
    for path in (data.folder / decomposed / "ct").iterdir():
        path.rename(path.with_name(path.name.replace("sub-001", decomposed)))
    data.rows[0][:2] = composed, "M\u00fcller"
    data.rows[1][1] = "Mu\u0308ller"
    data.write_table()
    report = data.check()
    assert told(report) == [("", "several-scans", "info")]
    assert report.usable_ids == (composed, "sub-002")


def test_a_folder_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="participants"):
        check_dataset(tmp_path, jobs=1, progress=lambda done, total: None)
    (tmp_path / "participants.tsv").write_text("participant_id\tivh\nsub-001\tno\n")
    with pytest.raises(BadInput, match="patient_id"):
        check_dataset(tmp_path, jobs=1, progress=lambda done, total: None)


def test_report_is_the_same_for_one_process_and_two_and_is_plain_json(data: DataSet) -> None:
    few_slices(data)
    plant_empty_mask(data)
    calls: list[tuple[int, int]] = []
    two = check_dataset(data.folder, jobs=2, progress=lambda done, total: calls.append((done, total)))
    one = data.check()
    assert one == two
    assert calls == [(0, 2), (1, 2), (2, 2)]
    record = json.loads(json.dumps(one.as_json(), allow_nan=False))
    assert record == one.as_json()
    assert list(record) == [
        "num_cases",
        "num_usable",
        "num_trainable",
        "num_errors",
        "num_warnings",
        "num_infos",
        "usable",
        "trainable",
        "before_training",
        "problems",
    ]
    assert set(record["problems"][0]) == {"case_id", "kind", "severity", "message"}


@pytest.mark.realdata
@pytest.mark.parametrize("num_cases", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_public_scans_have_what_their_readme_says_and_one_that_ends_below_the_vertex(
    real_data: Path, tmp_path: Path, num_cases: int
) -> None:
    header, *rows = (real_data / "phe_sich8" / "participants.tsv").read_text().splitlines()
    rows = sorted(rows, key=lambda row: not row.startswith("sub-0088"))[:num_cases]
    (tmp_path / "participants.tsv").write_text("\n".join([header, *rows]) + "\n")
    for case_id in (row.split("\t")[0] for row in rows):
        (tmp_path / case_id).symlink_to(real_data / "phe_sich8" / case_id)
    report = check_dataset(tmp_path, jobs=1, progress=lambda done, total: None)
    odd = [problem.case_id for problem in report.problems if problem.kind == "odd-values"]
    assert odd == list(report.case_ids)
    assert [(problem.case_id, problem.kind) for problem in report.problems if problem.kind != "odd-values"] == [
        ("sub-0088", "head-cut-off"),
        *([("sub-0106", "mask-volume")] if num_cases == 8 else []),  # its spacing of 0.5 mm is assumed
    ]
    assert len(report.usable_ids) == num_cases


@pytest.mark.slow
@pytest.mark.parametrize("size", ["small", "demo"])
def test_the_phantom_is_clean(tmp_path: Path, size: str) -> None:
    write_phantom(tmp_path / "phantom", num_cases=6, size=size, seed=5, ivh_share=0.5, cta_share=1.0)
    assert check_dataset(tmp_path / "phantom", jobs=1, progress=lambda done, total: None).problems == ()
