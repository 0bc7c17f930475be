"""Import of hospital DICOM as a data set: one case a study, with its plain head CT and, if there is one, its CT
angiography.

The header decides which series is imported, and is then dropped: ids are new, and their order is that of a digest,
which reveals nothing. There is no lesion mask: it must be drawn on the written CT.
"""

import os
import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from hemosweep.data.parallel import Progress
from hemosweep.errors import BadInput
from hemosweep.importers.dicom_study import (
    NO_CASE,
    WORDS,
    Choice,
    Studies,
    Take,
    check_decisions,
    choose,
    find_studies,
    keep_decisions,
    read_rows,
    write_decisions,
    write_key,
)
from hemosweep.importers.layouts import Layout
from hemosweep.importers.protocol import FunctionImporter, ImportOption
from hemosweep.importers.writer import ImportedCase, ImportSummary, check_out, write_dataset

DICOM = Layout(name="DICOM", roots=("*", "*/*"), marks=("*.dcm",))
MAX_NAMED_CASES = 8


def import_dicom(
    source: Path,
    out: Path,
    *,
    series: int | None = None,
    dry_run: Path | None = None,
    decisions: Path | None = None,
    key_file: Path | None = None,
    progress: Progress | None = None,
) -> ImportSummary:
    """Write every study below `source` that holds CT as a case into `out`, ids sub-001, sub-002 and so on.

    `choose` decides which series of a study are its CT and its angiography, unless `decisions` does.

    Args:
        series: number of the series to take as the plain CT, as warnings and errors count them; for one study alone.
        dry_run: a table to write with every series and the decision about it; nothing is imported.
        decisions: such a table, in which a person may have changed the decisions; the studies in which it names no CT
            are left out. With `dry_run`, the new table keeps them for each study that has the same series as then.
        key_file: a table that links the ids to PatientID and folder, for the user's eyes only (mode 0600).

    Raises:
        BadInput: `source` holds no CT, `out` cannot take a data set, a file to write exists or lies in `out` or
            `source`, the decisions are not of these series or cannot be, `series` is given and there are several
            studies or it is none of the study's, or `decisions`, too.
    """
    check_out(out, source)
    _check_options(source, out, series, dry_run, decisions, key_file)
    rows = None if decisions is None else read_rows(decisions)
    studies = find_studies(source)
    _check_number(series, studies)
    groups = {**studies.cases, **{f"{NO_CASE} {number}": group for number, group in enumerate(studies.others)}}
    choices: Mapping[str, Choice] = {case_id: choose(group, series) for case_id, group in groups.items()}
    kept: Mapping[str, Choice] = {}
    if decisions is not None and rows is not None:
        kept = (keep_decisions if dry_run else check_decisions)(decisions, rows, source, choices)
        choices = {**choices, **kept}
    if key_file is not None:
        write_key(key_file, studies)
    if dry_run is not None:
        write_decisions(dry_run, choices)
        return _dry_run(source, out, dry_run, studies, choices, kept)
    left_out = [case_id for case_id in studies.cases if decisions and choices[case_id].series(Take.CT) is None]
    taken = {case_id: choices[case_id] for case_id in studies.cases if case_id not in left_out}
    reads = {case_id: partial(_read, case_id, studies.patient_ids[case_id], taken[case_id]) for case_id in taken}
    notes = (*studies.notes, *_of_studies("studies that the table leaves out", left_out), *_remarks(taken))
    return write_dataset(out, reads, source=source, layout=DICOM.name, notes=notes, progress=progress)


def _check_options(
    source: Path, out: Path, series: int | None, dry_run: Path | None, decisions: Path | None, key_file: Path | None
) -> None:
    if decisions is not None and series is not None:
        raise BadInput("--decisions and --series: each says which series to take; give one of them")
    if key_file is not None and key_file.resolve().is_relative_to(out.resolve()):
        raise BadInput(f"{key_file}: lies in the data set, which is to hold no patient's id; name a file outside {out}")
    if key_file is not None and key_file.resolve().is_relative_to(source.resolve()):
        raise BadInput(f"{key_file}: lies in the folder to import from; name a file outside {source}")
    if dry_run is None:
        return
    for folder in (source, out):
        if dry_run.resolve().is_relative_to(folder.resolve()):
            raise BadInput(f"{dry_run}: lies in {folder}; name a table elsewhere")
    if key_file is not None and key_file.resolve() == dry_run.resolve():
        raise BadInput(f"{dry_run}: is named for --dry-run and for --key-file; name two files")
    if os.path.lexists(dry_run):
        raise BadInput(f"{dry_run}: is there already, with what somebody may have decided; name a new table")


