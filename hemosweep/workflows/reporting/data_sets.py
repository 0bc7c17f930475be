"""The data set that a report's overlays are drawn on. It is recognised as that of a run by its content."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from hemosweep.data.case import Case
from hemosweep.data.content import input_digest
from hemosweep.data.manifest import read_manifest, read_rows
from hemosweep.digest import digest_json
from hemosweep.errors import BadInput

_DESCRIPTION = "dataset_description.json"
_PHANTOMS = "phantom-*"


class DataSets:
    """The data set given, and the phantoms that sweeps have made in an output folder."""

    def __init__(self, out: Path, data: Path | None) -> None:
        """
        Raises:
            BadInput: the data set that was given cannot be read.
        """
        phantoms = sorted(path for path in out.glob(_PHANTOMS) if path.is_dir())
        folders = phantoms if data is None else [data, *phantoms]
        self.none_found = "is not here; give it with --data" if data is None else "is not the one given with --data"
        """Remark on a data set that is not found."""
        self._sets: list[DataSet] = []
        for folder in folders:
            try:
                cases, rows = read_manifest(folder), read_rows(folder)
            except BadInput:
                if folder == data:
                    raise
                continue  # a phantom that is not finished
            free = {row.case_id: row.free for row in rows}
            self._sets.append(DataSet(cases, free, is_phantom=_is_phantom(folder)))

    def find(self, dataset_digest: str | None, case_ids: Sequence[str]) -> "DataSet | None":
        """The data set whose cases of these ids have this content; None where there is none."""
        return next((data_set for data_set in self._sets if data_set.holds(dataset_digest, case_ids)), None)


class DataSet:
    """Cases, the cells of their free columns, and their digests, each computed once, when it is first needed."""

    def __init__(self, cases: Sequence[Case], free: Mapping[str, Mapping[str, str]], *, is_phantom: bool) -> None:
        self.cases: Mapping[str, Case] = {case.case_id: case for case in cases}
        self.free = free
        self.is_phantom = is_phantom
        self._digests: dict[str, str] = {}

    def holds(self, dataset_digest: str | None, case_ids: Sequence[str]) -> bool:
        if dataset_digest is None or not set(case_ids) <= self.cases.keys():
            return False
        try:
            contents = sorted([case_id, self._digest(case_id)] for case_id in case_ids)
        except BadInput:
            return False
        return digest_json(contents) == dataset_digest

    def _digest(self, case_id: str) -> str:
        if case_id not in self._digests:
            self._digests[case_id] = input_digest(self.cases[case_id], with_cta=True)
        return self._digests[case_id]


def _is_phantom(folder: Path) -> bool:
    try:
        description = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(description, dict) and "Phantom" in description
