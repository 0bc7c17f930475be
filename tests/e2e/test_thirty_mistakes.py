"""Mistakes of a first day with hemosweep: one line names what was found and the way out, and nothing is written.

`test_bad_input.py` has files and options that cannot be used, `test_lab_bad_input.py` a lab's own file, and
`tests/test_tooling.py` the variables of make (`SEED=3`, `seeds=3`, `DATAS=`, `PYTHON=`).
"""

import gzip
import shutil
import zipfile

import nibabel as nib
import numpy as np
import pytest

SWEEP = "sweep patchsize --profile demo --folds 2 --out {out} --data {data}"
CHECK = "data check {data} --jobs 1"


def nothing(data):
    """The data set as it should be."""


def renamed(suffix, ending):
    def change(data):
        for path in data.glob(f"sub-*/ct/*_{suffix}.nii.gz"):
            path.rename(path.with_name(path.name.replace(f"_{suffix}.nii.gz", ending)))

    return change


def table(change):
    def spoil(data):
        path = data / "participants.tsv"
        path.write_bytes(change(path.read_bytes()))

    return spoil


def table_named(name):
    return lambda data: (data / "participants.tsv").rename(data / name)


def rows(number):
    return table(lambda text: b"".join(text.splitlines(keepends=True)[: number + 1]))


def rewritten(change, suffix="label-lesion_mask", case_id="sub-001"):
    def spoil(data):
        path = data / case_id / "ct" / f"{case_id}_{suffix}.nii.gz"
        image = nib.load(path)
        nib.save(nib.Nifti1Image(change(np.asanyarray(image.dataobj)), image.affine), path)

    return spoil


def one_as_mr(data):
    rows(1)(data)
    rewritten(lambda hu: np.clip((hu + 100) * 4, 0, 900).astype(np.int16), "ct")(data)


def ct_as_mask(data):
    rows(1)(data)
    shutil.copy(data / "sub-001/ct/sub-001_ct.nii.gz", data / "sub-001/ct/sub-001_label-lesion_mask.nii.gz")


def unpacked_under_the_packed_name(data):
    rows(1)(data)
    path = data / "sub-001/ct/sub-001_ct.nii.gz"
    path.write_bytes(gzip.decompress(path.read_bytes()))


def flat(data):
    for folder in sorted(data.glob("sub-*")):
        for suffix, ending in (("ct", "ct"), ("label-lesion_mask", "seg")):
            (folder / "ct" / f"{folder.name}_{suffix}.nii.gz").rename(data / f"{folder.name}_{ending}.nii.gz")
        shutil.rmtree(folder)
    (data / "participants.tsv").unlink()


def nnunet(data):
    flat(data)
    (data / "imagesTr").mkdir()
    (data / "labelsTr").mkdir()
    (data / "dataset.json").write_text("{}")
    for path in data.glob("*_ct.nii.gz"):
        path.rename(data / "imagesTr" / path.name.replace("_ct.", "_0000."))
    for path in data.glob("*_seg.nii.gz"):
        path.rename(data / "labelsTr" / path.name.replace("_seg.", "."))


def dicom(data):
    shutil.rmtree(data)
    data.mkdir()
    (data / "IM0001").write_bytes(bytes(128) + b"DICM")


def results(data):
    shutil.rmtree(data)
    (data / "fold_runs").mkdir(parents=True)


def zipped(data):
    with zipfile.ZipFile(f"{data}.zip", "w"):
        pass


def derived(data):
    (data / "derivatives" / "hemosweep-preproc").mkdir(parents=True)


def words_for_images(data):
    shutil.rmtree(data)
    for name in ("a.nii.gz", "b.nii.gz"):
        data.mkdir(exist_ok=True)
        (data / name).touch()