def _check_number(number: int | None, studies: Studies) -> None:
    if number is None:
        return
    if len(studies.cases) > 1:
        raise BadInput(
            f"--series {number}: counts the series of one study, but there are {len(studies.cases)}; import one, or "
            "decide in a table (--dry-run)"
        )
    (group,) = studies.cases.values()
    if number not in [one.number for one in group]:
        raise BadInput(f"--series {number}: the study has series 1 to {group[0].num_series}; name one of them")


def _dry_run(
    source: Path, out: Path, table: Path, studies: Studies, choices: Mapping[str, Choice], kept: Mapping[str, Choice]
) -> ImportSummary:
    """The summary of a dry run, which imported nothing; `kept` are the choices of an earlier table."""
    num_series = sum(len(choice.decisions) for choice in choices.values())
    without = [case_id for case_id in studies.cases if choices[case_id].series(Take.CT) is None]
    new = [case_id for case_id in studies.cases if kept and case_id not in kept]
    command = shlex.join(["hemosweep", "data", "import-dicom", str(source), str(out), "--decisions", str(table)])
    return ImportSummary(
        written=(),
        left_out=(),
        failures={},
        warnings={case_id: choices[case_id].warnings for case_id in studies.cases},
        notes=(
            *studies.notes,
            *_of_studies("studies without a plain head CT", without),
            *_of_studies("studies that are new or have other series than in the table, to be decided", new),
        ),
        dry_run=(
            f"wrote {table}: {num_series} series of {len(choices)} stud{'y' if len(choices) == 1 else 'ies'}; nothing "
            "is imported",
            f"next: write {WORDS} in its column decision, then {command}",
        ),
    )


def _of_studies(what: str, case_ids: list[str]) -> tuple[str, ...]:
    more = ", ..." if len(case_ids) > MAX_NAMED_CASES else ""
    return (f"{what}: {len(case_ids)} ({', '.join(case_ids[:MAX_NAMED_CASES])}{more})",) if case_ids else ()


def _remarks(choices: Mapping[str, Choice]) -> list[str]:
    """The decisions about the series of each study that has several and a CT, alike ones in one line."""
    from hemosweep.data.remarks import grouped

    told = {
        case_id: (choice.remark,)
        for case_id, choice in choices.items()
        if len(choice.decisions) > 1 and choice.series(Take.CT) is not None
    }
    return grouped(told, len(choices))


def _read(case_id: str, patient_id: str, choice: Choice) -> ImportedCase:
    """Read the series of one study that were chosen.

    Raises:
        BadInput: there is no plain head CT, or a chosen series cannot be read.
    """
    from hemosweep.data.dicom import read_series
    from hemosweep.data.odd_slices import odd_slices

    plain, angiography = choice.series(Take.CT), choice.series(Take.CTA)
    try:
        if plain is None:
            raise BadInput(choice.refusal)
        ct = read_series(plain)
        cta = None if angiography is None else read_series(angiography)
    except BadInput as error:
        raise BadInput(f"case {case_id}: {error}") from None
    odd = odd_slices(ct.array_DHW.astype("float32", copy=False), ct.spacing_DHW_mm)
    warnings = (*choice.warnings, *ct.warnings, *(f"{text}; scan or export the series again" for text in odd.texts))
    if cta is not None:
        warnings += tuple(f"angiography: {text}" for text in (*choice.cta_warnings, *cta.warnings))
    return ImportedCase(
        case_id=case_id, patient_id=patient_id, ivh=None, ct=ct, lesion_DHW=None, cta=cta, warnings=warnings
    )


IMPORTER = FunctionImporter(
    name="dicom",
    help="Import DICOM folders: one case a study, nothing of the patient but images.",
    layout=DICOM,
    function=import_dicom,
    options=(
        ImportOption(
            name="series",
            kind=int,
            help="Of a study with several head CTs, take this one (the warning counts them).",
        ),
        ImportOption(
            name="dry_run",
            kind=Path,
            help="Import nothing; write a table of every series, with the decision about it and the reason.",
        ),
        ImportOption(
            name="decisions",
            kind=Path,
            help="Take the series as this table says: that of --dry-run, with its column decision edited.",
        ),
        ImportOption(
            name="key_file",
            kind=Path,
            help="Write a table, for your eyes only, that links new ids to patients.",
        ),
    ),
)
