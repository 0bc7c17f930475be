"""Import of hospital DICOM as a data set: one case a study, with its plain head CT and, if there is one, its CT
angiography.

The header decides which series is imported, and is then dropped: ids are new, and their order is that of a digest,
which reveals nothing. There is no lesion mask: it must be drawn on the written CT.
"""

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.data.parallel import Progress
from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id
from hemosweep.importers.layouts import Layout
from hemosweep.importers.protocol import FunctionImporter, ImportOption
from hemosweep.importers.writer import ImportedCase, ImportSummary, check_out, write_dataset

if TYPE_CHECKING:
    from hemosweep.data.dicom import DicomSeries

DICOM = Layout(name="DICOM", roots=("*", "*/*"), marks=("*.dcm",))

CONTRAST_TEXT = re.compile(r"angio|(?<![a-z])cta(?![a-z])|perfusion|(?<![a-z])ctp(?![a-z])", re.IGNORECASE)
_DENIAL = r"(?:no|non|none|not|nil|without|w/?o|pre|ohne|kein\w*|nativ\w*|sans|sin|senza|unenhanced|plain)"
DENIED_AGENT = re.compile(
    rf"^[\W0]*$|^n(?:/?a)?$|^\W*{_DENIAL}(?![a-z])(?!\W*ionic)|(?<![a-z])(?:none|nil|without)(?:\W+given)?\W*$",
    re.IGNORECASE,
)
"""Texts of the agent's tag that say that there was none: "NO CONTRAST", "NONE GIVEN", "W/O", "-"."""
DENIED_WORD = re.compile(
    rf"(?<![a-z]){_DENIAL}[\s_./-]*(?:i\.?v\.?[\s_./-]*)?(?={CONTRAST_TEXT.pattern})", re.IGNORECASE
)
"""A denial before a word of contrast: "without angio", "NON-CTA", "pre CTA"."""
HEAD_TEXT = re.compile(
    r"head|brain|skull|crani|cerebr|neuro|stroke|kopf|schädel|schaedel|hirn|cabeza|tête", re.IGNORECASE
)
OTHER_TEXT = re.compile(
    r"(?<![a-z])(neck|spine|chest|thorax|lung|abd|pelvi|hals|hws|cervic|knee|extrem|body|sinus|face)", re.IGNORECASE
)
SHARP_TEXT = re.compile(
    r"bone|(?<![a-z])(edge|lung)|sharp|detail|knochen"  # GE and names of presets
    r"|^[bhju][rpvf]?[67]\d"  # Siemens: H60s, B70f, Hr64
    r"|^fc(3\d|5\d|8\d)|^y[b-e]$|^[de]$",  # Toshiba, Philips
    re.IGNORECASE,
)
"""Kernels made for bone: noise drowns blood in them."""
DERIVED = "is reformatted (derived)"
MIN_HEAD_MM = 100.0
"""A series of at least this extent, or 80% of the longest, covers the brain; others are repeats of a few slices."""


