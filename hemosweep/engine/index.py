"""Plan of a sweep in a file, for commands that read the output folder later.

The folder of a fold run names neither sweep nor arm, since several may share it, and a fold run that has not begun has
no folder.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from hemosweep.ablation.declaration import Declaration, read_declaration
from hemosweep.foldrun.spec import write_json
from hemosweep.identity.present import PresentCode

INDEX_NAME = "sweeps"
FOLD_RUNS_NAME = "fold_runs"
LEDGER_NAME = "optuna.db"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedFoldRun:
    """A fold run of a plan: the number of its fold there, and its name."""

    fold: int
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedReplicate:
    """An arm with a seed. `derivatives` are the names of the folders of its preprocessed cases.

    `source` is the digest of the code of its fold runs, with these `components`, some of them perhaps of a `project`.
    """

    run_name: str
    arm: str
    seed: int
    source: str | None
    project: str | None
    components: tuple[str, ...]
    fold_runs: tuple[PlannedFoldRun, ...]
    derivatives: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The replicates of a sweep, and its declaration; None in a plan of an earlier version."""

    sweep: str
    profile: str
    replicates: tuple[PlannedReplicate, ...]
    declaration: Declaration | None = None


def keep_plan(out: Path, plan: Plan) -> None:
    """Write `OUT/sweeps/SWEEP.json`, whole or not at all.

    Earlier plans with the same profile stay in the file, such as other arms or the trials of a search, as long as their
    code is the present one.
    """
    path = out / INDEX_NAME / f"{plan.sweep}.json"
    earlier = _read(path)
    if earlier is not None and earlier.profile == plan.profile:
        names, present = {replicate.run_name for replicate in plan.replicates}, PresentCode(out)
        kept = (r for r in earlier.replicates if r.run_name not in names and _is_live(present, r))
        plan = replace(plan, replicates=(*kept, *plan.replicates))
    write_json(path, asdict(plan))


def read_plans(out: Path) -> tuple[Plan, ...]:
    """The plans of an output folder, by sweep. A plan that cannot be read, such as one of another version, is left
    out."""
    plans = (_read(path) for path in sorted((out / INDEX_NAME).glob("[!.]*.json")))
    return tuple(plan for plan in plans if plan is not None)


def damaged_plans(out: Path) -> list[Path]:
    """The plan files that cannot be read."""
    return [path for path in sorted((out / INDEX_NAME).glob("[!.]*.json")) if _read(path) is None]


def live_plans(out: Path, plans: Iterable[Plan]) -> tuple[Plan, ...]:
    """The plans with those replicates whose fold runs can go on: their code is the present one."""
    present = PresentCode(out)
    live = (replace(plan, replicates=tuple(filter(partial(_is_live, present), plan.replicates))) for plan in plans)
    return tuple(plan for plan in live if plan.replicates)


def _is_live(present: PresentCode, replicate: PlannedReplicate) -> bool:
    return present.has(replicate.source, replicate.components, replicate.project)


def _read(path: Path) -> Plan | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Plan(
            sweep=values["sweep"],
            profile=values["profile"],
            replicates=tuple(
                PlannedReplicate(
                    run_name=replicate["run_name"],
                    arm=replicate["arm"],
                    seed=replicate["seed"],
                    source=replicate["source"] if "source" in replicate else values["source"],
                    project=replicate.get("project"),
                    components=tuple(replicate.get("components", ())),
                    fold_runs=tuple(PlannedFoldRun(**fold_run) for fold_run in replicate["fold_runs"]),
                    derivatives=tuple(replicate["derivatives"]),
                )
                for replicate in values["replicates"]
            ),
            declaration=None if values.get("declaration") is None else read_declaration(values["declaration"]),
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
