import random
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from hemosweep.errors import BadInput
from hemosweep.preprocessing import record
from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase, load_content_digest, load_preprocessed, save_preprocessed


@pytest.fixture
def case() -> PreprocessedCase:
    rng = np.random.default_rng(0)
    grid = Grid(native_DHW=(5, 9, 7), full_DHW=(5, 6, 7), crop_start_DHW=(1, 0, 2), crop_DHW=(3, 6, 5))
    return PreprocessedCase(
        case_id="sub-é01",
        image_CDHW=rng.uniform(-1, 1, (2, 3, 6, 5)).astype(np.float16),
        brain_DHW=rng.random((3, 6, 5)) < 0.8,
        lesion_DHW=rng.random((3, 6, 5)) < 0.2,
        reference_DHW=rng.random((5, 9, 7)) < 0.2,
        affine=np.array([[0.45, 0, 0, -100.7], [0, 0.45, 0, -120.1], [0, 0, 5, 20], [0, 0, 0, 1]]),
        spacing_DHW_mm=(5.0, 0.675, 0.45),
        native_spacing_DHW_mm=(5.0, 0.45, 0.45),
        grid=grid,
        warnings=("clipped to [0, 100] HU",),
    )


def test_a_saved_case_is_loaded_as_it_was(tmp_path: Path, case: PreprocessedCase) -> None:
    path = tmp_path / "new" / "case.npz"
    save_preprocessed(case, path)
    loaded = load_preprocessed(path)
    for field in fields(case):
        saved, got = getattr(case, field.name), getattr(loaded, field.name)
        if isinstance(saved, np.ndarray):
            assert got.dtype == saved.dtype
            np.testing.assert_array_equal(got, saved)
        else:
            assert got == saved
    assert load_content_digest(path) == loaded.content_digest == case.content_digest
    assert [entry.name for entry in path.parent.iterdir()] == ["case.npz"]


def test_the_same_case_gives_the_same_bytes(tmp_path: Path, case: PreprocessedCase) -> None:
    save_preprocessed(case, tmp_path / "a.npz")
    save_preprocessed(case, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda case: replace(case, image_CDHW=case.image_CDHW + np.float16(0.25)),
        lambda case: replace(case, image_CDHW=case.image_CDHW.astype(np.float32)),
        lambda case: replace(case, image_CDHW=case.image_CDHW.reshape(1, 6, 6, 5)),
        lambda case: replace(case, brain_DHW=~case.brain_DHW),
        lambda case: replace(case, lesion_DHW=~case.lesion_DHW),
        lambda case: replace(case, reference_DHW=~case.reference_DHW),
        lambda case: replace(case, affine=case.affine + 0.001),
        lambda case: replace(case, spacing_DHW_mm=(5.0, 0.675, 0.46)),
        lambda case: replace(case, native_spacing_DHW_mm=(5.0, 0.45, 0.46)),
        lambda case: replace(case, grid=replace(case.grid, crop_start_DHW=(1, 0, 1))),
    ],
    ids=["image", "dtype", "shape", "brain", "lesion", "reference", "affine", "spacing", "native spacing", "grid"],
)
def test_what_can_change_a_result_changes_the_digest(
    case: PreprocessedCase, change: Callable[[PreprocessedCase], PreprocessedCase]
) -> None:
    assert change(case).content_digest != case.content_digest


def test_name_and_warnings_do_not_change_the_digest(case: PreprocessedCase) -> None:
    assert replace(case, case_id="other", warnings=()).content_digest == case.content_digest


def test_a_damaged_file_is_refused_or_was_damaged_where_nothing_is_read(tmp_path: Path, case: PreprocessedCase) -> None:
    path = tmp_path / "case.npz"
    save_preprocessed(case, path)
    content, rng = path.read_bytes(), random.Random(0)
    num_refused = 0
    for at in range(0, len(content), 7):
        changed = bytearray(content)
        changed[at] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            assert load_preprocessed(path).content_digest == case.content_digest
        except BadInput as error:
            num_refused += 1
            assert str(error).startswith(f"{path}: not a readable")  # noqa: PT017
    assert num_refused > len(content) / 14


@pytest.mark.parametrize("content", [b"", b"text\n", None], ids=["empty", "text", "cut"])
def test_an_unreadable_file_is_refused_with_the_way_out(
    tmp_path: Path, case: PreprocessedCase, content: bytes | None
) -> None:
    path = tmp_path / "case.npz"
    save_preprocessed(case, path)
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    with pytest.raises(BadInput, match=r"case\.npz: not a readable preprocessed case; delete it and run .* again"):
        load_preprocessed(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere"):
        load_preprocessed(tmp_path / "nowhere.npz")


def test_a_killed_save_leaves_nothing_under_the_name(
    tmp_path: Path, case: PreprocessedCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, **arrays: object) -> None:
        path.write_bytes(b"PK")
        raise KeyboardInterrupt

    monkeypatch.setattr(record, "_write_arrays", killed)
    with pytest.raises(KeyboardInterrupt):
        save_preprocessed(case, tmp_path / "case.npz")
    assert list(tmp_path.iterdir()) == []


def test_two_programs_may_save_the_same_case_at_once(
    tmp_path: Path, case: PreprocessedCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "case.npz"
    write = record._write_arrays

    def overtaken(temporary: Path, **arrays: np.ndarray) -> None:
        monkeypatch.setattr(record, "_write_arrays", write)
        save_preprocessed(case, path)  # another program begins later and ends first
        write(temporary, **arrays)

    monkeypatch.setattr(record, "_write_arrays", overtaken)
    save_preprocessed(case, path)
    assert load_preprocessed(path).content_digest == case.content_digest
    assert [entry.name for entry in tmp_path.iterdir()] == ["case.npz"]
