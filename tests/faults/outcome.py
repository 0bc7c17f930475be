"""Content of an output folder after a sweep, without what differs from one run to the next: times, random names."""

import hashlib
import re
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hemosweep.foldrun.journal import read_journal
from hemosweep.foldrun.seal import is_finished
from hemosweep.foldrun.spec import JOURNAL_NAME
from hemosweep.workflows.verify import verify

_TIMED = re.compile(r"seconds|peak_")
_NAMED = re.compile(r"\b[0-9a-f]{32}\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Scores, predictions and epochs by fold run; the runs of the store; the trials of the ledger; temporary files."""

    scores: dict[str, str]
    predictions: dict[str, str]
    runs: list[tuple[Any, ...]]
    deleted_runs: int
    orphans: list[str]
    trials: list[tuple[str, float | None]]
    temporary: list[str]
    epochs: dict[str, list[str]]

    def differences(self, undisturbed: "Outcome", *, failed_before: bool) -> list[str]:
        """Differences from an undisturbed sweep.

        Args:
            failed_before: a fold run failed in the disturbed sweep, so that its trial failed, too.
        """
        found = []
        for field in fields(self):
            mine, other = getattr(self, field.name), getattr(undisturbed, field.name)
            if field.name == "trials" and failed_before:
                mine = [trial for trial in mine if trial[0] != "FAIL"]
            if mine != other:
                found.append(f"{field.name}: {_difference(mine, other)}")
        return found


def _difference(mine: Any, other: Any) -> str:
    if isinstance(mine, list) and isinstance(other, list):
        left, right = Counter(map(repr, mine)), Counter(map(repr, other))
        return f"more {list((left - right).elements())}, less {list((right - left).elements())}"
    return f"{mine} instead of {other}"


def read_outcome(out: Path) -> Outcome:
    runs, deleted, artifacts = _store(out)
    folders = sorted((out / "fold_runs").glob("[!.]*"))
    return Outcome(
        scores={folder.name: _digest(folder / "scores.json") for folder in folders},
        predictions={
            f"{path.parent.parent.name}/{path.name}": _digest(path)
            for path in sorted(out.glob("fold_runs/*/predictions/[!.]*"))
        },
        runs=runs,
        deleted_runs=deleted,
        orphans=artifacts,
        trials=_trials(out),
        temporary=sorted(
            re.sub(r"[0-9a-f]{12,}|(?<=uploading\.)\w+", "X", str(path.relative_to(out)))
            for pattern in (".tmp-*", ".artifact.*", "*-journal", "*-wal", "*.aside*")
            for path in out.rglob(pattern)
        ),
        epochs={folder.name: _epochs(folder) for folder in folders},
    )


def _epochs(folder: Path) -> list[str]:
    """Epochs that were trained although the fold run had gone past them: one that was told and not saved may be
    trained again."""
    last, wrong = 0, []
    events = read_journal(folder / JOURNAL_NAME)
    for event in events:
        if event["event"] == "epoch":
            if event["epoch"] < last:
                wrong.append(f"epoch {event['epoch']} after {last}")
            last = event["epoch"]
    return wrong


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else "missing"


def _store(out: Path) -> tuple[list[tuple[Any, ...]], int, list[str]]:
    """Active runs with their metrics, tags, parameters and artifacts; the number of deleted ones; folders of artifacts
    without a run."""
    with closing(sqlite3.connect(out / "mlflow.db")) as database:
        read = lambda text: database.execute(text).fetchall()  # noqa: E731
        assert read("PRAGMA integrity_check") == [("ok",)]
        rows = read("SELECT run_uuid, name, status, lifecycle_stage FROM runs")
        values: dict[str, list[Any]] = {row[0]: [] for row in rows}
        for table in ("metrics", "latest_metrics"):
            for run, key, value, step, is_nan in read(f"SELECT run_uuid, key, value, step, is_nan FROM {table}"):
                shown = "timed" if _TIMED.search(key) else "nan" if is_nan else value
                if not (table == "metrics" and shown == "timed"):
                    values[run].append((table, key, step, shown))
        for table in ("tags", "params"):
            for run, key, value in read(f"SELECT run_uuid, key, value FROM {table}"):
                values[run].append((table, key, _NAMED.sub("RUN", value)))
    orphans = []
    for folder in sorted(out.glob("artifacts/*/*")):
        if folder.name not in values:
            orphans.append("an artifact folder without a run")
            continue
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                values[folder.name].append(("artifact", str(path.relative_to(folder)), _digest(path)))
    active = [row for row in rows if row[3] == "active"]
    runs = sorted((name, status, *sorted(values[run], key=repr)) for run, name, status, _ in active)
    return runs, len(rows) - len(active), orphans


def _trials(out: Path) -> list[tuple[str, float | None]]:
    with closing(sqlite3.connect(out / "optuna.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return database.execute(
            "SELECT state, value FROM trials LEFT JOIN trial_values USING (trial_id) ORDER BY trial_id"
        ).fetchall()


def finished_journals(out: Path) -> dict[str, str]:
    """Journals of the fold runs that are done, by digest."""
    return {
        folder.name: (folder / JOURNAL_NAME).read_text()
        for folder in sorted((out / "fold_runs").glob("[!.]*"))
        if is_finished(folder)
    }


def retrained(out: Path, finished: dict[str, str]) -> list[str]:
    """Fold runs that were done and have been worked on since."""
    return [
        f"{digest} was done, and its journal has grown since"
        for digest, journal in finished.items()
        if (out / "fold_runs" / digest / JOURNAL_NAME).read_text() != journal
    ]


def check_out(out: Path) -> list[str]:
    """Findings of `hemosweep verify` after the sweep."""
    found = verify(out, jobs=1)
    counts = found.num_runs, found.fold_runs.count("whole")
    few = [] if counts == (1, 2) else [f"verify: {counts} recorded runs and whole fold runs, not 1 and 2"]
    return [*few, *(f"verify: {place}: {fault}" for place, faults in found.faults.items() for fault in faults)]
