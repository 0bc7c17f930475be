"""Two heads of 8 x 16 x 16 voxels, whose value tells the voxel, in every public layout and back."""

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from hemosweep.data.manifest import read_manifest
from hemosweep.data.nifti import Volume, read_volume
from hemosweep.data.reading import read_case
from hemosweep.errors import BadInput
from hemosweep.importers import (
    ImportSummary,
    import_bhsd,
    import_cq500,
    import_ct_ich,
    import_hemseg,
    import_instance,
    import_mbh_seg,
    import_nnunet,
)
from tests.layouts import (
    SourceCase,
    rsna_name,
    save_nifti,
    write_bhsd,
    write_cq500,
    write_ct_ich,
    write_hemseg,
    write_instance,
    write_mbh_seg,
    write_nnunet,
)

AFFINE = np.array([[0.5, 0, 0, -4], [0, 0.4, 0, -3], [0, 0, 5, 20], [0, 0, 0, 1]])
RAMP_DHW = np.arange(8 * 16 * 16, dtype=np.int16).reshape(8, 16, 16) - 1024  # 256 d + 16 h + w - 1024
IPH_AT, IVH_AT, SAH_AT = np.s_[4, 3, 4:10], np.s_[4, 4, 4:6], np.s_[4, 5, 0:1]  # 52..57, 68..69 and 80 HU
IPH_HU, IVH_HU, SAH_HU = [*range(52, 58)], [68, 69], [80]


def labels(*, iph: bool = False, ivh: bool = False, sah: bool = False) -> NDArray[np.uint8]:
    labels_DHW = np.zeros((8, 16, 16), dtype=np.uint8)
    for at, label, wanted in ((IPH_AT, 2, iph), (IVH_AT, 3, ivh), (SAH_AT, 4, sah)):
        if wanted:
            labels_DHW[at] = label
    return labels_DHW


def head(**types: bool) -> SourceCase:
    return SourceCase(ct=Volume(array_DHW=RAMP_DHW, affine=AFFINE), labels_DHW=labels(**types))


MIXED, PURE, NO_IPH = head(iph=True, ivh=True, sah=True), head(iph=True), head(ivh=True)


def cells(out: Path) -> list[list[str]]:
    return [line.split("\t") for line in (out / "participants.tsv").read_text().splitlines()]


def lesion_values(out: Path) -> list[list[float]]:
    """Of each case, the CT's values where the lesion is."""
    raw = [read_case(case) for case in read_manifest(out)]
    return [case.ct.array_DHW[case.lesion_DHW].tolist() for case in raw]


def ivh_values(out: Path) -> list[list[float] | None]:
    return [
        None
        if case.ivh_path is None
        else read_volume(case.ct_path).array_DHW[read_volume(case.ivh_path).array_DHW == 1].tolist()
        for case in read_manifest(out)
    ]


def test_ct_ich(tmp_path: Path) -> None:
    source = write_ct_ich(tmp_path / "set", [MIXED, head(), PURE])
    summary = import_ct_ich(source, tmp_path / "out")
    assert cells(tmp_path / "out") == [
        ["participant_id", "patient_id", "ivh", "centre", "lesion_type"],
        ["sub-049", "049", "yes", "PhysioNet CT-ICH", "IPH+IVH+SAH"],
        ["sub-051", "051", "no", "PhysioNet CT-ICH", "IPH"],
    ]
    assert lesion_values(tmp_path / "out") == [IPH_HU + IVH_HU + SAH_HU, IPH_HU]
    assert summary.left_out == ("sub-050",)
    assert summary.notes == (
        "the masks hold every type of hemorrhage; the column lesion_type tells each case's",
        "left out, because the mask has no lesion voxel: 1 of 3 cases",
    )
    assert (summary.failures, summary.warnings) == ({}, {})


