"""Duties of every importer, as tests that its author runs on it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hemosweep.data.manifest import TABLE_NAME, read_participants
from hemosweep.data.nifti import read_volume
from hemosweep.data.reading import read_mask
from hemosweep.errors import BadInput
from hemosweep.importers.protocol import Importer, importer_fault
from hemosweep.importers.writer import ImportSummary


class ImporterContract:
    """Tests of an importer on an example in its layout.

        class TestMine(ImporterContract):
            def importer(self):
                return IMPORTER

            def source(self, folder):
                ...  # write an example into the folder
                return folder

    `options` are those that the example needs, by their names.
    """

    options: Mapping[str, Any] = {}

    def importer(self) -> Importer:
        """The importer under test."""
        raise NotImplementedError("return your importer")

    def source(self, folder: Path) -> Path:
        """Write an example with a case at least into an empty folder; return what the importer is given."""
        raise NotImplementedError("write an example, and return its folder")

    @pytest.fixture
    def example(self, tmp_path: Path) -> Path:
        """The example."""
        folder = tmp_path / "source"
        folder.mkdir()
        return self.source(folder)

    def test_it_can_be_a_command(self) -> None:
        assert importer_fault(self.importer()) is None

    def test_its_command_has_a_name_of_its_own(self) -> None:
        from hemosweep.importers.catalogue import find_importers

        importer = self.importer()
        assert find_importers().importers.get(importer.name, importer) == importer

    def test_the_example_becomes_a_data_set_whose_masks_lie_on_their_ct(self, example: Path, tmp_path: Path) -> None:
        out = tmp_path / "data"
        summary = self._run(example, out)
        assert summary.failures == {}
        assert summary.written
        cases = read_participants(out)
        assert tuple(case.case_id for case in cases) == summary.written
        for case in cases:
            ct = read_volume(case.ct_path)
            for path in (case.lesion_path, case.ivh_path):
                if path is not None:
                    assert read_mask(case, path, ct).shape == ct.array_DHW.shape
            if case.lesion_path is not None:
                assert read_mask(case, case.lesion_path, ct).any(), f"{case.case_id}: an empty lesion is no case"

    def test_the_source_stays_as_it_is(self, example: Path, tmp_path: Path) -> None:
        before = _contents(example)
        self._run(example, tmp_path / "data")
        assert _contents(example) == before

    def test_the_same_source_gives_the_same_files(self, example: Path, tmp_path: Path) -> None:
        for name in ("once", "again"):
            self._run(example, tmp_path / name)
        assert _contents(tmp_path / "once") == _contents(tmp_path / "again")

    def test_the_progress_runs_from_none_to_all_of_the_cases(self, example: Path, tmp_path: Path) -> None:
        calls: list[tuple[int, int]] = []
        summary = self._run(example, tmp_path / "data", progress=lambda done, total: calls.append((done, total)))
        (total,) = {total for _, total in calls}
        assert total >= len(summary.written)
        assert [done for done, _ in calls] == list(range(total + 1))

    def test_what_is_not_in_its_layout_is_bad_input_and_leaves_nothing(self, tmp_path: Path) -> None:
        empty, file = tmp_path / "empty", tmp_path / "file.txt"
        empty.mkdir()
        file.write_text("nothing", encoding="utf-8")
        for source in (tmp_path / "missing", empty, file):
            self._is_refused(source, tmp_path / "data")
            assert not (tmp_path / "data").exists()

    def test_a_place_that_holds_something_is_left_alone(self, example: Path, tmp_path: Path) -> None:
        out = tmp_path / "data"
        out.mkdir()
        (out / TABLE_NAME).write_text("mine", encoding="utf-8")
        self._is_refused(example, out)
        assert {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()} == {TABLE_NAME: "mine"}
        self._is_refused(example, example / "data")
        assert not (example / "data").exists()

    def _run(self, source: Path, out: Path, **keywords: Any) -> ImportSummary:
        return self.importer().run(source, out, **self.options, **keywords)

    def _is_refused(self, source: Path, out: Path) -> None:
        with pytest.raises(BadInput) as refused:
            self._run(source, out)
        assert len(str(refused.value).splitlines()) == 1


def _contents(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
