"""`hemosweep verify`: everything in an output folder that can be compared with what was sealed or recorded."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.engine.index import LEDGER_NAME
from hemosweep.environment import num_processors
from hemosweep.errors import BadInput
from hemosweep.report.terminal.progress import progress_bar
from hemosweep.runs import FoldRecord, RunRecord
from hemosweep.scores.recorded import recorded_digest
from hemosweep.sqlite import integrity_fault
from hemosweep.tracking.database import database_path
from hemosweep.tracking.reader import MlflowStore
from hemosweep.upkeep.verify import FolderCheck, kept_scores, verify_fold_runs


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """Result of a check. `faults` name what differs, by where it lies; `remarks` do not make the check fail."""

    out: Path
    fold_runs: FolderCheck
    num_runs: int
    faults: Mapping[str, tuple[str, ...]]
    remarks: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        checks = self.fold_runs.fold_runs.values()
        return {
            "out": str(self.out),
            "fold_runs": {check.folder.name: {"name": check.name, "state": check.state} for check in checks},
            "num_runs": self.num_runs,
            "faults": {place: list(faults) for place, faults in self.faults.items()},
            "remarks": list(self.remarks),
        }

    def as_lines(self, *, styled: bool = False) -> list[str]:
        lines = [f"{place}: {fault}" for place, faults in self.faults.items() for fault in faults]
        lines += self.remarks
        checks = self.fold_runs
        num_bytes = sum(check.num_bytes for check in checks.fold_runs.values())
        counted = [f"{checks.count('whole')} sealed fold runs are whole ({num_bytes / 1e6:.1f} MB)"]
        if checks.count("earlier"):
            counted.append(f"{checks.count('earlier')} are of an earlier version, which sealed nothing")
        if checks.count("unfinished"):
            counted.append(f"{checks.count('unfinished')} are not done")
        counted.append(f"{self.num_runs} recorded runs were compared with them")
        lines.append(f"{self.out}: {'; '.join(counted)}")
        num_faults = sum(map(len, self.faults.values()))
        faults = "1 fault was found" if num_faults == 1 else f"{num_faults} faults were found"
        lines.append(faults if num_faults else "no fault was found")
        return lines


def verify(out: str | Path = "runs", *, jobs: int | None = None) -> Verification:
    """Compare an output folder with its seals: every file of a fold run, the databases, and the recorded scores.

    Args:
        jobs: number of fold runs at once; one a processor by default.

    Raises:
        BadInput: there is no such folder.
    """
    out = Path(out)
    with progress_bar("checking fold runs") as progress:
        checks = verify_fold_runs(out, jobs=num_processors() if jobs is None else jobs, progress=progress)
    faults = {check.name: check.faults for check in checks.fold_runs.values() if check.faults}
    remarks = [f"{check.name}: {remark}" for check in checks.fold_runs.values() for remark in check.remarks]
    if checks.plan_faults:
        faults["plans"] = checks.plan_faults
    damaged = {
        path.name: (fault,)
        for path in (database_path(out), out / LEDGER_NAME)
        if (fault := integrity_fault(path)) is not None
    }
    faults |= damaged
    num_runs = 0
    if database_path(out).is_file() and database_path(out).name not in damaged:
        store = MlflowStore(out)
        folds = store.list_folds()
        for run in store.list_runs():
            if not run.is_finished:
                continue
            num_runs += 1
            found = tuple(_record_faults(store, run, folds.get(run.run_id, ()), checks))
            if found:
                faults[run.full_name] = faults.get(run.full_name, ()) + found
    return Verification(out=out, fold_runs=checks, num_runs=num_runs, faults=faults, remarks=tuple(remarks))


def _record_faults(
    store: MlflowStore, run: RunRecord, folds: Sequence[FoldRecord], checks: FolderCheck
) -> Iterator[str]:
    """Differences of a run's recorded scores from the sealed ones. Scores of another digest are not compared."""
    again = "run its sweep again, which records it anew"
    try:
        rows = {str(row["case_id"]): row for row in store.case_rows(run.run_id)}
    except BadInput as error:
        yield f"its case table cannot be read ({error})"
        return
    sealed: dict[str, float | None] = {}
    for fold in folds:
        check = checks.fold_runs.get(fold.digest)
        scores = None if check is None else kept_scores(check)
        if scores is None:
            return  # Deleted, or named already: the rest of the run cannot be compared as a whole.
        compared = [name for name, metric in scores.metrics.items() if metric.digest == recorded_digest(run.tags, name)]
        others = sum(
            any(not _same(row.get(name), rows.get(row["case_id"], {}).get(name)) for name in compared)
            for row in scores.rows
        )
        if others:
            yield f"the recorded scores of {others} of {len(scores.rows)} cases of fold {fold.fold} differ; {again}"
        if "dsc" in compared:
            sealed |= {row["case_id"]: row["dsc"] for row in scores.rows}
    known = [dsc for dsc in sealed.values() if dsc is not None]
    if known and len(sealed) == len(rows) and not _close(run.dsc_mean, math.fsum(known) / len(known)):
        yield f"its recorded mean DSC is not that of its cases; {again}"


def _same(sealed: float | None, recorded: float | None) -> bool:
    return (_is_undefined(sealed) and _is_undefined(recorded)) or sealed == recorded


def _is_undefined(value: float | None) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _close(recorded: float | None, mean: float) -> bool:
    return recorded is not None and math.isclose(recorded, mean, rel_tol=1e-9, abs_tol=1e-12)
