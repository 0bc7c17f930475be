"""`hemosweep runs`: the arm runs of an output folder."""

import logging
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from hemosweep.errors import BadInput
from hemosweep.report.terminal.lines import Name, lines_of
from hemosweep.report.terminal.table import UNDEFINED
from hemosweep.runs import RunStore, fits

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunList:
    """Runs as plain dictionaries, oldest first; an undefined DSC is None."""

    rows: tuple[dict[str, Any], ...]

    def as_json(self) -> list[dict[str, Any]]:
        return list(self.rows)

    def as_lines(self, *, styled: bool = False) -> list[str]:
        return lines_of(_table(self), styled=styled)


def list_runs(
    store: RunStore, sweep: str | None = None, reference: str | None = None, *, with_cases: bool = False
) -> RunList:
    """The runs of a store, or those of one sweep.

    Args:
        reference: list only the runs that it may mean (`hemosweep.runs.find_run`), such as all of an arm.
        with_cases: include the fold, IVH label and DSC of every case of a finished run.

    Raises:
        BadInput: the store has no runs, or not of that sweep.
    """
    rows = []
    for run in store.list_runs(sweep):
        if reference is not None and not fits(run, reference):
            continue
        row: dict[str, Any] = {
            "run_id": run.run_id,
            "sweep": run.sweep,
            "arm": run.arm,
            "seed": run.seed,
            "status": run.status,
            "dsc_mean": run.dsc_mean,
            "dsc_std": run.dsc_std,
            "profile": run.fact("profile"),
            "subset": run.subset,
            "repeat": run.repeat,
            "external": run.external,
        }
        if with_cases:
            row["cases"] = _cases(store, run.run_id) if run.is_finished else []
        rows.append(row)
    return RunList(tuple(rows))


def _cases(store: RunStore, run_id: str) -> list[dict[str, Any]]:
    """The cases of a run; none, with a warning in the log, where its case table cannot be read."""
    try:
        rows = store.case_rows(run_id)
        return [{name: row[name] for name in ("case_id", "fold", "ivh", "dsc")} for row in rows]
    except BadInput as error:
        _log.warning("%s", error)
    except KeyError as error:
        _log.warning("run %s has no %s in its case table; start its sweep again", run_id, error)
    return []


def _table(runs: RunList) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("run", "sweep", "arm", "seed", "profile", "status"):
        table.add_column(column, no_wrap=True)
    table.add_column("DSC", justify="right", no_wrap=True)
    for row in runs.rows:
        dsc = UNDEFINED if row["dsc_mean"] is None else f"{row['dsc_mean']:.3f}"
        spread = "" if row["dsc_std"] is None else f" ± {row['dsc_std']:.3f}"
        remarks = [text for text in (row["subset"], row["external"]) if text is not None]
        arm = f"{row['arm']} ({', '.join(remarks)})" if remarks else row["arm"]
        seed = f"{row['seed']}" if row["repeat"] == 0 else f"{row['seed']} (repeat {row['repeat']})"
        names = (row["run_id"][:8], row["sweep"], Name(arm), seed, row["profile"] or "", row["status"])
        table.add_row(*names, dsc + spread)
    return table
