"""Plan of a sweep in a file, for commands that read the output folder later.

The folder of a fold run names neither sweep nor arm, since several may share it, and a fold run that has not begun has
no folder.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hemosweep.foldrun.spec import write_json

INDEX_NAME = "sweeps"
FOLD_RUNS_NAME = "fold_runs"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedFoldRun:
    """A fold run of a plan: the number of its fold there, and its name."""

    fold: int
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedReplicate:
    """An arm with a seed. `derivatives` are the names of the folders of its preprocessed cases."""

    run_name: str
    arm: str
    seed: int
    fold_runs: tuple[PlannedFoldRun, ...]
    derivatives: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The replicates of a sweep. `source` is the source digest that their fold runs depend on."""

    sweep: str
    profile: str
    source: str | None
    replicates: tuple[PlannedReplicate, ...]


def keep_plan(out: Path, plan: Plan) -> None:
    """Write `OUT/sweeps/SWEEP.json`, whole or not at all.

    Earlier plans with the same profile and source stay in the file: other arms, or the trials of a search.
    """
    path = out / INDEX_NAME / f"{plan.sweep}.json"
    earlier = _read(path)
    if earlier is not None and (earlier.profile, earlier.source) == (plan.profile, plan.source):
        names = {replicate.run_name for replicate in plan.replicates}
        kept = (replicate for replicate in earlier.replicates if replicate.run_name not in names)
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


def _read(path: Path) -> Plan | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Plan(
            sweep=values["sweep"],
            profile=values["profile"],
            source=values["source"],
            replicates=tuple(
                PlannedReplicate(
                    run_name=replicate["run_name"],
                    arm=replicate["arm"],
                    seed=replicate["seed"],
                    fold_runs=tuple(PlannedFoldRun(**fold_run) for fold_run in replicate["fold_runs"]),
                    derivatives=tuple(replicate["derivatives"]),
                )
                for replicate in values["replicates"]
            ),
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