def test_a_ct_ich_patient_without_rows_has_unknown_ivh(tmp_path: Path) -> None:
    source = write_ct_ich(tmp_path / "set", [PURE, PURE])
    table = source / "hemorrhage_diagnosis_raw_ct.csv"
    table.write_text("".join(line for line in table.read_text("utf-8-sig").splitlines(True) if line[:2] != "50"))
    summary = import_ct_ich(source, tmp_path / "out")
    assert [row[2:] for row in cells(tmp_path / "out")[1:]] == [
        ["no", "PhysioNet CT-ICH", "IPH"],
        ["n/a", "PhysioNet CT-ICH", "n/a"],
    ]
    assert "no row of this patient" in summary.warnings["sub-050"][0]


def test_instance(tmp_path: Path) -> None:
    source = write_instance(tmp_path / "set", [MIXED, PURE])
    summary = import_instance(source, tmp_path / "out")
    assert [row[:3] for row in cells(tmp_path / "out")[1:]] == [["sub-001", "001", "n/a"], ["sub-002", "002", "n/a"]]
    assert lesion_values(tmp_path / "out") == [IPH_HU + IVH_HU + SAH_HU, IPH_HU]
    assert "merge all types" in summary.notes[0]
    assert import_instance(source / "train_2", tmp_path / "from_its_root").written == ("sub-001", "sub-002")


def test_an_image_and_a_mask_are_of_one_case_in_either_unicode_form(tmp_path: Path) -> None:
    source = write_instance(tmp_path / "set", [PURE])
    for folder, name in (("data", "M\u00fcller"), ("label", "Mu\u0308ller")):
        (source / "train_2" / folder / "001.nii.gz").rename(source / "train_2" / folder / f"{name}.nii.gz")
    assert import_instance(source, tmp_path / "out").written == ("sub-Mller",)
    assert cells(tmp_path / "out")[1][:2] == ["sub-Mller", "M\u00fcller"]


def test_bhsd_takes_iph_as_the_lesion_and_keeps_a_patient_s_scans_together(tmp_path: Path) -> None:
    source = write_bhsd(tmp_path / "set", [MIXED, PURE, NO_IPH])
    summary = import_bhsd(source, tmp_path / "out")
    assert [row[:3] for row in cells(tmp_path / "out")[1:]] == [
        ["sub-0a6241b6081c820129", "0a6241b6", "yes"],
        ["sub-0a6241b6f2a6636a59", "0a6241b6", "no"],
    ]
    assert lesion_values(tmp_path / "out") == [IPH_HU, IPH_HU]
    assert ivh_values(tmp_path / "out") == [IVH_HU, None]
    assert summary.left_out == ("sub-5c77e100e78689a0f3",)
    assert "label 2 (IPH)" in summary.notes[0]
    assert summary.warnings == {}


def test_mbh_seg_takes_one_rater_or_the_majority(tmp_path: Path) -> None:
    wider = labels(iph=True)
    wider[4, 3, 10:12] = 2  # 58 and 59 HU
    source = write_mbh_seg(tmp_path / "set", [MIXED], raters=[[wider, wider]])
    for rater, expected in ((1, IPH_HU), (2, [*IPH_HU, 58, 59]), ("majority", [*IPH_HU, 58, 59])):
        out = tmp_path / str(rater)
        summary = import_mbh_seg(source, out, rater=rater)
        assert lesion_values(out) == [expected]
        assert cells(out)[1][:3] == ["sub-0a6241b6081c820129", "0a6241b6", "yes" if rater == 1 else "no"]
        assert str(rater) in summary.notes[1]
    summary = import_mbh_seg(source, tmp_path / "4", rater=4)
    assert summary.failures == {
        "sub-0a6241b6081c820129": "case sub-0a6241b6081c820129: has no labels of rater 4 (it has those of: 1, 2, 3); "
        "choose another rater, or the majority"
    }


