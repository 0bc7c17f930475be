from pathlib import Path

import pytest

from hemosweep.config import ArmConfig, CrossValidationConfig
from hemosweep.data.case import patient_names
from hemosweep.data.content import dataset_digest
from hemosweep.data.folds import draw_folds
from hemosweep.data.manifest import MAX_ID_BYTES, read_manifest
from hemosweep.digest import DIGEST_LENGTH, digest_json
from hemosweep.errors import BadInput
from hemosweep.files import replacing
from hemosweep.identity.fold_run import fold_run_digest

HEADER = "participant_id\tpatient_id\tivh\n"
NOTED = "participant_id\tpatient_id\tivh\tnote\n"


def make_data(folder: Path, table: str | bytes, case_ids: tuple[str, ...] = ("sub-001", "sub-002")) -> Path:
    """A data set with this table; the manifest looks at the volumes without opening them."""
    for case_id in case_ids:
        (folder / case_id / "ct").mkdir(parents=True)
        for suffix in ("ct", "label-lesion_mask"):
            (folder / case_id / "ct" / f"{case_id}_{suffix}.nii.gz").touch()
    (folder / "participants.tsv").write_bytes(table if isinstance(table, bytes) else table.encode())
    return folder


def test_cases_come_in_the_table_s_order_with_their_paths(tmp_path: Path) -> None:
    table = "centre\tivh\tparticipant_id\tpatient_id\nGirona\tyes\tsub-002\tP1\nGirona\tn/a\tsub-001\tP1\n"
    second, first = read_manifest(make_data(tmp_path, table))
    assert (second.case_id, second.patient_id, second.ivh) == ("sub-002", "P1", True)
    assert (first.case_id, first.patient_id, first.ivh) == ("sub-001", "P1", None)
    assert first.ct_path == tmp_path / "sub-001" / "ct" / "sub-001_ct.nii.gz"
    assert first.lesion_path == tmp_path / "sub-001" / "ct" / "sub-001_label-lesion_mask.nii.gz"


def test_ids_stay_text(tmp_path: Path) -> None:
    cases = read_manifest(make_data(tmp_path, HEADER + "001\t007\tno\n01\t7\tno\n", ("001", "01")))
    assert [(case.case_id, case.patient_id) for case in cases] == [("001", "007"), ("01", "7")]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_tables_saved_by_a_spreadsheet_are_read(tmp_path: Path, newline: str, encoding: str) -> None:
    table = f"{HEADER}sub-001\tP1\tyes\n\nsub-002\tPérez\tno\n".replace("\n", newline).encode(encoding)
    cases = read_manifest(make_data(tmp_path, table))
    assert [(case.case_id, case.patient_id, case.ivh) for case in cases] == [
        ("sub-001", "P1", True),
        ("sub-002", "Pérez", False),
    ]


def test_spaces_around_a_value_and_quotes_around_a_cell_do_not_count(tmp_path: Path) -> None:
    table = (
        '"participant_id"\tpatient_id\tivh\tnote\n"sub-001"\t P1 \tyes \t"left, ""deep"""\nsub-002\tP2\tno\t5" skull\n'
    )
    cases = read_manifest(make_data(tmp_path, table))
    assert [(case.case_id, case.patient_id, case.ivh) for case in cases] == [
        ("sub-001", "P1", True),
        ("sub-002", "P2", False),
    ]


