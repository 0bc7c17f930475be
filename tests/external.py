"""A data set of tiny heads, and results of other programs on it that are made by hand.

The lesion of each case is a cube of 64 voxels at another place. A prediction has its first two slices, half of it, so
that its DSC is 2 x 32 / (32 + 64) = 2/3.
"""

import csv
import json
import shutil

import nibabel as nib
import numpy as np

SHAPE_IJK = (14, 12, 8)
AFFINE = np.diag([-2.0, -2.0, 5.0, 1.0])
HALF_DSC = 2 / 3
SETTINGS = "nnUNetTrainer__nnUNetPlans__2d"


def lesion_IJK(number):
    mask = np.zeros(SHAPE_IJK, dtype=np.uint8)
    i, j, k = 2 + number % 7, 2 + number % 5, 1 + number % 3
    mask[i : i + 4, j : j + 4, k : k + 4] = 1
    return mask


def half_IJK(label_IJK):
    """The lower two of the four slices of a lesion."""
    k = int(np.flatnonzero(label_IJK.any(axis=(0, 1)))[0])
    half = label_IJK.copy()
    half[:, :, k + 2 :] = 0
    return half


def save(path, array_IJK, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(array_IJK, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    nib.save(image, path)


def write_data_set(folder, ids=tuple(f"sub-{number:03}" for number in range(1, 7)), *, patients=None, affine=AFFINE):
    """Cases in turn with IVH and without; each of a patient of its own where none are given."""
    rows = ["participant_id\tpatient_id\tivh"]
    for number, case_id in enumerate(ids):
        ct = np.full(SHAPE_IJK, -1000, dtype=np.int16)
        ct[1:-1, 1:-1] = 35
        ct[1, 1:-1] = 900
        ct[lesion_IJK(number) == 1] = 64
        save(folder / case_id / "ct" / f"{case_id}_ct.nii.gz", ct, affine)
        save(folder / case_id / "ct" / f"{case_id}_label-lesion_mask.nii.gz", lesion_IJK(number), affine)
        patient = patients[number] if patients else f"p{number}"
        rows.append(f"{case_id}\t{patient}\t{('yes', 'no')[number % 2]}")
    (folder / "participants.tsv").write_text("\n".join(rows) + "\n")
    return folder


def write_nnunet_results(export, results):
    """nnU-Net's folder of a trained configuration, as its version 2 leaves it."""
    folder = results / SETTINGS
    folder.mkdir(parents=True)
    shutil.copyfile(export / "dataset.json", folder / "dataset.json")
    for fold, split in enumerate(json.loads((export / "splits_final.json").read_text())):
        validation = folder / f"fold_{fold}" / "validation"
        entries = []
        for name in split["val"]:
            label = nib.load(export / "labelsTr" / f"{name}.nii.gz")
            save(validation / f"{name}.nii.gz", half_IJK(np.asarray(label.dataobj).astype(np.uint8)), label.affine)
            entries.append(
                {
                    "metrics": {"1": {"Dice": HALF_DSC, "IoU": 0.5, "n_pred": 32, "n_ref": 64}},
                    "prediction_file": str(validation / f"{name}.nii.gz"),
                    "reference_file": str(export / "labelsTr" / f"{name}.nii.gz"),
                }
            )
        (validation / "summary.json").write_text(json.dumps({"metric_per_case": entries}))
    return folder


def write_mist_results(export, results, *, val_percent):
    """MIST's folder of results, whose `train_paths.csv` is that of the export."""
    results.mkdir(parents=True)
    shutil.copyfile(export / "train_paths.csv", results / "train_paths.csv")
    config = {
        "mist_version": "2.1.0",
        "model": {"architecture": "mednext-v1-small"},
        "training": {"val_percent": val_percent, "loss": {"name": "dice-ce"}},
    }
    (results / "config.json").write_text(json.dumps(config))
    with (export / "train_paths.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = ["id,lesion_dice,lesion_haus95"]
    for row in rows:
        label = nib.load(row["mask"])
        prediction = half_IJK(np.asarray(label.dataobj).astype(np.uint8))
        save(results / "predictions" / "train" / "raw" / f"{row['id']}.nii.gz", prediction, label.affine)
        lines.append(f"{row['id']},{HALF_DSC},10.0")
    lines += [f"{name},0.5,10.0" for name in ("Mean", "Std", "25th Percentile", "Median", "75th Percentile")]
    (results / "results.csv").write_text("\n".join(lines) + "\n")
    return results