def test_another_label_order_is_an_option_and_a_wrong_one_is_warned_of(tmp_path: Path) -> None:
    labels_DHW = labels(iph=True)
    labels_DHW[0, 0, :3] = 5  # -1024 HU
    source = write_mbh_seg(tmp_path / "set", [replace(PURE, labels_DHW=labels_DHW)])
    summary = import_mbh_seg(source, tmp_path / "right", lesion_label=2, ivh_label=5)
    assert (summary.warnings, ivh_values(tmp_path / "right")) == ({}, [[-1024, -1023, -1022]])
    summary = import_mbh_seg(source, tmp_path / "wrong", lesion_label=5, ivh_label=2)
    assert "the lesion's median is -1023 HU" in summary.warnings["sub-0a6241b6081c820129"][0]
    with pytest.raises(BadInput, match="two different labels"):
        import_bhsd(write_bhsd(tmp_path / "bhsd", [PURE]), tmp_path / "same", lesion_label=3)


def test_cq500_passes_a_sheared_grid_on_as_it_is(tmp_path: Path) -> None:
    tilted = AFFINE.copy()
    tilted[1, 2] = 1.2
    case = replace(MIXED, ct=Volume(array_DHW=RAMP_DHW, affine=tilted))
    summary = import_cq500(write_cq500(tmp_path / "set", [case, PURE]), tmp_path / "out")
    assert [row[:3] for row in cells(tmp_path / "out")[1:]] == [
        ["sub-CQ500CT5", "CQ500-CT-5", "n/a"],
        ["sub-CQ500CT8", "CQ500-CT-8", "n/a"],
    ]
    assert lesion_values(tmp_path / "out") == [IPH_HU + IVH_HU + SAH_HU, IPH_HU]
    ct = read_volume(read_manifest(tmp_path / "out")[0].ct_path)
    np.testing.assert_allclose(ct.affine, tilted, atol=1e-5)
    np.testing.assert_array_equal(ct.array_DHW, RAMP_DHW)
    assert "merge all types" in summary.notes[0]


def test_hemseg_takes_the_iph_scans_with_images_from_elsewhere(tmp_path: Path) -> None:
    source = write_hemseg(tmp_path / "set", [PURE, MIXED, NO_IPH])
    summary = import_hemseg(source, tmp_path / "out")
    assert [row[:3] for row in cells(tmp_path / "out")[1:]] == [
        ["sub-081c820129", "0a6241b6", "n/a"],
        ["sub-f2a6636a59", "0a6241b6", "n/a"],
    ]
    assert lesion_values(tmp_path / "out") == [IPH_HU, IPH_HU]
    assert "0 is taken for IPH" in summary.notes[0]
    assert summary.notes[1:] == ("1 of 3 scans are IVH alone and are left out",)
    (source / "images").rename(tmp_path / "rebuilt")
    with pytest.raises(BadInput, match=r"images: no such folder; HemSeg has labels alone: rebuild .* --images"):
        import_hemseg(source, tmp_path / "none")
    (tmp_path / "rebuilt" / "081c820129.nii.gz").unlink()
    (source / "annotion_file_info.jsonl").unlink()
    summary = import_hemseg(source, tmp_path / "one", images=tmp_path / "rebuilt")
    assert cells(tmp_path / "one")[1:] == [["sub-f2a6636a59", "f2a6636a59", "n/a", "RSNA 2019", "IPH"]]
    assert list(summary.failures) == ["sub-081c820129"]
    assert "no CT of that name" in summary.failures["sub-081c820129"]
    assert "patients of their own" in summary.notes[2]
    (source / "train_set.csv").unlink()
    with pytest.raises(BadInput, match=r"no table tells the type of 1 of 3 labels \(081c820129\); put .* there"):
        import_hemseg(source, tmp_path / "untold", images=tmp_path / "rebuilt")


def test_nnunet_takes_the_only_label_and_the_cta_channel(tmp_path: Path) -> None:
    cta = Volume(array_DHW=RAMP_DHW[:, :8] + np.int16(1), affine=AFFINE)
    source = write_nnunet(tmp_path / "set", [replace(MIXED, cta=cta), PURE])
    summary = import_nnunet(source, tmp_path / "out")
    assert cells(tmp_path / "out") == [
        ["participant_id", "patient_id", "ivh"],
        ["sub-head001", "head_001", "n/a"],
        ["sub-head002", "head_002", "n/a"],
    ]
    assert lesion_values(tmp_path / "out") == [IPH_HU, IPH_HU]
    first, second = read_manifest(tmp_path / "out")
    assert second.cta_path is None
    np.testing.assert_array_equal(read_case(first, with_cta=True).cta.array_DHW, RAMP_DHW[:, :8] + 1)
    assert "a patient of its own" in summary.notes[-1]


