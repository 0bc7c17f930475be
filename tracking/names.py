"""Names of the finished arms of an output folder, for the shell's completion: at once, or not at all."""

import sqlite3
from contextlib import closing
from pathlib import Path

from hemosweep.runs import FACT_PREFIX, FINISHED, full_name
from hemosweep.tracking import schema
from hemosweep.tracking.database import database_path

_PATIENCE_S = 0.1
"""Time that another program may hold the database: whoever presses TAB waits for it."""
_RUNS = """
    SELECT DISTINCT sweep.value, arm.value, seed.value, repeat.value
    FROM runs JOIN experiments USING (experiment_id)
    JOIN tags AS level ON level.run_uuid = runs.run_uuid AND level.key = :level AND level.value = :arms
    JOIN tags AS sweep ON sweep.run_uuid = runs.run_uuid AND sweep.key = :sweep
    JOIN tags AS arm ON arm.run_uuid = runs.run_uuid AND arm.key = :arm
    JOIN tags AS seed ON seed.run_uuid = runs.run_uuid AND seed.key = :seed
    LEFT JOIN tags AS repeat ON repeat.run_uuid = runs.run_uuid AND repeat.key = :repeat
    WHERE runs.lifecycle_stage = 'active' AND experiments.lifecycle_stage = 'active' AND runs.status = :finished
    ORDER BY runs.start_time
"""
_NAMES = {
    "level": schema.TAG_LEVEL,
    "arms": schema.LEVEL_ARM,
    "sweep": schema.TAG_SWEEP,
    "arm": schema.TAG_ARM,
    "seed": schema.TAG_SEED,
    "repeat": f"{FACT_PREFIX}repeat",
    "finished": FINISHED,
}


def finished_arms(out: Path) -> dict[tuple[str, str], list[str]]:
    """Names of the runs of each finished arm, by sweep and arm, oldest first. Empty where there is no store.

    Raises:
        sqlite3.Error: it cannot be read at once.
    """
    path = database_path(out)
    if not path.is_file():
        return {}
    found: dict[tuple[str, str], list[str]] = {}
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE_S)) as database:
        for sweep, arm, seed, repeat in database.execute(_RUNS, _NAMES):
            names = found.setdefault((sweep, arm), [])
            name = full_name(sweep, arm, seed=int(seed), repeat=int(repeat or 0))
            if name not in names:
                names.append(name)
    return found
