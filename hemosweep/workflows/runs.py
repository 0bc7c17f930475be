"""`hemosweep runs`: the arm runs of an output folder."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from hemosweep.report.terminal.table import UNDEFINED
from hemosweep.runs import RunStore


def list_rows(store: RunStore, sweep: str | None, *, with_cases: bool) -> list[dict[str, Any]]:
    """The runs as plain dictionaries; undefined DSC is None.

    Raises:
        BadInput: the folder has no runs, or not of that sweep.
    """
    rows = []
    for run in store.list_runs(sweep):
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
        }
        if with_cases:
            row["cases"] = _cases(store, run.run_id) if run.is_finished else []
        rows.append(row)
    return rows


def _cases(store: RunStore, run_id: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in ("case_id", "fold", "ivh", "dsc")} for row in store.case_rows(run_id)]


def runs_table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("run", "sweep", "arm", "seed", "profile", "status"):
        table.add_column(column, no_wrap=True)
    table.add_column("DSC", justify="right", no_wrap=True)
    for row in rows:
        dsc = UNDEFINED if row["dsc_mean"] is None else f"{row['dsc_mean']:.3f}"
        spread = "" if row["dsc_std"] is None else f" ± {row['dsc_std']:.3f}"
        arm = row["arm"] if row["subset"] is None else f"{row['arm']} ({row['subset']})"
        names = (row["run_id"][:8], row["sweep"], arm, str(row["seed"]), row["profile"] or "", row["status"])
        table.add_row(*names, dsc + spread)
    return table
