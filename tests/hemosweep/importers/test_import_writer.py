"""Cases to a data set on disk: types, failures, interruption."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from hemosweep.data.manifest import read_manifest, read_participants
from hemosweep.data.nifti import Volume, read_volume
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.importers import writer
from hemosweep.importers.writer import ImportedCase, ImportSummary, write_dataset

AFFINE = np.diag([0.5, 0.5, 5.0, 1.0])


def case(number: int, **changes: object) -> ImportedCase:
    lesion_DHW = np.zeros((2, 3, 4), dtype=bool)
    lesion_DHW[1, 1, 1:3] = True
    return replace(
        ImportedCase(
            case_id=f"sub-{number}",
            patient_id=f"P{number}",
            ivh=False,
            ct=Volume(array_DHW=np.arange(24, dtype=np.int16).reshape(2, 3, 4), affine=AFFINE),
            lesion_DHW=lesion_DHW,
        ),
        **changes,
    )


def write(tmp_path: Path, cases: list[Callable[[], ImportedCase] | ImportedCase], **options: object) -> ImportSummary:
    reads = {
        f"sub-{number}": read if callable(read) else lambda read=read: read
        for number, read in enumerate(cases, start=1)
    }
    return write_dataset(tmp_path / "out", reads, source=tmp_path / "set", layout="Test", **options)


def fail(error: BaseException) -> Callable[[], ImportedCase]:
    def read() -> ImportedCase:
        raise error

    return read


def test_a_data_set_is_written_as_it_is_read(tmp_path: Path) -> None:
    ivh_DHW = np.zeros((2, 3, 4), dtype=bool)
    ivh_DHW[0, 0, 0] = True
    cta = Volume(array_DHW=np.full((2, 2, 2), 300, dtype=np.int16), affine=2 * AFFINE)
    steps: list[tuple[int, int]] = []
    summary = write(
        tmp_path,
        [
            case(1, ivh=True, ivh_DHW=ivh_DHW, cta=cta, columns={"centre": "Girona"}, warnings=("odd",)),
            case(2, ivh=None, lesion_DHW=None, columns={"lesion_type": "deep"}),
        ],
        notes=("a note",),
        progress=lambda *step: steps.append(step),
    )
    out = tmp_path / "out"
    assert summary == ImportSummary(
        written=("sub-1", "sub-2"), left_out=(), failures={}, warnings={"sub-1": ("odd",)}, notes=("a note",)
    )
    assert (out / "participants.tsv").read_text() == (
        "participant_id\tpatient_id\tivh\tcentre\tlesion_type\nsub-1\tP1\tyes\tGirona\tn/a\nsub-2\tP2\tn/a\tn/a\tdeep\n"
    )
    assert steps == [(0, 2), (1, 2), (2, 2)]
    first, second = read_participants(out)
    assert (second.lesion_path, second.ivh_path, second.cta_path) == (None, None, None)
    assert np.flatnonzero(read_volume(first.lesion_path).array_DHW).tolist() == [17, 18]
    assert np.flatnonzero(read_volume(first.ivh_path).array_DHW).tolist() == [0]
    assert read_volume(first.ct_path).array_DHW.ravel().tolist() == list(range(24))
    assert read_volume(first.cta_path).spacing_DHW_mm == (10.0, 1.0, 1.0)
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["Import"] == {"Layout": "Test", "Notes": ["a note"]}
    assert str(tmp_path) not in json.dumps(description)


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ([-1024.0, 3071.0], "int16"),
        ([0.0, 0.5], "float32"),
        ([0.0, 40000.0], "float32"),
        (np.array([0, 4095], dtype=np.uint16), "int16"),
        (np.array([0, 65535], dtype=np.uint16), "float32"),
        (np.array([True, False]), "int16"),
    ],
)
def test_whole_numbers_are_stored_as_int16_and_others_as_float32(
    tmp_path: Path, values: np.ndarray, stored: str
) -> None:
    array_DHW = np.asarray(values).reshape(1, 1, 2)
    write(tmp_path, [case(1, ct=Volume(array_DHW=array_DHW, affine=AFFINE), lesion_DHW=None)])
    (only,) = read_participants(tmp_path / "out")
    assert nib.load(only.ct_path).get_data_dtype() == stored
    assert nib.load(only.ct_path).get_fdata().ravel().tolist() == np.asarray(values, dtype=float).tolist()


def test_failed_cases_are_told_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_volume(path: Path, volume: Volume) -> None:
        if path.name == "sub-3_label-lesion_mask.nii.gz":
            raise OSError(errno.ENOSPC, "No space left on device")
        original(path, volume)

    original = writer.write_volume
    monkeypatch.setattr(writer, "write_volume", write_volume)
    empty = case(4, lesion_DHW=np.zeros((2, 3, 4), dtype=bool))
    bad = fail(BadInput("a.nii: not a readable NIfTI file; copy it again"))
    summary = write(tmp_path, [case(1), bad, case(3), empty, fail(OSError(errno.EACCES, "Permission denied"))])
    assert (summary.written, summary.left_out) == (("sub-1",), ("sub-4",))
    assert summary.failures == {
        "sub-2": "case sub-2: a.nii: not a readable NIfTI file; copy it again",
        "sub-3": "case sub-3: cannot be read or written (No space left on device)",
        "sub-5": "case sub-5: cannot be read or written (Permission denied)",
    }
    assert summary.notes == ("left out, because the mask has no lesion voxel: 1 of 5 cases",)
    assert sorted(os.listdir(tmp_path / "out")) == ["dataset_description.json", "participants.tsv", "sub-1"]
    assert [each.case_id for each in read_manifest(tmp_path / "out")] == ["sub-1"]


def test_where_every_case_fails_nothing_is_written(tmp_path: Path) -> None:
    summary = write(tmp_path, [fail(BadInput("case sub-1: odd; mend it"))])
    assert summary.failures == {"sub-1": "case sub-1: odd; mend it"}
    assert os.listdir(tmp_path / "out") == []
    write(tmp_path, [case(1)])


@pytest.mark.parametrize("cases", [[], [case(1, lesion_DHW=np.zeros((2, 3, 4), dtype=bool))]])
def test_a_source_without_a_case_is_refused(tmp_path: Path, cases: list[ImportedCase]) -> None:
    with pytest.raises(BadInput, match="has no case to import"):
        write(tmp_path, cases)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError()])
def test_an_import_that_is_stopped_is_no_data_set(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        write(tmp_path, [case(1), fail(error), case(3)])
    assert os.listdir(tmp_path / "out") == ["sub-1"]
    with pytest.raises(BadInput, match=r"participants\.tsv: not found"):
        read_participants(tmp_path / "out")
    with pytest.raises(BadInput, match="is not empty; name a new folder, or delete what an import that was stopped"):
        write(tmp_path, [case(1)])


def test_an_interrupt_within_a_case_leaves_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_volume(path: Path, volume: Volume) -> None:
        original(path, volume)
        if "lesion" in path.name:
            raise KeyboardInterrupt

    original = writer.write_volume
    monkeypatch.setattr(writer, "write_volume", write_volume)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, [case(1)])
    assert os.listdir(tmp_path / "out") == []


def test_a_full_disk_at_the_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(HemosweepError, match="out: cannot be written \\(No space left on device\\)"):
        write(tmp_path, [case(1)])


def test_out_must_be_new_and_outside_the_source(tmp_path: Path) -> None:
    source = tmp_path / "set"
    source.mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "link").symlink_to(source)
    for out, words in (
        (source, "lies in the folder to import from"),
        (source / "deep" / "out", "lies in the folder to import from"),
        (tmp_path / "link" / "out", "lies in the folder to import from"),
        (tmp_path / "file", "is a file"),
        (tmp_path / "dangling", "cannot be used"),
        (tmp_path / "loop", "cannot be used"),
        (tmp_path, "is not empty"),
        (tmp_path / "file" / "out", "cannot be made"),
    ):
        with pytest.raises(BadInput, match=words):
            write_dataset(out, {"sub-1": lambda: case(1)}, source=source, layout="Test")


def test_ids_are_written_in_nfc(tmp_path: Path) -> None:
    composed, decomposed = "M\u00fcller", "Mu\u0308ller"
    write(tmp_path, [case(1, case_id=f"sub-{decomposed}", patient_id=decomposed)])
    (read,) = read_manifest(tmp_path / "out")
    assert (read.case_id, read.patient_id) == (f"sub-{composed}", composed)
    table = (tmp_path / "out" / "participants.tsv").read_text(encoding="utf-8")
    assert decomposed not in table
    assert (tmp_path / "out" / f"sub-{composed}").is_dir()
