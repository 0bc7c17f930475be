"""Decisions that a person made in the table of the series: checked, and kept for a new table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput
from hemosweep.importers.dicom_study.choice import Choice, Decision, Take
from hemosweep.importers.dicom_study.table import CASE, KEY, SERIES, WORDS, Row, shown_case

if TYPE_CHECKING:
    from hemosweep.data.dicom import DicomSeries

NEW_TABLE = "make a new table with --dry-run (with --decisions as well it keeps what is decided here)"


def check_decisions(path: Path, rows: Sequence[Row], source: Path, choices: Mapping[str, Choice]) -> dict[str, Choice]:
    """Decisions about the series of each study, as a person left them in the table.

    Args:
        path: the table whose rows these are.
        choices: those about the series of `source` without the table, as for `write_decisions`.

    Raises:
        BadInput: the table is of another folder or of another state of this one, or decides what cannot be; the message
            names the first row at fault.
    """
    found = _found(path, rows, source, choices)
    by_key: dict[str, Row] = {}
    for row in rows:
        _check_key(path, source, row, found, by_key.get(row.key))
        by_key[row.key] = row
    missing = [f"series {one.number} of {case_id}" for key, (case_id, one) in found.items() if key not in by_key]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise BadInput(
            f"{path}: has no row of {missing[0]}{more}: the files came later, or the row was deleted; {NEW_TABLE}"
        )
    for row in rows:
        _check_place(path, row, *found[row.key])
        _check_decision(path, row, *found[row.key])
    _check_studies(path, rows)
    return {case_id: _decided(choice, by_key) for case_id, choice in choices.items()}


def keep_decisions(path: Path, rows: Sequence[Row], source: Path, choices: Mapping[str, Choice]) -> dict[str, Choice]:
    """Decisions of an earlier table about each study that has the same series as then; otherwise as
    `check_decisions`."""
    found = _found(path, rows, source, choices)
    by_key = {row.key: row for row in rows if row.key in found}
    for key, row in by_key.items():
        _check_decision(path, row, *found[key])
    return {
        case_id: _decided(choice, by_key)
        for case_id, choice in choices.items()
        if all(one.series.key in by_key for one in choice.decisions)
    }


def _found(
    path: Path, rows: Sequence[Row], source: Path, choices: Mapping[str, Choice]
) -> "dict[str, tuple[str, DicomSeries]]":
    """Case id and series by the key of the series."""
    found = {
        one.series.key: (shown_case(case_id), one.series)
        for case_id, choice in choices.items()
        for one in choice.decisions
    }
    if rows and not any(row.key in found for row in rows):
        raise BadInput(f"{path}: is the table of another folder: none of its series is in {source}")
    return found


def _decided(choice: Choice, by_key: Mapping[str, Row]) -> Choice:
    """The choice of the table, with the reasons of the one that was proposed."""

    def decided(proposed: Decision) -> Decision:
        take = Take(by_key[proposed.series.key].decision)
        if take is proposed.take:
            return proposed
        reason = f"decided in the table, in place of {proposed.take}, which {proposed.reason}"
        return Decision(series=proposed.series, take=take, reason=reason)

    return Choice(decisions=tuple(map(decided, choice.decisions)))


def _check_key(
    path: Path, source: Path, row: Row, found: "Mapping[str, tuple[str, DicomSeries]]", twin: Row | None
) -> None:
    if twin is not None:
        raise BadInput(f"{path}: rows {twin.number} and {row.number} are of the same series; delete one")
    if row.key not in found:
        raise BadInput(
            f"{path}, {row.name}: its series is not in {source}: its files changed or are gone, or the cell "
            f"{KEY} was edited; {NEW_TABLE}"
        )


def _check_place(path: Path, row: Row, case_id: str, one: "DicomSeries") -> None:
    if (row.case_id, row.series) != (case_id, str(one.number)):
        raise BadInput(
            f"{path}, {row.name}: its {KEY} is that of series {one.number} of {case_id}; {CASE} or {SERIES} was "
            f"edited, or a column sorted alone; {NEW_TABLE}"
        )


def _check_decision(path: Path, row: Row, case_id: str, one: "DicomSeries") -> None:
    if row.decision not in list(Take):
        kind = "is empty" if not row.decision else "is none of these"
        raise BadInput(f"{path}, {row.name} ({case_id}, {one.name}): the decision {kind}; write {WORDS}")
    if row.decision != Take.OUT and one.refusal is not None:
        raise BadInput(
            f"{path}, {row.name} ({case_id}, {one.name}): cannot be the {row.decision}, for it {one.refusal}; write "
            f"{Take.OUT}"
        )


def _check_studies(path: Path, rows: Sequence[Row]) -> None:
    """Refuse two series for one use, an angiography alone, and no CT at all."""
    used: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.decision == Take.OUT:
            continue
        other = used.setdefault((row.case_id, row.decision), row)
        if other is not row:
            raise BadInput(
                f"{path}, rows {other.number} and {row.number}: two series of {row.case_id} are the {row.decision}; "
                "choose one"
            )
    for (case_id, decision), row in used.items():
        if decision == Take.CTA and (case_id, Take.CT) not in used:
            raise BadInput(
                f"{path}, {row.name}: {case_id} has a {Take.CTA} and no {Take.CT}; name its {Take.CT}, or write "
                f"{Take.OUT}"
            )
    if not any(decision == Take.CT for _, decision in used):
        raise BadInput(f"{path}: no series is the {Take.CT}; write {Take.CT} for one of each study to import")