def import_dicom(
    source: Path,
    out: Path,
    *,
    series: int | None = None,
    key_file: Path | None = None,
    progress: Progress | None = None,
) -> ImportSummary:
    """Write every study below `source` that holds CT as a case into `out`, ids sub-001, sub-002 and so on.

    Of several plain head CTs the one with a soft-tissue kernel is taken, then the one with the thickest slices, then
    the one with the most. Reformatted series (ImageType DERIVED) are taken only where there is no other. The series
    with contrast (its agent is named, or its description says angiography) that has the most slices becomes the case's
    angiography.

    Args:
        series: number of the series to take as the plain CT, as warnings and errors count them; for one study alone.
        key_file: a table that links the ids to PatientID and folder, for the user's eyes only (mode 0600).

    Raises:
        BadInput: `source` holds no CT, `out` cannot take a data set, `key_file` exists or lies in `out`, or `series`
            is given and there are several studies or it is none of the study's.
    """
    from hemosweep.data.dicom import list_series

    check_out(out, source)
    if key_file is not None and key_file.resolve().is_relative_to(out.resolve()):
        raise BadInput(f"{key_file}: lies in the data set, which is to hold no patient's id; name a file outside {out}")
    listing = list_series(source)
    studies: dict[tuple[str, str], list[DicomSeries]] = {}
    for one in listing.series:
        studies.setdefault((one.patient, one.study), []).append(one)
    with_ct = [group for group in studies.values() if any(one.header.modality == "CT" for one in group)]
    if not with_ct:
        raise BadInput(f"{source}: holds DICOM files but no CT; give the folder with the CT series")
    _check_choice(series, with_ct)
    notes = list(listing.notes)
    if len(with_ct) < len(studies):
        notes.append(f"studies without CT, left out: {len(studies) - len(with_ct)}")
    patient_ids, of_patients = _patient_ids(with_ct)
    width = max(3, len(str(len(with_ct))))
    cases = {f"sub-{number:0{width}d}": group for number, group in enumerate(with_ct, start=1)}
    if key_file is not None:
        _write_key(key_file, cases, patient_ids)
    reads = {
        case_id: partial(_read, case_id, patient_id, group, series)
        for (case_id, group), patient_id in zip(cases.items(), patient_ids, strict=True)
    }
    return write_dataset(out, reads, source=source, layout=DICOM.name, notes=(*notes, *of_patients), progress=progress)


def _check_choice(number: int | None, studies: "Sequence[Sequence[DicomSeries]]") -> None:
    if number is None:
        return
    if len(studies) > 1:
        raise BadInput(f"--series {number}: counts the series of one study, but there are {len(studies)}; import one")
    if number not in [one.number for one in studies[0]]:
        raise BadInput(f"--series {number}: the study has series 1 to {studies[0][0].num_series}; name one of them")


def _patient_ids(studies: "Sequence[Sequence[DicomSeries]]") -> tuple[list[str], tuple[str, ...]]:
    """P001 and so on, the same for the studies of one patient, and what is odd about the sharing."""
    keys = [canonical_id(group[0].patient or group[0].study) for group in studies]  # no PatientID: a patient of its own
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys), start=1)}
    width = max(3, len(str(len(numbers))))
    notes = []
    if len(studies) > 1 and len(numbers) == 1:
        notes.append(
            f"all {len(studies)} studies carry one patient id; if an anonymiser put it there, correct the column "
            "patient_id of participants.tsv"
        )
    if num_nameless := sum(not group[0].patient for group in studies):
        notes.append(f"studies without a patient id, each taken for another patient: {num_nameless}")
    return [f"P{numbers[key]:0{width}d}" for key in keys], tuple(notes)


def _read(case_id: str, patient_id: str, group: "Sequence[DicomSeries]", number: int | None) -> ImportedCase:
    """Choose and read the series of one study.

    Raises:
        BadInput: it has no usable plain head CT, or a chosen series cannot be read.
    """
    from hemosweep.data.dicom import read_series

    try:
        plain, warnings = choose_plain(group, number)
        angiography, of_angiography = choose_angiography([one for one in group if one is not plain])
        ct = read_series(plain)
        cta = None if angiography is None else read_series(angiography)
    except BadInput as error:
        raise BadInput(f"case {case_id}: {error}") from None
    warnings += ct.warnings
    if cta is not None:
        warnings += tuple(f"angiography: {text}" for text in (*of_angiography, *cta.warnings))
    return ImportedCase(
        case_id=case_id, patient_id=patient_id, ivh=None, ct=ct, lesion_DHW=None, cta=cta, warnings=warnings
    )


def choose_plain(group: "Sequence[DicomSeries]", number: int | None) -> "tuple[DicomSeries, tuple[str, ...]]":
    """The series of a study that is its non-contrast head CT, and a warning where that was a choice.

    Raises:
        BadInput: there is none; each series is told with the reason against it.
    """
    if number is not None:
        return next(one for one in group if one.number == number), ()
    against = {one.number: _against(one) for one in group}
    fit = [one for one in group if against[one.number] is None]
    reformatted = [one for one in group if against[one.number] == DERIVED]
    if not fit and reformatted:
        chosen, others = choose_plain_of(reformatted)
        return chosen, (f"{chosen.name} is taken, which is reformatted (derived): there is no other head CT", *others)
    if not fit:
        reasons = "; ".join(f"{one.number}: {against[one.number]}" for one in group[:8]) + (
            "; ..." if group[8:] else ""
        )
        raise BadInput(
            f"no plain head CT among its {len(group)} series ({reasons}); if one is, import the study alone with "
            "--series"
        )
    return choose_plain_of(fit)


