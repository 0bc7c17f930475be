"""`hemosweep init`: the table of a data set, made from the names of its files."""

import csv
import io
import os
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hemosweep.data.case_files import case_file
from hemosweep.data.found import image_files, named, no_folder, no_place_for_table
from hemosweep.data.image_names import NIFTI_SUFFIXES
from hemosweep.data.manifest import IVH_SUFFIX, LESION_SUFFIX, REQUIRED_COLUMNS, TABLE_NAME
from hemosweep.data.naming import NamedCase, cases_by_name
from hemosweep.errors import BadInput
from hemosweep.files import check_writable, write_text
from hemosweep.importers.layouts import likely_import

Ask = Callable[[str, bool], bool]
"""Answers a question of yes or no; the second argument is the default."""
NAMES = "P01_ct.nii.gz and P01_seg.nii.gz, or sub-01/ct/sub-01_ct.nii.gz"


@dataclass(frozen=True, kw_only=True, slots=True)
class InitResult:
    """The rows that were written, and what was decided, one sentence each."""

    data: Path
    rows: tuple[Mapping[str, str], ...]
    decisions: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {"rows": [dict(row) for row in self.rows], "decisions": list(self.decisions)}

    def as_lines(self, *, styled: bool = False) -> list[str]:
        num_patients = len({row["patient_id"] for row in self.rows})
        ivh = ", ".join(
            f"{text} {sum(row['ivh'] == value for row in self.rows)}"
            for value, text in (("yes", "with IVH"), ("no", "without"), ("n/a", "not known"))
        )
        return [
            *self.decisions,
            f"wrote {self.data / TABLE_NAME}: {len(self.rows)} cases of {num_patients} patients ({ivh})",
            f"next: hemosweep data check {shlex.quote(str(self.data))}",
        ]