GOOD = "sub-001\tP1\tyes\n"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("participant_id\tivh\nsub-001\tno\n", ("participants.tsv", "lacks the column patient_id", "tab-separated")),
        ("participant_id,patient_id,ivh\nsub-001,P1,no\n", ("participants.tsv", "participant_id", "tab-separated")),
        ("", ("participants.tsv", "lacks the column participant_id, patient_id, ivh")),
        (HEADER, ("participants.tsv", "no cases", "add one row")),
        (HEADER + GOOD + GOOD, ("participants.tsv", "sub-001", "twice", "id of its own")),
        (HEADER + GOOD + "sub-002\tP2\tmaybe\n", ("participants.tsv", "line 3", "'maybe'", "yes, no or n/a")),
        (HEADER + GOOD + "\n\nsub-002\tP2\tYES\n", ("participants.tsv", "line 5", "'YES'", "yes, no or n/a")),
        (HEADER + "sub-001\tP1\n", ("participants.tsv", "line 2", "ivh is ''", "yes, no or n/a")),
        (HEADER + GOOD + "sub-002\t \tno\n", ("line 3", "empty participant_id or patient_id", "fill it in")),
        (HEADER + "\tP1\tno\n", ("line 2", "empty participant_id or patient_id", "fill it in")),
        (HEADER + "../sub-001\tP1\tno\n", ("line 2", "'../sub-001'", "cannot name a folder")),
        (HEADER + "..\tP1\tno\n", ("line 2", "'..'", "cannot name a folder")),
        (HEADER + '"sub\n001"\tP1\tno\n', ("line 3", r"'sub\n001'", "cannot name a folder")),
        (HEADER + "x" * 300 + "\tP1\tno\n", ("line 2", "participant_id xxx", "300 bytes", "190 at most", "shorten it")),
        (HEADER + "é" * 96 + "\tP1\tno\n", ("line 2", "participant_id ééé", "192 bytes", "shorten it")),
        (HEADER + "sub-001\t" + "P" * 191 + "\tno\n", ("line 2", "patient_id PPP", "191 bytes", "shorten it")),
        (HEADER + "sub-003\tP3\tno\n", ("case sub-003", "no CT", "sub-003_ct.nii.gz", "remove the case's row")),
        # One stray quote must not swallow the rows that follow it.
        (NOTED + 'sub-001\tP1\tyes\t"deep\nsub-002\tP2\tno\tlobar\n', ("participants.tsv", "stray quotes")),
        (NOTED + 'sub-001\tP1\tyes\t"deep\nsub-002\tP2\tno\t"lobar\n', ("participants.tsv", "stray quotes")),
        (b"\xff\xfe" + (HEADER + GOOD).encode("utf-16-le"), ("participants.tsv", "cannot be read", "UTF-8")),
        (HEADER.encode() + b"sub-001\tP\xe9rez\tno\n", ("participants.tsv", "cannot be read", "UTF-8")),
    ],
    ids=[
        "missing column", "commas", "empty file", "no rows", "duplicate", "bad ivh", "line after blank ones",
        "short row", "no patient", "no id", "id with a slash", "id of dots", "id over two lines", "endless id",
        "endless id in UTF-8", "endless patient",
        "no folder", "stray quote", "two stray quotes", "UTF-16", "Latin-1",
    ],
)  # fmt: skip
def test_a_bad_table_is_refused_with_its_place_and_the_way_out(
    tmp_path: Path, table: str | bytes, words: tuple[str, ...]
) -> None:
    data = make_data(tmp_path, table)
    with pytest.raises(BadInput) as caught:
        read_manifest(data)
    message = str(caught.value)
    assert [word for word in words if word not in message] == []
    assert "\n" not in message


@pytest.mark.parametrize(
    ("suffix", "words"), [("ct", "no CT at"), ("label-lesion_mask", "no lesion mask at")], ids=["CT", "lesion mask"]
)
def test_a_case_without_a_file_is_refused(tmp_path: Path, suffix: str, words: str) -> None:
    data = make_data(tmp_path, HEADER + GOOD)
    path = data / "sub-001" / "ct" / f"sub-001_{suffix}.nii.gz"
    path.unlink()
    with pytest.raises(BadInput) as caught:
        read_manifest(data)
    message = str(caught.value)
    assert f"case sub-001: {words} {path}" in message
    assert "remove the case's row" in message


def test_the_longest_id_fits_the_longest_name_that_is_made_of_it(tmp_path: Path) -> None:
    case_id = "x" * MAX_ID_BYTES
    (case,) = read_manifest(make_data(tmp_path, f"{HEADER}{case_id}\tP1\tno\n", (case_id,)))
    with replacing(tmp_path / f"{case.case_id}-{'0' * DIGEST_LENGTH}.npz", shared=True) as temporary:
        temporary.touch()


