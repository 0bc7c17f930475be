"""Attempts and time of fold runs, from their journals, which keep both however often a sweep was interrupted."""

from dataclasses import dataclass
from pathlib import Path

from hemosweep.engine.plan import Replicate, fold_run_folder
from hemosweep.foldrun.journal import read_journal, seconds_at_work
from hemosweep.foldrun.spec import JOURNAL_NAME, FoldRunSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldRunAttempts:
    """Attempts at a fold run of a replicate: the number of processes that began it, and their working time in all.

    Both are 0 where no process began. The seconds are those from each process's start to its last event.
    """

    fold: int
    digest: str
    num_attempts: int
    seconds: float


def read_attempts(out: Path, replicate: Replicate) -> tuple[FoldRunAttempts, ...]:
    """Attempts and time of each fold run of a replicate until now, in any sweep that has it."""
    return tuple(_read(fold_run_folder(out, spec) / JOURNAL_NAME, spec) for spec in replicate.fold_runs)


def _read(journal: Path, spec: FoldRunSpec) -> FoldRunAttempts:
    events = read_journal(journal)
    return FoldRunAttempts(
        fold=spec.fold,
        digest=spec.digest,
        num_attempts=sum(event["event"] == "started" for event in events),
        seconds=seconds_at_work(events),
    )
