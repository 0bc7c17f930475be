"""Exports: nnU-Net's and MIST's form of a data set, with our folds."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from hemosweep.config import CrossValidationConfig
from hemosweep.data.folds import draw_folds
from hemosweep.data.manifest import read_manifest
from hemosweep.errors import BadInput
from hemosweep.external import export as exporting
from hemosweep.external.manifest import MANIFEST_NAME, manifest_from_json
from hemosweep.external.manifest import read_manifest as read_export
from hemosweep.workflows.export import export_mist, export_nnunet
from tests.external import AFFINE, SHAPE_IJK, lesion_IJK, save, write_data_set

NAME = "Dataset501_hemosweep"


@pytest.fixture
def data(tmp_path):
    return write_data_set(tmp_path / "data")


def export(data, to, **options):
    result = export_nnunet(data, to, **({"folds": 2, "jobs": 1} | options))
    assert not result.failures, result.failures
    return result.export


def voxels(path):
    return np.asarray(nib.load(path).dataobj)


def test_nnunet_trains_on_what_we_train_and_validate_on_and_its_validation_is_our_test(data, tmp_path):
    folder = export(data, tmp_path / "raw").folder
    folds = draw_folds(read_manifest(data), CrossValidationConfig(num_folds=2))
    splits = json.loads((folder / "splits_final.json").read_text())
    assert splits == [{"train": sorted([*fold.train, *fold.validation]), "val": sorted(fold.test)} for fold in folds]
    assert all(len(fold.validation) >= 1 for fold in folds)


def test_a_raw_data_set_has_nnunets_names_and_our_lesion(data, tmp_path):
    folder = export(data, tmp_path / "raw", dataset_id=7).folder
    assert folder.name == "Dataset007_hemosweep"
    images = sorted(path.name for path in (folder / "imagesTr").iterdir())
    assert images == [f"sub-{number:03}_0000.nii.gz" for number in range(1, 7)]
    assert np.array_equal(voxels(folder / "labelsTr" / "sub-003.nii.gz"), lesion_IJK(2))
    description = json.loads((folder / "dataset.json").read_text())
    assert description["channel_names"] == {"0": "CT"}
    assert description["labels"] == {"background": 0, "lesion": 1}
    assert (description["numTraining"], description["file_ending"]) == (6, ".nii.gz")
    assert "overwrite_image_reader_writer" not in description


def test_a_ct_is_the_same_file_under_another_name(data, tmp_path):
    folder = export(data, tmp_path / "raw").folder
    assert (folder / "imagesTr" / "sub-001_0000.nii.gz").samefile(data / "sub-001" / "ct" / "sub-001_ct.nii.gz")


def test_a_ct_is_copied_where_no_second_name_can_be_given(data, tmp_path, monkeypatch):
    def refuse(*paths):
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(exporting.os, "link", refuse)
    folder = export(data, tmp_path / "raw").folder
    image, ct = folder / "imagesTr" / "sub-001_0000.nii.gz", data / "sub-001" / "ct" / "sub-001_ct.nii.gz"
    assert image.read_bytes() == ct.read_bytes()
    assert not image.samefile(ct)


def test_a_ct_without_its_intercept_is_written_in_hounsfield_units(data, tmp_path):
    path = data / "sub-001" / "ct" / "sub-001_ct.nii.gz"
    hu = voxels(path)
    save(path, (hu + 1024).astype(np.int16))
    folder = export(data, tmp_path / "raw").folder
    assert np.array_equal(voxels(folder / "imagesTr" / "sub-001_0000.nii.gz"), hu)


def test_an_unpacked_ct_is_packed_as_all_files_need_one_ending(data, tmp_path):
    packed = data / "sub-001" / "ct" / "sub-001_ct.nii.gz"
    hu = voxels(packed)
    packed.unlink()
    save(packed.with_suffix(""), hu)
    folder = export(data, tmp_path / "raw").folder
    assert np.array_equal(voxels(folder / "imagesTr" / "sub-001_0000.nii.gz"), hu)


def test_a_label_of_several_becomes_a_mask_of_zeros_and_ones(data, tmp_path):
    for number in range(6):
        path = data / f"sub-{number + 1:03}" / "ct" / f"sub-{number + 1:03}_label-lesion_mask.nii.gz"
        save(path, (3 * lesion_IJK(number) + np.eye(SHAPE_IJK[0], SHAPE_IJK[1], dtype=np.uint8)[:, :, None]))
    folder = export(data, tmp_path / "raw", lesion_label=3).folder
    expected = lesion_IJK(0).astype(bool) & ~np.eye(*SHAPE_IJK[:2], dtype=bool)[:, :, None]
    assert np.array_equal(voxels(folder / "labelsTr" / "sub-001.nii.gz"), expected)
    assert read_export(folder).lesion_label == 3


def test_a_tilted_gantrys_grid_gets_a_reader_that_takes_it(tmp_path):
    sheared = AFFINE.copy()
    sheared[1, 2] = 1.0
    data = write_data_set(tmp_path / "data", affine=sheared)
    folder = export(data, tmp_path / "raw").folder
    assert json.loads((folder / "dataset.json").read_text())["overwrite_image_reader_writer"] == "NibabelIO"
    (warning,) = export_mist(data, tmp_path / "mist", folds=2, jobs=1).warning_lines()
    assert warning.startswith("6 cases have a tilted gantry's grid")


def test_names_that_are_not_safe_are_replaced_and_the_manifest_keeps_both(tmp_path):
    ids = ("sub-ä", "sub-b_0000", "sub-c", "sub-d", "sub-e", "sub-f")
    result = export_nnunet(write_data_set(tmp_path / "data", ids), tmp_path / "raw", folds=2, jobs=1)
    manifest = read_export(result.export.folder)
    assert manifest.names == {
        "sub-ä": "case_002", "sub-b_0000": "case_001", "sub-c": "sub-c", "sub-d": "sub-d", "sub-e": "sub-e",
        "sub-f": "sub-f",
    }  # fmt: skip
    assert (result.export.folder / "labelsTr" / "case_001.nii.gz").is_file()
    assert result.warning_lines() == [
        "2 cases have another name there, as theirs is not safe as a file name everywhere"
    ]


def test_two_scans_of_a_patient_stay_in_one_fold(tmp_path):
    data = write_data_set(tmp_path / "data", patients=["a", "a", "b", "b", "c", "c"])
    fold = export(data, tmp_path / "raw", folds=3).manifest.tested_in
    assert [fold["sub-001"], fold["sub-003"], fold["sub-005"]] == [fold["sub-002"], fold["sub-004"], fold["sub-006"]]
    assert '"a"' not in (tmp_path / "raw" / NAME / MANIFEST_NAME).read_text()


def test_the_same_export_again_changes_nothing_and_another_one_is_refused(data, tmp_path):
    folder = export(data, tmp_path / "raw").folder
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert export(data, tmp_path / "raw").was_there
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    with pytest.raises(BadInput, match="other cases or folds"):
        export(data, tmp_path / "raw", folds=3)
    with pytest.raises(BadInput, match="other cases or folds"):
        export(data, tmp_path / "raw", fold_seed=1)


def test_an_interrupted_export_leaves_nothing_under_its_name_and_goes_on(data, tmp_path, monkeypatch):
    written, write = [], exporting.write_volume

    def interrupted(path, volume, like):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, volume, like=like)

    with monkeypatch.context() as patched:
        patched.setattr(exporting, "write_volume", interrupted)
        with pytest.raises(KeyboardInterrupt):
            export(data, tmp_path / "raw")
    assert [path.name for path in (tmp_path / "raw").iterdir()] == [f".tmp-{NAME}"]
    rest = []
    monkeypatch.setattr(
        exporting, "write_volume", lambda path, volume, like: rest.append(path.name) or write(path, volume, like=like)
    )
    folder = export(data, tmp_path / "raw").folder
    assert sorted([*written, *rest]) == sorted(path.name for path in (folder / "labelsTr").iterdir())
    assert [path.name for path in (tmp_path / "raw").iterdir()] == [NAME]


def test_what_an_export_of_other_folds_left_behind_is_not_gone_on_with(data, tmp_path):
    folder = export(data, tmp_path / "raw").folder
    folder.rename(folder.with_name(f".tmp-{NAME}"))
    splits = json.loads((export(data, tmp_path / "raw", folds=3).folder / "splits_final.json").read_text())
    assert len(splits) == 3


def test_every_case_that_cannot_be_used_is_named_and_nothing_is_exported(data, tmp_path):
    for case_id in ("sub-002", "sub-005"):
        save(data / case_id / "ct" / f"{case_id}_label-lesion_mask.nii.gz", np.zeros(SHAPE_IJK, dtype=np.uint8))
    result = export_nnunet(data, tmp_path / "raw", folds=2, jobs=1)
    assert sorted(result.failures) == ["sub-002", "sub-005"]
    assert all("is empty" in text for text in result.failures.values())
    assert not (tmp_path / "raw" / NAME).exists()


def test_a_number_of_another_data_set_is_refused(data, tmp_path):
    (tmp_path / "raw" / "Dataset501_liver").mkdir(parents=True)
    with pytest.raises(BadInput, match="has the number 501, too; give another --dataset-id"):
        export(data, tmp_path / "raw")
    with pytest.raises(BadInput, match="nnU-Net takes 1 to 999"):
        export(data, tmp_path / "raw", dataset_id=1000)


def test_an_edited_manifest_is_told(data, tmp_path):
    folder = export(data, tmp_path / "raw").folder
    values = json.loads((folder / MANIFEST_NAME).read_text())
    values["folds"][0]["index"] = 5
    with pytest.raises(BadInput, match="was edited"):
        manifest_from_json(values, folder / MANIFEST_NAME)


def test_mist_gets_our_test_cases_as_its_folds(data, tmp_path):
    folder = export_mist(data, tmp_path / "mist", folds=2, jobs=1).export.folder
    folds = draw_folds(read_manifest(data), CrossValidationConfig(num_folds=2))
    with (folder / "train_paths.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["id"]: int(row["fold"]) for row in rows} == {
        case_id: fold.index for fold in folds for case_id in fold.test
    }
    row = rows[0]
    number = int(row["id"][-3:]) - 1
    assert np.array_equal(voxels(row["mask"]), lesion_IJK(number))
    assert row["ct"] == str(folder / "train" / row["id"] / "ct.nii.gz")
    description = json.loads((folder / "dataset.json").read_text())
    assert (description["modality"], description["labels"]) == ("ct", [0, 1])
    assert description["train-data"] == str(folder / "train")