def test_nnunet_with_several_labels_wants_the_lesion_s(tmp_path: Path) -> None:
    source = write_nnunet(tmp_path / "set", [MIXED, PURE], labels={"IPH": 2, "IVH": 3, "SAH": 4})
    with pytest.raises(BadInput, match=r"several labels \(IPH 2, IVH 3, SAH 4\).* --lesion-label"):
        import_nnunet(source, tmp_path / "out")
    with pytest.raises(BadInput, match="no label 7; it has IPH 2"):
        import_nnunet(source, tmp_path / "out", lesion_label=7)
    import_nnunet(source, tmp_path / "out", lesion_label=2, ivh_label=3)
    assert [row[2] for row in cells(tmp_path / "out")[1:]] == ["yes", "no"]
    assert ivh_values(tmp_path / "out") == [IVH_HU, None]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"modality": {"0": "CT"}, "labels": {"0": "background", "1": "lesion"}}, None),
        ({"labels": {"background": 0, "lesion": 1, "ignore": 2}}, None),
        ({"labels": {"background": 0, "all": [1, 2]}}, "has several labels"),
        ({"channel_names": {"0": "CTA"}, "labels": {"background": 0, "lesion": 1}}, "channel 0 is the CTA"),
        ({"channel_names": {"0": "CT"}}, "KeyError: 'labels'"),
        ([], "cannot be read as nnU-Net's"),
    ],
    ids=["version 1", "ignored voxels", "regions", "CTA first", "no labels", "a list"],
)
def test_each_version_of_nnunet_s_dataset_json(tmp_path: Path, content: object, words: str | None) -> None:
    source = write_nnunet(tmp_path / "set", [PURE])
    (source / "dataset.json").write_text(json.dumps(content))
    if words is None:
        assert import_nnunet(source, tmp_path / "out").written == ("sub-head001",)
    else:
        with pytest.raises(BadInput, match=words):
            import_nnunet(source, tmp_path / "out")


Importer = Callable[[Path, Path], ImportSummary]
SETS: dict[str, tuple[Callable[..., Path], Importer]] = {
    "import-ct-ich": (write_ct_ich, import_ct_ich),
    "import-instance": (write_instance, import_instance),
    "import-bhsd": (write_bhsd, import_bhsd),
    "import-mbh-seg": (write_mbh_seg, import_mbh_seg),
    "import-cq500": (write_cq500, import_cq500),
    "import-hemseg": (write_hemseg, import_hemseg),
    "import-nnunet": (write_nnunet, import_nnunet),
}


@pytest.mark.parametrize("command", SETS)
def test_nothing_of_a_source_s_header_or_path_reaches_the_data_set(tmp_path: Path, command: str) -> None:
    write, run = SETS[command]
    run(write(tmp_path / "from-hospital", [MIXED, PURE], planted="DOE^JANE 1931"), tmp_path / "out")
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        for planted in (b"DOE", b"JANE", b"1931", b"from-hospital"):
            assert planted not in content, path
    for path in (tmp_path / "out").rglob("*.nii.gz"):
        volume = read_volume(path)
        assert volume.array_DHW.dtype == (np.uint8 if "mask" in path.name else np.int16)
        np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)


@pytest.mark.parametrize("command", SETS)
def test_a_folder_in_another_layout_is_sent_to_its_importer(tmp_path: Path, command: str) -> None:
    source = SETS[command][0](tmp_path / "set", [PURE])
    for other, (_, run) in SETS.items():
        if other != command:
            with pytest.raises(BadInput) as caught:
                run(source, tmp_path / "out")
            message = str(caught.value)
            assert message.endswith(f"use hemosweep data {command}"), other
            assert "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", SETS)