def choose_plain_of(fit: "Sequence[DicomSeries]") -> "tuple[DicomSeries, tuple[str, ...]]":
    """The best of several plain head CTs, and a warning where that was a choice."""
    full_mm = min(MIN_HEAD_MM, 0.8 * max(_extent_mm(one) for one in fit))
    fit = [one for one in fit if _extent_mm(one) >= full_mm]
    chosen = min(fit, key=_rank)
    others = [str(one.number) for one in fit if one is not chosen]
    if not others:
        return chosen, ()
    return chosen, (
        f"{chosen.name} is taken; {', '.join(others)} would do as well (import the study alone with --series)",
    )


def choose_angiography(group: "Sequence[DicomSeries]") -> "tuple[DicomSeries | None, tuple[str, ...]]":
    """The series of a study that is its CT angiography, if there is one, and a warning where that was a choice."""
    fit = [one for one in group if one.stack is not None and not one.header.derived and _has_contrast(one)]
    if not fit:
        return None, ()
    chosen = min(fit, key=lambda one: (-len(one.paths), one.number))
    others = [str(one.number) for one in fit if one is not chosen]
    return chosen, (f"{chosen.name} is taken; {', '.join(others)} have contrast, too",) if others else ()


def _against(one: "DicomSeries") -> str | None:
    """Reason why a series is not imported as a plain head CT."""
    if one.refusal is not None:
        return one.refusal
    if _has_contrast(one):
        return "has contrast"
    head, other = _body_parts(one)
    if other and not head:
        return "shows another part of the body"
    return DERIVED if one.header.derived else None


def _has_contrast(one: "DicomSeries") -> bool:
    header = one.header
    # One protocol often covers the plain scan and the angiography: it counts where there is nothing better.
    text = header.description or header.protocol
    denied = [match.end() for match in DENIED_WORD.finditer(text)]
    named = any(match.start() not in denied for match in CONTRAST_TEXT.finditer(text))
    return named or not DENIED_AGENT.search(header.contrast_agent)


def _body_parts(one: "DicomSeries") -> tuple[bool, bool]:
    """True if the header speaks of the head, and of anything else."""
    text = f"{one.header.body_part} {one.header.description} {one.header.protocol}"
    return bool(HEAD_TEXT.search(text)), bool(OTHER_TEXT.search(text))


def _rank(one: "DicomSeries") -> tuple[bool, bool, float, int, int]:
    assert one.stack is not None
    _, other = _body_parts(one)
    sharp = bool(SHARP_TEXT.search(one.header.kernel) or SHARP_TEXT.search(one.header.description))
    return other, sharp, -round(one.stack.step_mm, 1), -len(one.paths), one.number


def _extent_mm(one: "DicomSeries") -> float:
    return 0.0 if one.stack is None else one.stack.extent_mm


def _write_key(path: Path, cases: "Mapping[str, Sequence[DicomSeries]]", patient_ids: Sequence[str]) -> None:
    lines = io.StringIO()
    table = csv.writer(lines, delimiter="\t", lineterminator="\n")
    table.writerow(("participant_id", "patient_id", "dicom_patient_id", "source_folder"))
    for (case_id, group), patient_id in zip(cases.items(), patient_ids, strict=True):
        folder = os.path.commonpath([path.parent for one in group for path in one.paths])
        table.writerow((case_id, patient_id, group[0].patient, folder))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(lines.getvalue())
    except FileExistsError:
        raise BadInput(f"{path}: is there already; name a new key file") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); name another key file") from error


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
            name="key_file",
            kind=Path,
            help="Write a table, for your eyes only, that links new ids to patients.",
        ),
    ),
)
