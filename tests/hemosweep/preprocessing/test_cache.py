"""Derivatives on disk: found again, never stale, never half-written."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.content import input_digest
from hemosweep.data.nifti import Volume, read_volume, write_volume
from hemosweep.intensity.window import Window
from hemosweep.preprocessing.cache import PreprocessedCases, preprocess
from hemosweep.preprocessing.derivatives import derivatives_folder
from hemosweep.preprocessing.pipeline import Head, PreparedImages, read_head
from hemosweep.preprocessing.preparation_time import read_seconds
from hemosweep.preprocessing.record import load_preprocessed

WriteCase = Callable[[str], Case]
AS_SCANNED = PreprocessingConfig()
COARSE = PreprocessingConfig(spacing_HWD_mm=(8.0, 8.0, 16.0))


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    volume = read_volume(path)
    write_volume(path, Volume(array_DHW=change(volume.array_DHW), affine=volume.affine))


def run(cases: list[Case], config: PreprocessingConfig, folder: Path) -> PreprocessedCases:
    return preprocess(cases, {config: folder}, jobs=1, progress=lambda done, total: None)[config]


def test_cases_are_preprocessed_once_and_warnings_told_each_time(tmp_path: Path, write_ball_case: WriteCase) -> None:
    cases = [write_ball_case(f"sub-00{number}") for number in (2, 1)]
    rewrite(cases[0].ct_path, lambda hu_DHW: np.clip(hu_DHW, 0, 80))
    folder = tmp_path / "derivatives"
    steps: list[tuple[int, int]] = []
    outcome = preprocess(cases, {AS_SCANNED: folder}, jobs=2, progress=lambda done, total: steps.append((done, total)))[
        AS_SCANNED
    ]
    paths = outcome.paths
    assert steps == [(0, 2), (1, 2), (2, 2)]
    assert list(paths) == ["sub-002", "sub-001"]
    assert outcome.failures == outcome.pictures == {}
    assert outcome.warnings == {
        "sub-002": ("CT is clipped to [0, 80] HU; bone is taken as its maximum",),
        "sub-001": (),
    }
    times = [path.with_suffix(".seconds") for path in paths.values()]
    assert sorted(folder.iterdir()) == sorted([*paths.values(), *times])
    assert all(0 < read_seconds(path) < 60 for path in paths.values())
    assert load_preprocessed(paths["sub-001"]).case_id == "sub-001"
    written = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert run(cases, AS_SCANNED, folder) == outcome
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == written


def test_several_preprocessings_read_a_case_once_and_make_what_each_makes_alone(
    tmp_path: Path, write_ball_case: WriteCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [write_ball_case(f"sub-00{number}") for number in (1, 2)]
    configs = [AS_SCANNED, COARSE, PreprocessingConfig(symmetric="plane")]
    alone = [run(cases, config, tmp_path / f"alone-{number}") for number, config in enumerate(configs)]
    read: list[str] = []

    def count(case: Case, **how: object) -> Head:
        read.append(case.case_id)
        time.sleep(0.2)
        return read_head(case, **how)  # type: ignore[arg-type]

    monkeypatch.setattr("hemosweep.preprocessing.cache.read_head", count)
    folders = {config: tmp_path / f"together-{number}" for number, config in enumerate(configs)}
    steps: list[tuple[int, int]] = []
    together = preprocess(cases, folders, jobs=1, progress=lambda done, total: steps.append((done, total)))
    assert (read, steps) == (["sub-001", "sub-002"], [(0, 2), (1, 2), (2, 2)])
    assert list(together) == configs
    for outcome, own in zip(together.values(), alone, strict=True):
        for case_id, path in own.paths.items():
            assert outcome.paths[case_id].read_bytes() == path.read_bytes()
        assert (outcome.warnings, outcome.failures) == (own.warnings, {})
    # The seconds of each hold the reading, too, though the first one had done it.
    assert all((read_seconds(path) or 0.0) >= 0.2 for outcome in together.values() for path in outcome.paths.values())


def test_changed_parameters_meet_another_folder(tmp_path: Path) -> None:
    configs = [AS_SCANNED, COARSE, PreprocessingConfig(intensity=Window(high_hu=80.0))]
    folders = {derivatives_folder(tmp_path, tmp_path / "out", config) for config in configs}
    assert len(folders) == 3
    assert {folder.parent for folder in folders} == {tmp_path / "derivatives" / "hemosweep-preproc"}
    assert derivatives_folder(tmp_path, tmp_path / "out", PreprocessingConfig()) in folders


@pytest.fixture
def make_read_only() -> Iterator[Callable[[Path], None]]:
    changed: list[Path] = []

    def make(folder: Path) -> None:
        folder.chmod(0o555)
        changed.append(folder)

    yield make
    for folder in changed:
        folder.chmod(0o755)


@pytest.mark.parametrize("read_only", [".", "derivatives", "derivatives/hemosweep-preproc"])
def test_a_data_set_that_must_not_be_written_to_gets_its_derivatives_under_out(
    tmp_path: Path, make_read_only: Callable[[Path], None], read_only: str
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    (data / read_only).mkdir(parents=True)
    elsewhere = derivatives_folder(data, out, AS_SCANNED)
    make_read_only(data / read_only)
    folder = derivatives_folder(data, out, AS_SCANNED)
    assert folder == out / elsewhere.relative_to(data)
    assert not folder.exists()


def test_a_bad_case_is_named_and_the_others_go_on(tmp_path: Path, write_ball_case: WriteCase) -> None:
    cases = [write_ball_case(f"sub-00{number}") for number in range(1, 5)]
    assert cases[1].lesion_path is not None
    rewrite(cases[1].lesion_path, lambda mask_DHW: 0 * mask_DHW)
    cases[2].ct_path.unlink()  # gone since the table was read
    outcome = run(cases, AS_SCANNED, tmp_path / "out")
    assert list(outcome.paths) == ["sub-001", "sub-004"]
    assert list(outcome.failures) == ["sub-002", "sub-003"]
    assert outcome.failures["sub-002"].startswith("case sub-002: mask sub-002_label-lesion_mask.nii.gz is empty")
    assert "sub-003_ct.nii.gz cannot be read (No such file or directory)" in outcome.failures["sub-003"]
    kept = sorted((path.name[:8], path.suffix) for path in (tmp_path / "out").iterdir())
    assert kept == [(name, suffix) for name in ("sub-001-", "sub-004-") for suffix in (".npz", ".seconds")]


def draw(images: PreparedImages, png: Path) -> None:
    png.write_text(f"picture of {images.head.case.case_id}")


def test_pictures_lie_beside_their_cases_and_are_drawn_when_first_asked_for(
    tmp_path: Path, write_ball_case: WriteCase
) -> None:
    cases = [write_ball_case("sub-001")]
    assert run(cases, AS_SCANNED, tmp_path / "out").pictures == {}
    outcome = preprocess(
        cases, {AS_SCANNED: tmp_path / "out"}, jobs=1, progress=lambda done, total: None, illustrate=draw
    )[AS_SCANNED]
    assert outcome.pictures["sub-001"] == outcome.paths["sub-001"].with_suffix(".png")
    assert outcome.pictures["sub-001"].read_text() == "picture of sub-001"


def test_an_angiography_gets_a_folder_and_a_name_of_its_own(tmp_path: Path, write_ball_case: WriteCase) -> None:
    case = write_ball_case("sub-001")
    with_cta = PreprocessingConfig(angiography=True)
    assert derivatives_folder(tmp_path, tmp_path, with_cta) != derivatives_folder(tmp_path, tmp_path, AS_SCANNED)
    (failure,) = run([case], with_cta, tmp_path / "out").failures.values()
    assert failure.startswith("case sub-001: no CT angiography beside sub-001_ct.nii.gz; add it or leave")


def test_neither_a_killed_run_s_leftovers_nor_a_damaged_file_is_taken_for_a_case(
    tmp_path: Path, write_ball_case: WriteCase
) -> None:
    interrupted, damaged = cases = [write_ball_case(f"sub-00{number}") for number in (1, 2)]
    folder = tmp_path / "out"
    folder.mkdir()
    names = {case.case_id: f"{case.case_id}-{input_digest(case)}.npz" for case in cases}
    for name in (f".tmp-{names[interrupted.case_id]}", f".tmp-1-{names[interrupted.case_id]}", names[damaged.case_id]):
        (folder / name).write_bytes(b"PK half a case")
    outcome = run(cases, AS_SCANNED, folder)
    assert list(outcome.failures) == [damaged.case_id]
    assert f"{names[damaged.case_id]}: not a readable preprocessed case; delete it" in outcome.failures[damaged.case_id]
    assert load_preprocessed(folder / names[interrupted.case_id]).lesion_DHW.any()