def test_a_wrong_folder_is_refused_with_what_is_missing(tmp_path: Path, command: str) -> None:
    run = SETS[command][1]
    for make, words in (
        (lambda path: None, "no such folder"),
        (Path.touch, "is a file; unpack it"),
        (Path.mkdir, "name the folder that the set was unpacked to"),
        (lambda path: (path.mkdir(), (path / "participants.tsv").touch()), "is a data set already"),
        (lambda path: (path.mkdir(), (path / "1.dcm").touch()), "it looks like DICOM: use hemosweep data import-dicom"),
    ):
        source = tmp_path / str(len(os.listdir(tmp_path)))
        make(source)
        with pytest.raises(BadInput, match=words):
            run(source, tmp_path / "out")
        if words == "no such folder":
            source.touch()


def bhsd_paths(source: Path) -> tuple[Path, Path]:
    name = f"{rsna_name(0)}.nii.gz"
    return source / "label_192" / "images" / name, source / "label_192" / "ground truths" / name


def identity(path: Path) -> None:
    save_nifti(path, labels(iph=True).astype(np.uint16), np.diag([-1.0, -1, 1, 1]))


def moved_without_sform(path: Path) -> None:
    moved = AFFINE.copy()
    moved[:3, 3] += 30.0
    save_nifti(path, labels(iph=True), moved, sform=False)


@pytest.mark.parametrize("spoil", [identity, moved_without_sform])
def test_a_mask_whose_header_is_lost_lies_on_its_ct_with_a_warning(tmp_path: Path, spoil: Callable[..., None]) -> None:
    source = write_bhsd(tmp_path / "set", [PURE])
    spoil(bhsd_paths(source)[1])
    summary = import_bhsd(source, tmp_path / "out")
    assert lesion_values(tmp_path / "out") == [IPH_HU]
    assert "voxel by voxel" in summary.warnings["sub-0a6241b6081c820129"][0]


def elsewhere(ct: Path, mask: Path) -> None:
    moved = AFFINE.copy()
    moved[2, 3] += 5.0
    save_nifti(ct, RAMP_DHW, AFFINE)
    save_nifti(mask, labels(iph=True), moved)


def other_size(ct: Path, mask: Path) -> None:
    save_nifti(mask, labels(iph=True), AFFINE @ np.diag([2.0, 2, 1, 1]), sform=False)


def not_a_number(ct: Path, mask: Path) -> None:
    values = RAMP_DHW.astype(np.float32)
    values[0, 0, 0] = np.nan
    save_nifti(ct, values, AFFINE)


def cut(ct: Path, mask: Path) -> None:
    ct.write_bytes(ct.read_bytes()[:-30])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (elsewhere, "lie on different grids"),
        (other_size, "lie on different grids"),
        (lambda ct, mask: save_nifti(mask, labels(iph=True)[:7], AFFINE), "(16 x 16 x 8 voxels) and mask"),
        (lambda ct, mask: save_nifti(mask, labels(iph=True) * np.float32(0.7), AFFINE), "are no labels"),
        (not_a_number, "non-finite voxels"),
        (cut, "not a readable NIfTI file"),
        (lambda ct, mask: mask.write_text("see the other folder"), "not a readable NIfTI file"),
        (lambda ct, mask: mask.unlink(), "there is a CT but no mask of that name"),
        (lambda ct, mask: ct.unlink(), "there is a mask but no CT of that name"),
    ],
    ids=["moved", "other size", "other shape", "probabilities", "NaN", "truncated", "text", "no mask", "no CT"],
)
def test_a_bad_case_is_told_and_the_others_go_on(tmp_path: Path, spoil: Callable[..., object], words: str) -> None:
    source = write_bhsd(tmp_path / "set", [PURE, MIXED])
    spoil(*bhsd_paths(source))
    summary = import_bhsd(source, tmp_path / "out")
    assert summary.written == ("sub-0a6241b6f2a6636a59",)
    (message,) = summary.failures.values()
    assert message.startswith("case sub-0a6241b6081c820129: ")
    assert words in message
    assert "\n" not in message
    assert sorted(os.listdir(tmp_path / "out")) == [
        "dataset_description.json", "participants.tsv", "sub-0a6241b6f2a6636a59",
    ]  # fmt: skip