def init_data_set(data: Path, *, ask: Ask | None = None) -> InitResult:
    """Write `participants.tsv` for a folder of CTs and masks, from the names of the files.

    A file under another name than a data set's, such as `P01_seg.nii.gz`, gets a second name at its place (a link),
    and stays where it is. A table that is there is never written over, and it comes last, whole or not at all.

    Args:
        ask: answers what the names leave open; without it the defaults are taken. Each decision is in the result.

    Raises:
        BadInput: no folder, one that has a table, one in another layout, or one without a CT; nothing is written then.
    """
    if not os.path.isdir(data):
        raise BadInput(no_folder(data, "the CTs and masks"))
    table, place = data / TABLE_NAME, shlex.quote(str(data))
    if os.path.lexists(table):
        raise BadInput(f"{table}: is there already and stays; hemosweep data check {place} says what it lacks")
    if other := likely_import(data):
        raise BadInput(f"{data}: looks like {other[1].name}; hemosweep data {other[0]} {place} NEW_FOLDER")
    if fault := no_place_for_table(data, TABLE_NAME):
        raise BadInput(f"{data}: {fault}")
    # Of several names of one file, such as those that an init which was stopped has made, one.
    paths = list({(state.st_dev, state.st_ino): path for path in image_files(data) for state in [path.stat()]}.values())
    cases, others = cases_by_name(data, paths)
    if not cases:
        there_are = f"none of its images is a CT by its name ({named([path.name for path in paths])})"
        raise BadInput(f"{data}: {there_are if paths else 'it holds no image'}; name them as {NAMES}")
    check_writable("DATASET", data)
    decisions: list[str] = []

    def decide(question: str, default: bool, yes: str, no: str) -> bool:
        answer = default if ask is None else ask(question, default)
        decisions.append(yes if answer else no)
        return answer

    patients = _patients(cases, decide)
    if len(set(patients.values())) == len(cases):
        decisions.append("each case is taken for a patient of its own; write the same patient_id where it is not")
    chosen = {case.case_id: {kind: files[0] for kind, files in case.files.items()} for case in cases}
    decisions += _choices(data, cases)
    ivh = _ivh(chosen, decide, decisions)
    without = [case_id for case_id, files in chosen.items() if LESION_SUFFIX not in files]
    if without:
        decisions.append(f"no lesion mask by its name: {named(without)}; a sweep wants one of every case")
    if others:
        decisions.append(
            f"left alone, no CT or mask by its name: {named([str(path.relative_to(data)) for path in others])}"
        )
    decisions += _link(data, chosen)
    rows = tuple(
        dict(zip(REQUIRED_COLUMNS, (case.case_id, patients[case.case_id], ivh[case.case_id]), strict=True))
        for case in cases
    )
    lines = io.StringIO()
    writer = csv.DictWriter(lines, REQUIRED_COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(table, lines.getvalue())
    return InitResult(data=data, rows=rows, decisions=tuple(decisions))


Decide = Callable[[str, bool, str, str], bool]


def _patients(cases: tuple[NamedCase, ...], decide: Decide) -> dict[str, str]:
    """Patient of each case: scans of one name are of one patient unless the user says else."""
    scans: dict[str, list[str]] = {}
    for case in cases:
        scans.setdefault(case.patient, []).append(case.case_id)
    several = [name for name, ids in scans.items() if len(ids) > 1]
    if several and not decide(
        f"Are {named(scans[several[0]])} scans of one patient, and so on?",
        True,
        f"scans of one patient by their names: {named([f'{name} ({len(scans[name])})' for name in several])}",
        "every scan is of a patient of its own",
    ):
        several = []
    return {case.case_id: case.patient if case.patient in several else case.case_id for case in cases}


def _choices(data: Path, cases: tuple[NamedCase, ...]) -> list[str]:
    """Sentences about files of which the first of several is taken."""
    return [
        f"{case.case_id}: took {files[0].relative_to(data)}, not {named([str(p.relative_to(data)) for p in files[1:]])}"
        for case in cases
        for files in case.files.values()
        if len(files) > 1
    ]


def _ivh(chosen: Mapping[str, Mapping[str, Path]], decide: Decide, decisions: list[str]) -> dict[str, str]:
    """IVH of each case by its IVH mask; without one it is not known, unless the user says that there is none then."""
    from hemosweep.data.nifti import read_volume

    values = {}
    for case_id, files in chosen.items():
        if IVH_SUFFIX in files:
            try:
                values[case_id] = "yes" if read_volume(files[IVH_SUFFIX], as_mask=True).array_DHW.any() else "no"
            except BadInput as error:
                decisions.append(f"{case_id}: IVH is not known, because its mask cannot be used: {error}")
                values[case_id] = "n/a"
    without = [case_id for case_id in chosen if case_id not in values]
    known = "n/a"
    if values and without:
        has_none = decide(
            f"Have the {len(without)} cases without an IVH mask no IVH?",
            False,
            f"without an IVH mask, so without IVH: {named(without)}",
            f"without an IVH mask, so IVH is not known: {named(without)}",
        )
        known = "no" if has_none else "n/a"
    elif without:
        decisions.append(f"no IVH masks, so IVH is not known; write yes or no into {TABLE_NAME} if you know")
    return {case_id: values.get(case_id, known) for case_id in chosen}


def _link(data: Path, chosen: Mapping[str, Mapping[str, Path]]) -> list[str]:
    """Give each file that lies elsewhere a second name at its place, a hard link or else a symbolic one."""
    linked = 0
    for case_id, files in chosen.items():
        for kind, path in files.items():
            place = case_file(data, case_id, kind)
            if os.path.lexists(place) and os.path.samefile(place, path):
                continue
            ending = next(suffix for suffix in reversed(NIFTI_SUFFIXES) if path.name.lower().endswith(suffix))
            place = place.with_name(f"{case_id}_{kind}{ending}")
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, place)
            except OSError:
                with suppress(FileExistsError):
                    place.symlink_to(os.path.relpath(path, place.parent))
            linked += 1
    return [f"linked {linked} files to their places, such as {place}; no voxel is copied"] if linked else []
