"""Attempts and time of fold runs, from their journals: these hold all, however often a sweep was cut short."""

from dataclasses import dataclass
from pathlib import Path

from hemosweep.engine.plan import Replicate, fold_run_folder
from hemosweep.foldrun.journal import read_journal, seconds_at_work
from hemosweep.foldrun.spec import JOURNAL_NAME, FoldRunSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """A fold run of a replicate: how many processes have begun to work on it, and how long they have worked in all.

    Both are 0 where none has. The seconds are those from each process's start to its last event.
    """

    fold: int
    digest: str
    num_attempts: int
    seconds: float


def read_efforts(out: Path, replicate: Replicate) -> tuple[Effort, ...]:
    """Attempts and time of each fold run of a replicate until now, in any sweep that had it."""
    return tuple(_read(fold_run_folder(out, spec) / JOURNAL_NAME, spec) for spec in replicate.fold_runs)


def _read(journal: Path, spec: FoldRunSpec) -> Effort:
    events = read_journal(journal)
    return Effort(
        fold=spec.fold,
        digest=spec.digest,
        num_attempts=sum(event["event"] == "started" for event in events),
        seconds=seconds_at_work(events),
    )
