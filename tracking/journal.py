"""State of a fold run's folder for the tracker, from the events of its journal."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.foldrun.cost import cost_of
from hemosweep.foldrun.journal import micro_batch_size, read_journal
from hemosweep.foldrun.scores import read_scores
from hemosweep.foldrun.seal import RECORDS, BrokenSeal, is_finished, read_seal
from hemosweep.foldrun.spec import JOURNAL_NAME
from hemosweep.runs import Cost

Event = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldState:
    """State of a fold run's folder so far.

    Times are Unix seconds. `status` is RUNNING, FINISHED, FAILED or KILLED, as in MLflow. Only a seal that is whole,
    which is written last, makes a fold FINISHED; with a broken one it is FAILED. A fold that was paused and not started
    again is KILLED. `failure` is "kind: message" of a fold that failed and was not started again. `micro_batch_size` is
    the number of patches in memory at once after memory ran out, None where it did not.
    """

    status: str
    started: float | None
    ended: float | None
    epochs: dict[int, Event]
    best_epoch: int | None
    seconds: float | None
    device: dict[str, str]
    failure: str | None
    micro_batch_size: int | None
    dsc: list[float]
    cost: Cost


def read_fold(folder: Path) -> FoldState:
    """Read a fold run's folder, while it is trained or later."""
    try:
        done = read_seal(folder) if is_finished(folder, *RECORDS) else None
        scores = [] if done is None else read_scores(folder).rows
        broken = None
    except BrokenSeal as error:
        done, scores, broken = None, [], error.short
    epochs: dict[int, Event] = {}
    best_epoch: int | None = None
    failure: str | None = None
    paused = False
    device: dict[str, str] = {}
    events = read_journal(folder / JOURNAL_NAME)
    for event in events:
        match event["event"]:
            case "started":
                failure, paused = None, False
                device = {name: str(event[name]) for name in ("device", "torch", "threads") if name in event}
            case "resumed":
                failure = None
            case "epoch":
                epochs[int(event["epoch"])] = event
            case "stopped":
                best_epoch = event["best_epoch"]
            case "failed":
                failure = f"{event['kind']}: {event['message']}"
            case "paused":
                paused = True
    if done is not None:
        status, failure = "FINISHED", None
    elif broken is not None:
        status, failure = "FAILED", f"broken seal: {broken}"
    elif failure is not None:
        status = "FAILED"
    else:
        status = "KILLED" if paused else "RUNNING"
    return FoldState(
        status=status,
        started=events[0]["time"] if events else None,
        ended=events[-1]["time"] if events and status != "RUNNING" else None,
        epochs=epochs,
        best_epoch=best_epoch,
        seconds=None if done is None else done.seconds,
        device=device,
        failure=failure,
        micro_batch_size=micro_batch_size(events),
        dsc=[float("nan") if row["dsc"] is None else float(row["dsc"]) for row in scores],
        cost=cost_of(events),
    )


def read_start(folder: Path) -> float | None:
    """Unix seconds at which a fold run began; None where it has not begun."""
    events = read_journal(folder / JOURNAL_NAME)
    return float(events[0]["time"]) if events else None
