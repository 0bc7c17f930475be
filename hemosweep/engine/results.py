"""Results of fold runs: their scores as one table, and their fallbacks as lines of text."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from hemosweep.engine.observers import Display
from hemosweep.engine.plan import Replicate, fold_run_folder, is_done
from hemosweep.engine.tracker import ReplicateInfo, one_line
from hemosweep.foldrun.journal import DAMAGED_LINE, last_process, micro_batch_size, read_journal
from hemosweep.foldrun.scores import read_scores as read_fold_scores
from hemosweep.foldrun.seal import BrokenSeal, read_seal
from hemosweep.foldrun.spec import JOURNAL_NAME, FoldRunSpec
from hemosweep.scores.recorded import RecordedMetric, in_common
from hemosweep.scores.table import case_table


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicateResult:
    """Result of one replicate. `cases` has one row a test case of every fold that is done, and `metrics` are those of
    its scores.

    `run_id` is None where the tracker could not record it. `info` is the record for the tracker, with the facts that
    are known only at the end.
    """

    replicate: Replicate
    run_id: str | None
    cases: pd.DataFrame
    seconds: float
    failures: tuple[str, ...]
    info: ReplicateInfo | None = None
    metrics: Mapping[str, RecordedMetric] = field(default_factory=dict)

    @property
    def dsc_mean(self) -> float | None:
        return dsc_mean(self.cases)


def dsc_mean(cases: pd.DataFrame) -> float | None:
    """Mean DSC of the cases that have one; None where none has."""
    defined = cases["dsc"].dropna()
    return fmean(defined) if len(defined) else None  # to the bit the mean that the store records


def conclude(out: Path, replicate: Replicate, failures: Sequence[str], *, run_id: str | None = None) -> ReplicateResult:
    """Read the result of a replicate whose fold runs have all ended.

    Scores come from the folders of the fold runs that are done and whole.
    """
    done = [spec for spec in replicate.fold_runs if _is_whole(out, spec)]
    seals = [read_seal(fold_run_folder(out, spec)) for spec in done]
    return ReplicateResult(
        replicate=replicate,
        run_id=run_id,
        cases=case_table([row for spec in done for row in read_scores(out, spec)]),
        seconds=math.fsum(seal.seconds for seal in seals if seal is not None),
        failures=tuple(failures),
        metrics=in_common([read_fold_scores(fold_run_folder(out, spec)).metrics for spec in done]),
    )


def _is_whole(out: Path, spec: FoldRunSpec) -> bool:
    """True if a fold run is done and whole; the driver has named a broken seal before."""
    try:
        return is_done(out, spec)
    except BrokenSeal:
        return False


def read_scores(out: Path, spec: FoldRunSpec) -> list[dict[str, Any]]:
    """The case scores of a fold run that is done, with the fold's number, IVH labels and patients of this sweep. None
    of these is part of a fold run's identity: an earlier sweep may have had another number, or a label that was
    corrected since.

    Raises:
        BrokenSeal: they are not those that were sealed.
    """
    rows = read_fold_scores(fold_run_folder(out, spec)).rows
    cases = {case.case_id: case for case in spec.test}
    return [
        row | {"fold": spec.fold, "ivh": case.ivh, "patient_id": case.patient_id}
        for row in rows
        for case in (cases[row["case_id"]],)
    ]


def device_kind(out: Path, replicate: Replicate) -> str:
    """Kind of device that a replicate's fold runs were trained on, such as "cuda"; "cpu+cuda" where they differ."""
    journals = (read_journal(fold_run_folder(out, spec) / JOURNAL_NAME) for spec in replicate.fold_runs)
    devices = {event["device"] for events in journals for event in events if "device" in event}
    return "+".join(sorted({"cpu" if device == "cpu" else "cuda" for device in devices}))


def empty_regions(out: Path, replicate: Replicate) -> str:
    """Number of the cases that have no voxel of a sampling region, such as "hyperdense: 13 of 18 cases, whose negatives
    are all of lesion_border"; an empty text where there is none.

    All training and validation cases of the replicate's fold runs are counted, each once.
    """
    journals = (read_journal(fold_run_folder(out, spec) / JOURNAL_NAME) for spec in replicate.fold_runs)
    empty = {
        event["case_id"]: frozenset(event["regions"])
        for events in journals
        for event in events
        if event["event"] == "empty_region"
    }
    drawn = {case.case_id for spec in replicate.fold_runs for case in (*spec.train, *spec.validation)}
    shares = replicate.arm.config.sampling.restriction.shares
    declared = [name for name, share in shares.items() if share > 0.0]
    texts = []
    for regions, num_cases in sorted(Counter(empty.values()).items(), key=lambda entry: sorted(entry[0])):
        left = [name for name in declared if name not in regions]
        of_one = f", whose negatives are all of {left[0]}" if len(left) == 1 else ""
        texts.append(f"{', '.join(sorted(regions))}: {num_cases} of {len(drawn)} cases{of_one}")
    return "; ".join(texts)


_FALLBACKS = {
    "cases_on_host": (
        "the GPU's memory does not hold {num_cases} of its cases, so they stayed in the host's and each batch was moved"
    ),
    "not_compiled": "its network could not be compiled ({reason}, see its log), so it trained the plain, slower way",
    "no_graph": "its steps could not be captured as a CUDA graph ({reason}, see its log), so it trained more slowly",
}
"""Fallbacks: name of the journal event, and the text for the user."""


def remarks(events: Sequence[dict[str, Any]], batch_size: int) -> list[str]:
    """Fallbacks of a fold run's last process, and damaged lines, from its journal, in lines for the user."""
    lines = [
        f"line {event['line']} of its journal is damaged ({event['reason']}) and passed over"
        for event in events
        if event["event"] == DAMAGED_LINE
    ]
    events = last_process(events)
    lines += [
        "it was done before, but its seal was damaged; it went on from the end of its training"
        for event in events
        if event["event"] == "result_damaged"
    ]
    lines += [
        f"{event['reason']}; it is kept as {event['kept_as']}, and training began anew"
        for event in events
        if event["event"] == "checkpoint_unreadable"
    ]
    size = micro_batch_size(events)
    if size is not None:
        lines.append(
            f"memory ran out, so gradients were added up over {size} patches at a time instead of {batch_size}; batch "
            f"normalisation and soft Dice are those of {size}"
        )
    fallbacks = (_FALLBACKS[event["event"]].format(**event) for event in events if event["event"] in _FALLBACKS)
    lines += dict.fromkeys(fallbacks)  # Training and validation may say the same.
    empty = {event["case_id"]: event["regions"] for event in events if event["event"] == "empty_region"}
    if empty:
        case_id, regions = next(iter(empty.items()))
        lines.append(
            f"{len(empty)} cases ({case_id}, ...) have no voxel to draw from in {', '.join(regions)}; their other "
            "regions took its share"
        )
    return lines


DrawReplicate = Callable[[Replicate, pd.DataFrame], Mapping[str, Path]]
"""Function that draws a finished replicate's figures, and returns their names and files."""


def draw_figures(
    illustrate: DrawReplicate, replicate: Replicate, cases: pd.DataFrame, display: Display
) -> Mapping[str, Path]:
    """A replicate's figures, or none where they cannot be drawn: a picture never costs a result."""
    try:
        return illustrate(replicate, cases)
    except Exception as error:
        display.warn(f"no figures of {replicate.run_name} ({one_line(error)})")
        return {}