def test_a_binary_set_with_a_label_map_is_refused_and_a_grey_picture_is_cut_at_half(tmp_path: Path) -> None:
    source = write_instance(tmp_path / "set", [PURE, PURE])
    save_nifti(source / "train_2" / "label" / "001.nii.gz", MIXED.labels_DHW, AFFINE)
    grey_DHW = np.where(PURE.labels_DHW > 0, 255, 0).astype(np.uint8)
    grey_DHW[4, 3, 3] = 90  # 51 HU
    save_nifti(source / "train_2" / "label" / "002.nii.gz", grey_DHW, AFFINE)
    summary = import_instance(source, tmp_path / "out")
    assert "the mask has the labels 2, 3, 4 where one is expected" in summary.failures["sub-001"]
    assert lesion_values(tmp_path / "out") == [IPH_HU]


def test_names_that_would_become_one_id_are_refused(tmp_path: Path) -> None:
    source = write_nnunet(tmp_path / "set", [PURE])
    for folder, suffix in (("imagesTr", "_0000"), ("labelsTr", "")):
        original = source / folder / f"head_001{suffix}.nii.gz"
        (source / folder / f"head-001{suffix}.nii.gz").write_bytes(original.read_bytes())
    with pytest.raises(BadInput, match="'head-001' and 'head_001': would get one id; rename one of them"):
        import_nnunet(source, tmp_path / "out")


def test_a_file_that_is_there_packed_and_unpacked_is_refused(tmp_path: Path) -> None:
    source = write_instance(tmp_path / "set", [PURE])
    save_nifti(source / "train_2" / "data" / "001.nii", RAMP_DHW, AFFINE)
    with pytest.raises(BadInput, match=r"holds both 001\.nii and 001\.nii\.gz; keep one"):
        import_instance(source, tmp_path / "out")


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    source = write_ct_ich(tmp_path / "set", [PURE])
    table = source / "hemorrhage_diagnosis_raw_ct.csv"
    table.write_text("PatientNumber,SliceNumber\n49,1\n")
    with pytest.raises(BadInput, match=r"raw_ct\.csv: lacks the column Intraparenchymal, Intraventricular"):
        import_ct_ich(source, tmp_path / "out")
    table.write_bytes(b"PatientNumber\xff\n")
    with pytest.raises(BadInput, match=r"raw_ct\.csv: cannot be read .* UTF-8"):
        import_ct_ich(source, tmp_path / "out")


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(source: Path) -> None:
        text = (source / name).read_text("utf-8-sig")
        assert old in text
        (source / name).write_text(text.replace(old, new))

    return change


def empty(*folders: str) -> Callable[[Path], None]:
    def change(source: Path) -> None:
        for folder in folders:
            for path in (source / folder).glob("*.nii.gz"):
                path.unlink()

    return change


@pytest.mark.parametrize(
    ("command", "change", "words"),
    [
        ("import-ct-ich", edit("hemorrhage_diagnosis_raw_ct.csv", "49,5,", "49,5,some,"), "a cell that is no number"),
        ("import-cq500", edit("Seg-CQ500/data/volumes/info.csv", "CQ500-CT-5,", "?,"), "no letter or digit"),
        ("import-cq500", lambda source: cut_table(source / "Seg-CQ500/data/volumes/info.csv"), "lists no case"),
        ("import-hemseg", edit("train_set.csv", "129,0", "129,2"), "has the label '2'; 0 "),
        ("import-hemseg", edit("annotion_file_info.jsonl", "scan_", "series"), "jsonl: cannot be read"),
        ("import-hemseg", edit("annotion_file_info.jsonl", "{", "["), "jsonl: cannot be read"),
        ("import-hemseg", empty("images"), "has no image of the 1 IPH labels"),
        ("import-nnunet", empty("imagesTr", "labelsTr"), "hold no NIfTI files"),
        ("import-instance", empty("train_2/data", "train_2/label"), "has no case to import"),
    ],
    ids=["word in a table", "no name", "no rows", "third type", "no scan", "no JSON", "no images", "PNG", "nothing"],
)
def test_what_a_set_lacks_is_told(tmp_path: Path, command: str, change: Callable[[Path], None], words: str) -> None:
    write, run = SETS[command]
    source = write(tmp_path / "set", [PURE])
    change(source)
    with pytest.raises(BadInput) as caught:
        run(source, tmp_path / "out")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def cut_table(path: Path) -> None:
    path.write_text(path.read_text().splitlines()[0])


