from pathlib import Path

import pytest

from hemosweep.data.digest import digest_file, digest_files, digest_json


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