MISTAKES = {
    # Masks and scans under other names.
    "masks named _seg": (
        renamed("label-lesion_mask", "_seg.nii.gz"),
        SWEEP,
        ("case sub-001: no lesion mask at", "there is sub-001_seg.nii.gz", "import-masks", "--pattern '*_seg.nii.gz'"),
    ),
    "masks named _mask": (renamed("label-lesion_mask", "_mask.nii.gz"), SWEEP, ("there is sub-001_mask.nii.gz",)),
    "masks named -label, unpacked": (
        renamed("label-lesion_mask", "-label.nii"),
        SWEEP,
        ("there is sub-001-label.nii",),
    ),
    "no masks at all": (renamed("label-lesion_mask", ".bak"), SWEEP, ("no lesion mask", "add the file or remove")),
    "CTs without _ct": (
        renamed("ct", ".nii.gz"),
        SWEEP,
        ("case sub-001: no CT at", "there is ct/sub-001.nii.gz in ", "if that is the CT"),
    ),
    "a .nii that was renamed .nii.gz": (
        unpacked_under_the_packed_name,
        CHECK,
        ("sub-001_ct.nii.gz: not packed, though its name ends in .gz", "&& gzip sub-001_ct.nii"),
    ),
    # Scans and masks of another kind.
    "MR given as CT": (one_as_mr, CHECK, ("No value is below 0", "MR image")),
    "the CT as its own mask": (
        ct_as_mask,
        CHECK,
        ("mask sub-001_label-lesion_mask.nii.gz has values other than 0 and 1 (-10", "--lesion-label"),
    ),
    # Another folder than the data set.
    "the folder above": (nothing, SWEEP.replace("{data}", "{above}"), ("one folder below: give {data}",)),
    "a folder of a case": (nothing, SWEEP + "/sub-001", ("lies in the data set {data}: give that",)),
    "its derived data": (derived, SWEEP + "/derivatives", ("lies in the data set {data}: give that",)),
    "its table": (nothing, SWEEP + "/participants.tsv", ("is a file; give the folder",)),
    "a zip": (zipped, SWEEP + ".zip", ("is an archive; unpack it",)),
    "the folder of results": (results, CHECK, ("folder of results (--out)",)),
    "a folder of DICOM": (dicom, CHECK, ("it holds DICOM files: hemosweep data import-dicom {data} NEW_FOLDER",)),
    "a folder of nnU-Net": (nnunet, CHECK, ("folder of nnU-Net: hemosweep data import-nnunet {data}",)),
    "a flat folder": (flat, CHECK, ("its folder holds 12 images: hemosweep init {data}",)),
    "init of a folder of nnU-Net": (nnunet, "init {data}", ("hemosweep data import-nnunet {data} NEW_FOLDER",)),
    "init of DICOM": (dicom, "init {data}", ("hemosweep data import-dicom",)),
    "init of names that say nothing": (words_for_images, "init {data}", ("a.nii.gz, b.nii.gz", "name them as P01_ct")),
    "init of a data set": (nothing, "init {data} --yes", ("is there already and stays",)),
    # The table.
    "a table with commas": (table(lambda text: text.replace(b"\t", b",")), SWEEP, ("separated by ','",)),
    "a table with semicolons": (table(lambda text: text.replace(b"\t", b";")), SWEEP, ("separated by ';'",)),
    "a table in UTF-16": (table(lambda text: text.decode().encode("utf-16")), SWEEP, ("(UTF-16, not UTF-8); save it",)),
    "a workbook": (table_named("participants.xlsx"), SWEEP, ("there is participants.xlsx: save it as",)),
    "a column in capitals": (
        table(lambda text: text.replace(b"patient_id", b"Patient_ID")),
        SWEEP,
        ("lacks the column patient_id; it has participant_id, Patient_ID",),
    ),
    "an id twice": (table(lambda text: text.replace(b"sub-002\t", b"sub-001\t")), SWEEP, ("sub-001 is listed twice",)),
    "IVH as 1 and 0": (
        table(lambda text: text.replace(b"\tyes\t", b"\t1\t").replace(b"\tno\t", b"\t0\t")),
        SWEEP,
        ("ivh is '1'; write yes, no or n/a",),
    ),
    "ids without sub-": (table(lambda text: text.replace(b"\nsub-", b"\n")), SWEEP, ("there is a folder sub-001",)),
    "ids without leading zeros": (table(lambda text: text.replace(b"\nsub-00", b"\n")), SWEEP, ("folder sub-001",)),
    "three patients, five folds": (
        rows(3),
        SWEEP.replace("--folds 2", "--folds 5"),
        ("5 folds need at least as many patients, but the data set has 3; use fewer folds (--folds 3)",),
    ),
    "two patients": (rows(2), SWEEP, ("has 1 of the 2 patients left", "for 3 in all at least")),
    # Names and options.
    "a sweep misspelt": (nothing, "sweep patchsise --out {out}", ("unknown sweep 'patchsise' (is it patchsize?)",)),
    "an arm in capitals": (nothing, SWEEP + " --arms 24X24X8", ("24X24X8", "24x24x8, 32x32x16")),
    "a file without a sweep": (nothing, "sweep {above}/empty.py --out {out}", ("empty.py: has no SWEEP; write",)),
    "a part of bench misspelt": (nothing, "bench gup", ("gup", "gpu")),
    # Results that are not there.
    "compare before any sweep": (nothing, "compare se/unet se/se --out {out}", ("has no runs", "hemosweep sweep")),
    "report before any sweep": (nothing, "report --out {out}", ("has no runs", "hemosweep sweep")),
    "predict before any sweep": (
        nothing,
        "predict {data}/sub-001/ct/sub-001_ct.nii.gz --run se/se --out {out}",
        ("has no runs", "hemosweep sweep"),
    ),
    "score before any sweep": (
        nothing,
        "score --all --out {out}",
        ("no such folder; give the folder of a sweep's results",),
    ),
    "ui before any sweep": (nothing, "ui --out {out}", ("has no runs", "hemosweep sweep")),
    "predict in a folder without scans": (
        lambda data: (data.parent / "none").mkdir(),
        "predict {above}/none --run se/se --out {out}",
        ("holds no *.nii.gz", "give a folder of scans or a data set"),
    ),
    # Places to write to.
    "OUT is a file": (nothing, SWEEP.replace("{out}", "{data}/participants.tsv"), ("give another folder",)),
    "a phantom into a data set of scans": (
        lambda data: (data / "dataset_description.json").unlink(),
        "data phantom {data} --size small --cases 1",
        ("{data}",),
    ),
}


def entries(folder):
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*") if path.suffix != ".pyc" and not path.is_dir()}


@pytest.mark.parametrize(("spoil", "command", "parts"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_with_what_was_found_and_the_way_out(main, phantoms, tmp_path, spoil, command, parts):
    above = tmp_path / "above"
    data = above / "data"
    shutil.copytree(phantoms, data, ignore=shutil.ignore_patterns("derivatives"))
    (above / "empty.py").touch()
    spoil(data)
    before = entries(tmp_path)
    places = {"data": data, "above": above, "out": tmp_path / "out"}
    code, stdout, stderr = main(*(word.format(**places) for word in command.split()))
    said = stdout if command == CHECK and stdout else stderr
    text = " ".join(said.split())
    assert code == 2, text
    assert [part for part in parts if part.format(**places) not in text] == [], text
    if said is stderr:
        assert stdout == ""
        assert [line.partition(":")[0] for line in stderr.splitlines() if line.strip()] == ["error"]
    assert entries(tmp_path) == before