def test_a_ct_without_orientation_is_warned_of(tmp_path: Path) -> None:
    source = write_bhsd(tmp_path / "set", [PURE])
    for path, array_DHW in zip(bhsd_paths(source), (RAMP_DHW, PURE.labels_DHW), strict=True):
        image = nib.Nifti1Image(np.ascontiguousarray(array_DHW.transpose(2, 1, 0)), None)
        image.header.set_zooms((0.5, 0.4, 5.0))
        nib.save(image, path)
    summary = import_bhsd(source, tmp_path / "out")
    assert "left and right" in summary.warnings["sub-0a6241b6081c820129"][0]
    (only,) = read_manifest(tmp_path / "out")
    np.testing.assert_allclose(read_volume(only.ct_path).spacing_DHW_mm, (5.0, 0.4, 0.5), rtol=1e-6)


def test_a_lesion_in_a_ct_that_lost_its_intercept_is_no_odd_blood(tmp_path: Path) -> None:
    raw_DHW = np.full((8, 16, 16), 1054, dtype=np.uint16)  # brain of 30 HU, air below and above
    raw_DHW[[0, 7]] = 0
    raw_DHW[IPH_AT] = 1084
    case = replace(PURE, ct=Volume(array_DHW=raw_DHW, affine=AFFINE))
    summary = import_instance(write_instance(tmp_path / "set", [case]), tmp_path / "out")
    assert summary.warnings == {}
    (only,) = read_manifest(tmp_path / "out")
    np.testing.assert_array_equal(read_volume(only.ct_path).array_DHW, raw_DHW)
    assert "the rescale intercept is missing" in read_case(only).warnings[0]


def as_meta(path: Path, suffix: str) -> None:
    """Put a file in another format in a NIfTI file's place, as SimpleITK converts it."""
    image = SimpleITK.ReadImage(str(path))
    path.unlink()
    SimpleITK.WriteImage(image, str(path).removesuffix(".nii.gz") + suffix)


@pytest.mark.parametrize(("ct", "mask"), [(".mha", ".nrrd"), (".nrrd", ".nii"), (".nii.gz", ".mha")])
def test_images_in_other_formats_are_imported_as_nifti_is(tmp_path: Path, ct: str, mask: str) -> None:
    source = write_bhsd(tmp_path / "set", [PURE])
    for path, suffix in zip(bhsd_paths(source), (ct, mask), strict=True):
        as_meta(path, suffix)
    summary = import_bhsd(source, tmp_path / "out")
    assert (summary.failures, summary.warnings) == ({}, {})
    assert lesion_values(tmp_path / "out") == [IPH_HU]


def test_an_analyze_mask_lies_on_its_ct_voxel_by_voxel_and_an_analyze_ct_is_a_guess(tmp_path: Path) -> None:
    source = write_bhsd(tmp_path / "set", [PURE])
    for path, words in zip(reversed(bhsd_paths(source)), ("voxel by voxel", "nothing of left and right"), strict=True):
        image = nib.load(path)
        voxels = np.asanyarray(image.dataobj).astype(np.int16)
        nib.save(nib.AnalyzeImage(voxels, image.affine), str(path).replace(".nii.gz", ".img"))
        path.unlink()
        out = tmp_path / words[:3]
        summary = import_bhsd(source, out)
        assert words in summary.warnings["sub-0a6241b6081c820129"][0]
        assert lesion_values(out) == [IPH_HU]
