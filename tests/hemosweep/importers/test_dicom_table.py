"""The table of a dry run: a person decides in a spreadsheet, and hands it back."""

import csv
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hemosweep.cli
from hemosweep.data.manifest import read_participants
from hemosweep.data.nifti import read_volume
from hemosweep.importers.dicom import import_dicom
from tests.dicom_files import PLANTED, UID_ROOT, write_series

THICK, THIN = (0.0, 5.0, 10.0, 15.0, 20.0), tuple(2.0 * index for index in range(11))
Row = dict[str, str]
Ended = tuple[int, str, str]


@pytest.fixture
def hemosweep_data(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs `hemosweep data import-dicom`; returns its exit code, output and errors."""

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["hemosweep", "data", "import-dicom", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            hemosweep.cli.main()
        assert ended.value.code in (None, 0, 1, 2)
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies with CT, the first of them of four series, and one of MR; for reading alone."""
    source = tmp_path_factory.mktemp("dicom") / "Doe_Jane"
    write_series(source / "MRN-4711" / "b", THIN, series=1, ConvolutionKernel=["H70h", "3"])
    write_series(source / "MRN-4711" / "b", THICK, series=2, ConvolutionKernel="H31s")
    write_series(source / "MRN-4711" / "a", THIN, series=3, ContrastBolusAgent="Dr^House's mixture")
    write_series(source / "MRN-4711" / "a", (0.0, 5.0), series=4, ConvolutionKernel="Dr^House")
    write_series(source / "second", (0.0, 6.0, 12.0, 24.0, 30.0, 36.0), study=2, ImageType=["ORIGINAL", "DOE^JANE"])
    write_series(source / "third", study=3, Modality="MR")
    return source


@pytest.fixture(scope="module")
def table_text(source: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Text of the table that a dry run writes."""
    folder = tmp_path_factory.mktemp("table")
    import_dicom(source, folder / "out", dry_run=folder / "table.tsv")
    return (folder / "table.tsv").read_text(encoding="utf-8")


@pytest.fixture
def table(table_text: str, tmp_path: Path) -> Path:
    """The table, for editing."""
    path = tmp_path / "table.tsv"
    path.write_text(table_text, encoding="utf-8")
    return path


def read(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def write(path: Path, rows: list[Row], delimiter: str = "\t", newline: str = "\n", encoding: str = "utf-8") -> None:
    with path.open("w", newline="", encoding=encoding) as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator=newline)
        table.writeheader()
        table.writerows(rows)


def case_of(rows: list[Row], num_series: int) -> str:
    """The id of the study that has so many series."""
    ids = [row["case_id"] for row in rows]
    return next(case_id for case_id in ids if ids.count(case_id) == num_series)


def decide(rows: list[Row], case_id: str, series: int, decision: str) -> None:
    (row,) = [row for row in rows if (row["case_id"], row["series"]) == (case_id, str(series))]
    row["decision"] = decision


def depth_mm(out: Path, case_id: str, suffix: str = "ct") -> float:
    return read_volume(out / case_id / "ct" / f"{case_id}_{suffix}.nii.gz").spacing_DHW_mm[0]


def test_a_dry_run_writes_every_series_with_decision_and_reason_and_imports_nothing(
    source: Path, tmp_path: Path, hemosweep_data: Callable[..., Ended]
) -> None:
    path, out = tmp_path / "table.tsv", tmp_path / "out"
    code, printed, _ = hemosweep_data(source, out, "--dry-run", path)
    assert code == 0
    assert printed.splitlines() == [
        f"wrote {path}: 6 series of 3 studies; nothing is imported",
        "next: write ct, cta or out in its column decision, then hemosweep data import-dicom "
        f"{source} {out} --decisions {path}",
    ]
    assert not out.exists()
    rows = read(path)
    case_id = case_of(rows, 4)
    told = [tuple(row[name] for name in ("series", "folder", "slices", "step_mm", "kernel", "contrast", "decision",
                                         "reason")) for row in rows if row["case_id"] == case_id]  # fmt: skip
    assert told == [
        ("1", "SOURCE/1/2", "11", "2", "H70h", "no", "out", "would do as well as 2, but its kernel is for bone"),
        ("2", "SOURCE/1/2", "5", "5", "H31s", "no", "ct",
         "is the best of 2 plain head CTs: its kernel is for soft tissue"),
        ("3", "SOURCE/1/1", "11", "2", "n/a", "yes", "cta", "has contrast (an agent is named)"),
        ("4", "SOURCE/1/1", "2", "n/a", "other", "no", "out", "has only 2 slices"),
    ]  # fmt: skip
    others = {row["modality"]: row for row in rows if row["case_id"] != case_id}
    assert [row["number_of_scanner"] for row in rows if row["case_id"] == case_id] == ["1", "2", "3", "4"]
    assert others["CT"]["reason"] == (
        "is the only plain head CT; 1 slice is missing (after number 3 from below) and interpolated: resampled along "
        "the slice axis to 6 mm"
    )
    assert others["CT"]["image_type"] == "ORIGINAL other"
    assert (others["MR"]["case_id"], others["MR"]["decision"], others["MR"]["reason"]) == ("no-ct", "out", "is not CT")


def test_the_table_holds_no_text_of_a_header_and_no_name_of_a_folder(table: Path) -> None:
    text = table.read_text(encoding="utf-8")
    names = (*PLANTED, "Doe", "DOE", "House", "MRN", "second", UID_ROOT)
    assert not [name for name in names if name in text]
    assert not [cell for row in read(table) for cell in row.values() if cell[:1] in "=+-@'" or not cell]


def test_what_a_person_decides_is_imported_and_told(
    source: Path, tmp_path: Path, table: Path, hemosweep_data: Callable[..., Ended]
) -> None:
    rows = read(table)
    first, second = case_of(rows, 4), next(r["case_id"] for r in rows if r["step_mm"] == "6")
    decide(rows, first, 1, "ct")
    decide(rows, first, 2, "out")
    decide(rows, second, 1, "out")
    write(table, rows)
    code, printed, errors = hemosweep_data(source, tmp_path / "out", "--decisions", table)
    assert code == 0
    assert printed.startswith("imported 1 cases")
    assert [case.case_id for case in read_participants(tmp_path / "out")] == [first]
    assert (depth_mm(tmp_path / "out", first), depth_mm(tmp_path / "out", first, "cta")) == (2.0, 2.0)
    assert f"note: studies that the table leaves out: 1 ({second})" in errors
    assert (
        "1 ct (decided in the table, in place of out, which would do as well as 2, but its kernel is for bone); "
        "2 out (decided in the table, in place of ct, which is the best of 2 plain head CTs: its kernel is for soft "
        "tissue); 3 cta (has contrast (an agent is named)); 4 out (has only 2 slices)"
    ) in errors


def test_an_unchanged_table_imports_what_the_import_alone_does(
    source: Path, tmp_path: Path, table: Path, hemosweep_data: Callable[..., Ended]
) -> None:
    assert hemosweep_data(source, tmp_path / "alone")[0] == 0
    assert hemosweep_data(source, tmp_path / "out", "--decisions", table)[0] == 0
    for path in (tmp_path / "alone").rglob("*.nii.gz"):
        assert (tmp_path / "out" / path.relative_to(tmp_path / "alone")).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("delimiter", "newline", "encoding"),
    [(",", "\r\n", "utf-8-sig"), (";", "\r\n", "cp1252"), ("\t", "\r\n", "utf-16"), ("\t", "\r", "utf-8")],
    ids=["CSV with a mark", "semicolons in Windows' letters", "Unicode text", "old Mac"],
)
def test_the_table_comes_back_as_spreadsheets_save_it(
    source: Path,
    tmp_path: Path,
    table: Path,
    hemosweep_data: Callable[..., Ended],
    delimiter: str,
    newline: str,
    encoding: str,
) -> None:
    rows = read(table)
    rows.reverse()
    case_id = case_of(rows, 4)
    for row in rows:
        row["noté"] = 'of "mine", seen; \u00fcber'
    decide(rows, case_id, 2, " Out ")
    decide(rows, case_id, 1, "'CT")
    rows.append(dict.fromkeys(rows[0], ""))
    write(table, rows, delimiter, newline, encoding)
    code, _, errors = hemosweep_data(source, tmp_path / "out", "--decisions", table)
    assert (code, depth_mm(tmp_path / "out", case_id)) == (0, 2.0), errors


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda rows, a: decide(rows, a, 1, "ct"), "two series of {a} are the ct; choose one"),
        (lambda rows, a: decide(rows, a, 1, "cta"), "two series of {a} are the cta; choose one"),
        (lambda rows, a: decide(rows, a, 2, "out"), "{a} has a cta and no ct; name its ct, or write out"),
        (lambda rows, a: decide(rows, a, 4, "ct"), "({a}, series 4 of 4): cannot be the ct, for it has only 2 slices"),
        (lambda rows, a: decide(rows, a, 1, "yes"), "({a}, series 1 of 4): the decision is none of these; write ct"),
        (lambda rows, a: decide(rows, a, 1, "=B2"), "({a}, series 1 of 4): the decision is none of these; write ct"),
        (lambda rows, a: decide(rows, a, 1, ""), "({a}, series 1 of 4): the decision is empty; write ct, cta or out"),
        (lambda rows, a: [row.update(decision="out") for row in rows], "no series is the ct; write ct for one of each"),
        (lambda rows, a: rows.pop(), "has no row of series "),
        (lambda rows, a: rows.append(rows[0]), "rows 2 and 8 are of the same series; delete one"),
        (lambda rows, a: rows[1].update(series_key="s0123"), "row 3: its series is not in "),
        (lambda rows, a: rows[1].update(series="9"), "row 3: its series_key is that of series "),
        (lambda rows, a: [row.update(series_key="s0123") for row in rows], "is the table of another folder: none of "),
        (lambda rows, a: [row.pop("decision") for row in rows], "lacks the column decision; hand back the table"),
        (lambda rows, a: [row.update({"Decision ": "ct"}) for row in rows], "has twice the column decision; hand back"),
    ],
    ids=["two cts", "two ctas", "cta alone", "unreadable", "word", "formula", "empty", "nothing", "row gone", "twice",
         "key", "number", "another folder", "column gone", "column twice"],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line_and_nothing_is_written(
    source: Path,
    tmp_path: Path,
    table: Path,
    hemosweep_data: Callable[..., Ended],
    edit: Callable[[list[Row], str], object],
    said: str,
) -> None:
    rows = read(table)
    case_id = case_of(rows, 4)
    edit(rows, case_id)
    write(table, rows)
    code, printed, errors = hemosweep_data(source, tmp_path / "out", "--decisions", table)
    assert (code, printed) == (2, "")
    (line,) = errors.strip().splitlines()
    assert line.startswith(f"error: {table}")
    assert said.format(a=case_id) in line
    assert "{" not in line
    assert not (tmp_path / "out").exists()


def test_studies_that_came_later_are_seen(
    source: Path, tmp_path: Path, table: Path, hemosweep_data: Callable[..., Ended]
) -> None:
    source = shutil.copytree(source, tmp_path / "later")
    for study in range(4, 9):
        write_series(source / f"new {study}", study=study)
    code, _, errors = hemosweep_data(source, tmp_path / "out", "--decisions", table)
    assert code == 2
    assert "has no row of series 1 of sub-00" in errors
    assert " and 4 more: the files came later, or the row was deleted; make a new table with --dry-run" in errors


def test_series_that_came_later_and_slices_that_came_later_are_seen(
    source: Path, tmp_path: Path, table: Path, hemosweep_data: Callable[..., Ended]
) -> None:
    source = shutil.copytree(source, tmp_path / "later")
    write_series(source / "second", THICK, study=2, series=7)
    code, _, errors = hemosweep_data(source, tmp_path / "out", "--decisions", table)
    assert code == 2
    assert "has no row of series 2 of sub-00" in errors
    assert "the files came later, or the row was deleted; make a new table with --dry-run" in errors
    write_series(source / "MRN-4711" / "b", (*THICK, 25.0), series=2, ConvolutionKernel="H31s")
    code, _, errors = hemosweep_data(source, tmp_path / "out", "--decisions", table)
    assert code == 2
    assert "its series is not in" in errors
    assert "its files changed or are gone" in errors


def test_a_new_table_keeps_what_an_earlier_one_decided_about_studies_that_are_as_they_were(
    source: Path, tmp_path: Path, table: Path, hemosweep_data: Callable[..., Ended]
) -> None:
    rows = read(table)
    first, second = case_of(rows, 4), next(row["case_id"] for row in rows if row["step_mm"] == "6")
    decide(rows, first, 1, "ct")
    decide(rows, first, 2, "out")
    decide(rows, second, 1, "out")
    write(table, rows)
    source = shutil.copytree(source, tmp_path / "later")
    write_series(source / "second", THICK, study=2, series=7)
    for study in range(4, 9):
        write_series(source / f"new {study}", study=study)
    new = tmp_path / "new.tsv"
    code, _, errors = hemosweep_data(source, tmp_path / "out", "--dry-run", new, "--decisions", table)
    assert code == 0
    assert "studies that are new or have other series than in the table, to be decided: 6 (sub-00" in errors
    by_key = {row["series_key"]: row["decision"] for row in read(new)}
    assert [by_key[row["series_key"]] for row in rows if row["case_id"] == first] == ["ct", "out", "cta", "out"]
    assert sorted(by_key.values()) == ["ct"] * 7 + ["cta"] + ["out"] * 4
    assert hemosweep_data(source, tmp_path / "out", "--decisions", new)[0] == 0
    assert len(read_participants(tmp_path / "out")) == 7


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory); give the table that --dry-run wrote"),
        (b"PK\x03\x04", "is a workbook; save the sheet as text with tabs, or as CSV"),
        (b"", "lacks the column case_id; hand back the table that --dry-run wrote, with its first row"),
        (b"a\0b", "is no text; save the table as CSV in UTF-8"),
    ],
    ids=["missing", "workbook", "empty", "binary"],
)
def test_what_is_no_table_is_refused(
    source: Path, tmp_path: Path, hemosweep_data: Callable[..., Ended], content: bytes | None, said: str
) -> None:
    path = tmp_path / "back.xlsx"
    if content is not None:
        path.write_bytes(content)
    code, _, errors = hemosweep_data(source, tmp_path / "out", "--decisions", path)
    assert (code, errors.strip()) == (2, f"error: {path}: {said}")


def test_options_that_exclude_each_other_and_places_that_are_taken_are_refused(
    source: Path, tmp_path: Path, table: Path, hemosweep_data: Callable[..., Ended]
) -> None:
    before = table.read_bytes()
    for arguments, said in (
        (("--decisions", table, "--series", 1), "--decisions and --series: each says which series to take"),
        (("--dry-run", table), f"{table}: is there already, with what somebody may have decided; name a new table"),
        (("--dry-run", source / "t.tsv"), f"{source / 't.tsv'}: lies in {source}; name a table elsewhere"),
        (("--dry-run", tmp_path / "out" / "t.tsv"), "name a table elsewhere"),
        (("--dry-run", tmp_path / "b", "--key-file", tmp_path / "b"), "is named for --dry-run and for --key-file"),
    ):
        code, _, errors = hemosweep_data(source, tmp_path / "out", *arguments)
        assert (code, len(errors.strip().splitlines())) == (2, 1)
        assert said in errors
    assert table.read_bytes() == before
    assert not (tmp_path / "b").exists()


def test_a_dry_run_can_link_its_cases_to_the_patients(
    source: Path, tmp_path: Path, hemosweep_data: Callable[..., Ended]
) -> None:
    options = ("--dry-run", tmp_path / "table.tsv", "--key-file", tmp_path / "key.tsv")
    assert hemosweep_data(source, tmp_path / "out", *options)[0] == 0
    ids = {row["participant_id"] for row in read(tmp_path / "key.tsv")}
    assert ids == {row["case_id"] for row in read(tmp_path / "table.tsv")} - {"no-ct"}


def test_a_study_that_was_exported_for_two_patients_has_rows_of_its_own(
    tmp_path: Path, hemosweep_data: Callable[..., Ended]
) -> None:
    for patient in ("A", "B"):
        write_series(tmp_path / "in" / patient, patient=patient)
    path = tmp_path / "table.tsv"
    assert hemosweep_data(tmp_path / "in", tmp_path / "out", "--dry-run", path)[0] == 0
    assert len({row["series_key"] for row in read(path)}) == 2
    assert hemosweep_data(tmp_path / "in", tmp_path / "out", "--decisions", path)[0] == 0
    assert len(read_participants(tmp_path / "out")) == 2
