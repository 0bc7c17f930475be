from dataclasses import replace
from pathlib import Path

import pytest

from hemosweep.data.case import Case
from hemosweep.data.content import dataset_digest, input_digest
from hemosweep.digest import digest_file, digest_files, digest_json
from hemosweep.errors import BadInput


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    """Five cases whose files hold their own names; the first has an angiography."""

    def case(case_id: str) -> Case:
        paths = {kind: tmp_path / f"{case_id}_{kind}.nii.gz" for kind in ("ct", "mask", "cta")}
        for path in paths.values():
            path.write_text(path.name)
        return Case(
            case_id=case_id,
            patient_id=f"P{case_id}",
            ivh=None,
            ct_path=paths["ct"],
            lesion_path=paths["mask"],
            cta_path=paths["cta"] if case_id == "a" else None,
        )

    return [case(case_id) for case_id in "abcde"]


def test_json_digest_ignores_the_order_of_keys_and_nothing_else() -> None:
    assert digest_json({"a": 1, "b": [2, 3]}) == digest_json({"b": [2, 3], "a": 1})
    values = [{"a": 1, "b": [2, 3]}, {"a": 1, "b": [3, 2]}, {"a": 1}, {"a": "1"}, {"a": None}, []]
    assert len({digest_json(value) for value in values}) == len(values)


def test_json_digest_stays_the_same_between_versions() -> None:
    # sha256 of the six bytes {"a":1}; names of stored results depend on it.
    assert digest_json({"a": 1}) == "015abd7f5cc57a2d"


def test_json_digest_refuses_nan() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        digest_json({"dsc": float("nan")})


def test_file_digest_is_of_the_content(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in "abc")
    one.write_bytes(b"abc")
    same.write_bytes(b"abc")
    other.write_bytes(b"abd")
    assert digest_file(one) == digest_file(same) == "ba7816bf8f01cfea"  # FIPS 180-2, sha256 of "abc"
    assert digest_file(one) != digest_file(other)


def test_digest_of_files_is_of_names_and_contents_not_of_order_or_place(tmp_path: Path) -> None:
    def folder(name: str, files: dict[str, str]) -> list[Path]:
        root = tmp_path / name
        root.mkdir()
        for path, text in files.items():
            (root / path).write_text(text)
        return [root / path for path in files]

    def digest(paths: list[Path]) -> str:
        return digest_files(paths, paths[0].parent)

    one = digest(folder("one", {"x.py": "1", "y.py": "2"}))
    assert one == digest(folder("two", {"y.py": "2", "x.py": "1"}))
    assert one != digest(folder("three", {"x.py": "2", "y.py": "1"}))
    assert one != digest(folder("four", {"x.py": "1", "z.py": "2"}))


@pytest.mark.parametrize("changed", ["ct_path", "lesion_path"])
def test_a_changed_ct_or_mask_changes_the_input_digest(cases: list[Case], changed: str) -> None:
    before = input_digest(cases[0])
    getattr(cases[0], changed).write_text("changed")
    assert input_digest(cases[0]) != before


def test_an_angiography_counts_where_it_is_read(cases: list[Case]) -> None:
    before = input_digest(cases[0]), input_digest(cases[0], with_cta=True)
    assert cases[0].cta_path is not None
    cases[0].cta_path.write_text("changed")
    assert input_digest(cases[0]) == before[0]
    assert input_digest(cases[0], with_cta=True) != before[1]
    assert input_digest(cases[1]) == input_digest(cases[1], with_cta=True)


def test_a_file_that_went_away_is_named_with_its_case(cases: list[Case]) -> None:
    cases[1].ct_path.unlink()
    with pytest.raises(BadInput, match=r"case b: .*b_ct\.nii\.gz cannot be read \(No such file or directory\)"):
        input_digest(cases[1])


@pytest.mark.parametrize("changed", ["ct_path", "lesion_path", "cta_path"])
def test_the_dataset_digest_changes_with_a_file_and_not_with_the_order_of_the_table(
    cases: list[Case], changed: str
) -> None:
    before = dataset_digest(cases)
    assert dataset_digest(cases[::-1]) == before
    getattr(cases[0], changed).write_text("redrawn")
    assert dataset_digest(cases) != before


def test_the_dataset_digest_does_not_know_where_the_data_set_lies(cases: list[Case], tmp_path: Path) -> None:
    def elsewhere(path: Path | None) -> Path | None:
        if path is None:
            return None
        new = tmp_path / "elsewhere" / path.name
        new.parent.mkdir(exist_ok=True)
        new.write_bytes(path.read_bytes())
        return new

    moved = []
    for case in cases:
        paths = {name: elsewhere(getattr(case, name)) for name in ("ct_path", "lesion_path", "cta_path")}
        moved.append(replace(case, patient_id="another", **paths))
    assert dataset_digest(moved) == dataset_digest(cases)