def test_a_missing_folder_or_table_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere: no such data folder; give the folder that holds participants\.tsv"):
        read_manifest(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="no such data folder"):
        read_manifest(tmp_path / ("x" * 300))
    with pytest.raises(BadInput, match=r"participants\.tsv: not found; .*participant_id, patient_id, ivh"):
        read_manifest(tmp_path)


COMPOSED, DECOMPOSED = "Pérez", "Pe\u0301rez"


@pytest.mark.parametrize("in_table", [COMPOSED, DECOMPOSED], ids=["table NFC", "table NFD"])
@pytest.mark.parametrize("folder", [COMPOSED, DECOMPOSED], ids=["folder NFC", "folder NFD"])
@pytest.mark.parametrize("file", [COMPOSED, DECOMPOSED], ids=["file NFC", "file NFD"])
def test_an_id_is_one_in_either_unicode_form_of_table_folder_and_file(
    tmp_path: Path, in_table: str, folder: str, file: str
) -> None:
    (tmp_path / f"sub-{folder}" / "ct").mkdir(parents=True)
    for suffix in ("ct", "label-lesion_mask", "cta"):
        (tmp_path / f"sub-{folder}" / "ct" / f"sub-{file}_{suffix}.nii.gz").touch()
    (tmp_path / "participants.tsv").write_text(f"{HEADER}sub-{in_table}\t{in_table}\tno\n", encoding="utf-8")
    (case,) = read_manifest(tmp_path)
    assert (case.case_id, case.patient_id) == (f"sub-{COMPOSED}", COMPOSED)
    assert case.ct_path == tmp_path / f"sub-{folder}" / "ct" / f"sub-{file}_ct.nii.gz"
    assert case.lesion_path is not None
    assert case.cta_path is not None


def test_one_id_in_two_unicode_forms_is_listed_twice(tmp_path: Path) -> None:
    table = f"{HEADER}sub-{COMPOSED}\tP1\tno\nsub-{DECOMPOSED}\tP2\tno\n"
    with pytest.raises(BadInput, match=f"sub-{COMPOSED} is listed twice"):
        read_manifest(make_data(tmp_path, table, (f"sub-{COMPOSED}", f"sub-{DECOMPOSED}")))


def test_a_patient_in_two_unicode_forms_has_one_name_in_results_and_never_parts_across_folds(tmp_path: Path) -> None:
    ids = tuple(f"sub-{number:03}" for number in range(6))
    patients = (COMPOSED, DECOMPOSED, "P2", "P3", "P4", "P5")
    rows = "".join(f"{case_id}\t{patient}\tno\n" for case_id, patient in zip(ids, patients, strict=True))
    cases = read_manifest(make_data(tmp_path, HEADER + rows, ids))
    assert patient_names(cases)["sub-001"] == "sub-000"
    for seed in range(20):
        for fold in draw_folds(cases, CrossValidationConfig(num_folds=3, fold_seed=seed)):
            for part in (fold.train, fold.validation, fold.test):
                assert ("sub-000" in part) == ("sub-001" in part)


def test_a_data_set_whose_ids_are_in_nfc_keeps_its_digests_and_the_names_of_its_fold_runs(tmp_path: Path) -> None:
    """The digests are those of the version before ids were compared in NFC."""
    ids = tuple(f"sub-{name}" for name in ("Müller", "Ørsted", "Pérez", "7", "007", "\uff21"))
    rows = "".join(f"{case_id}\t{case_id.removeprefix('sub-')}\tno\n" for case_id in ids)
    cases = read_manifest(make_data(tmp_path, HEADER + rows, ids))
    config = ArmConfig(cross_validation=CrossValidationConfig(num_folds=3))
    contents = dict.fromkeys(ids, "content")
    names = [
        fold_run_digest(config, 0, fold, contents, "source") for fold in draw_folds(cases, config.cross_validation)
    ]
    assert dataset_digest(cases) == "b7f13fa1ed731501"
    assert digest_json(patient_names(cases)) == "2cec03312306e50b"
    assert names == ["75cd21f1c73cb2f1", "33eb00936fbfa2a2", "13ee89ef2597c643"]
