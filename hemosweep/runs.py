"""Recorded runs, and the Protocol of a store that keeps them.

`tracking.reader.MlflowStore` reads runs from an MLflow store. `RunsInMemory` holds runs that are not recorded (yet).
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from hemosweep.errors import BadInput

FACT_PREFIX, ENVIRONMENT_PREFIX = "hemosweep.", "env."
"""Prefixes of the tags of a run: of its provenance, and of the environment that it was trained in."""
LOOKS_FACT = "looks"
"""Fact of a run whose sweep adds seeds where a comparison is open: the numbers of seeds at its looks."""
EMPTY_REGIONS_FACT = "empty_regions"
"""Fact of a run that has cases without a voxel of a sampling region: their number, by region."""
EXTERNAL_FACT, TOOL_FACT, TOOL_VERSION_FACT, TOOL_SETTINGS_FACT = "external", "tool", "tool_version", "tool_settings"
"""Facts of a run that another program trained: "true", the program, its version, and what it was trained with."""
CHOSEN_ON_TEST_FACT = "chosen_on_test"
"""Fact of an external run whose program chose the epoch by the test cases."""
FINISHED = "FINISHED"
_RUN_ID = re.compile(r"[0-9a-f]{6,32}")


def full_name(sweep: str, arm: str, *, seed: int, repeat: int) -> str:
    """Name of an arm replicate, by which a user means it alone."""
    return f"{sweep}/{arm}~{repeat}" if repeat else f"{sweep}/{arm}@{seed}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Cost of a fold run, or of an arm replicate: each figure is None where it is not known.

    `parameters` are the network's. `case_gflop` are the 10^9 floating point operations of the forward passes of all
    windows of a test case, and `case_s` the seconds of one, with reading and scores; `epoch_s` are those of an epoch,
    with its validation. These three are means. `gpu_gib` is the most memory of tensors on a GPU at once, and
    `process_gib` that of a whole process that trained on the CPU, each in 2^30 bytes.
    """

    parameters: float | None = None
    case_gflop: float | None = None
    epoch_s: float | None = None
    case_s: float | None = None
    gpu_gib: float | None = None
    process_gib: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """One arm replicate.

    `status` is MLflow's: RUNNING, FINISHED, FAILED or KILLED. `dsc_mean` and `dsc_std` are None where they do not exist
    (yet). `digest` names the replicate. `tags` are all tags of the run, MLflow's included. `others` are runs of the
    same name that were not chosen, oldest first. `train_seconds` is the time of its fold runs, None where it is not
    known. `cost` is that of its folds.
    """

    run_id: str
    sweep: str
    arm: str
    seed: int
    run_name: str
    status: str
    dsc_mean: float | None
    dsc_std: float | None
    digest: str
    start_time: datetime
    tags: dict[str, str]
    others: tuple["RunRecord", ...] = ()
    train_seconds: float | None = None
    cost: Cost = field(default=Cost())

    @property
    def repeat(self) -> int:
        """Number of its split into folds, from 0; a further one is trained with the seed of its number."""
        number = self.fact("repeat") or "0"
        return int(number) if number.isdecimal() else 0

    @property
    def full_name(self) -> str:
        return full_name(self.sweep, self.arm, seed=self.seed, repeat=self.repeat)

    @property
    def is_finished(self) -> bool:
        return self.status == FINISHED

    def fact(self, name: str) -> str | None:
        """Provenance of the run, such as "dataset_digest"; None where it is not recorded."""
        return self.tags.get(f"{FACT_PREFIX}{name}")

    @property
    def external(self) -> str | None:
        """The other program that trained the run, such as "nnU-Net 2.8.1"; None for a run of hemosweep."""
        return external_program(self.tags)

    @property
    def subset(self) -> str | None:
        """Folds of the run, such as "folds 0, 2 of 5 only"; None for all."""
        return self.fact("subset")

    @property
    def about_others(self) -> str | None:
        """Remark in one line on the runs that were not chosen; None where there are none."""
        if not self.others:
            return None
        newer = [other for other in self.others if other.start_time > self.start_time]
        num, age, taken = len(self.others), "other" if newer else "older", self.run_id[:8]
        named = f"{num} {age} {'run is' if num == 1 else 'runs are'} named {self.full_name} too"
        if not newer:
            return f"{named}; took the newest, {taken} (hemosweep runs)"
        shortcomings = ", ".join(f"{other.run_id[:8]} {other._shortcoming}" for other in newer)
        return f"{named}; took {taken}, since of the newer {shortcomings} (hemosweep runs)"

    @property
    def _shortcoming(self) -> str:
        return f"has {self.subset}" if self.is_finished else f"is {self.status}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldRecord:
    """A fold of an arm replicate.

    `status` is MLflow's. `seconds` is None where it has not ended. `device` describes the training's device, with keys
    such as "device", "threads" and "torch".
    """

    fold: int
    digest: str
    status: str
    seconds: float | None
    device: dict[str, str]


class RunStore(Protocol):
    """A store of recorded runs. Each call reads its present content."""

    @property
    def place(self) -> str:
        """Name of the place, for a message."""
        ...

    def list_runs(self, sweep: str | None = None) -> Sequence[RunRecord]:
        """The arm replicates, oldest first, without folds and deleted runs.

        Raises:
            BadInput: there is no store, or no such sweep in it.
        """
        ...

    def list_folds(self) -> Mapping[str, tuple[FoldRecord, ...]]:
        """The folds of every arm replicate, in their order, by the run id of the replicate.

        Raises:
            BadInput: there is no store.
        """
        ...

    def case_rows(self, run_id: str) -> list[dict[str, Any]]:
        """A run's case table, a row a case: the case id is text, None is undefined.

        Raises:
            BadInput: there is no store, or the run has no case table.
        """
        ...

    def config(self, run_id: str) -> dict[str, Any] | None:
        """The configuration that a run was trained with (`hemosweep.config.config_as_dict`); None where it has none.

        Raises:
            BadInput: there is no store.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class RunsInMemory:
    """A `RunStore` of given runs. `rows`, `configs` and `folds` have run ids as keys."""

    place: str
    runs: Sequence[RunRecord] = ()
    rows: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    configs: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    folds: Mapping[str, tuple[FoldRecord, ...]] = field(default_factory=dict)

    def list_runs(self, sweep: str | None = None) -> Sequence[RunRecord]:
        known = sorted({run.sweep for run in self.runs})
        if sweep is not None and sweep not in known:
            raise BadInput(no_such_sweep(self.place, sweep, known))
        return sorted((run for run in self.runs if sweep in (None, run.sweep)), key=age)

    def list_folds(self) -> Mapping[str, tuple[FoldRecord, ...]]:
        return self.folds

    def case_rows(self, run_id: str) -> list[dict[str, Any]]:
        if run_id not in self.rows:
            raise BadInput(no_case_table(run_id))
        return self.rows[run_id]

    def config(self, run_id: str) -> dict[str, Any] | None:
        return self.configs.get(run_id)


class CachedStore:
    """A `RunStore` that asks another one each question once, so that many comparisons rest on one state of it."""

    def __init__(self, store: RunStore) -> None:
        self.place = store.place
        self.list_runs = cache(store.list_runs)
        self.list_folds = cache(store.list_folds)
        self.case_rows = cache(store.case_rows)
        self.config = cache(store.config)


def external_program(tags: Mapping[str, str]) -> str | None:
    """The other program that trained a run with these tags, and its version; None where it was hemosweep."""
    if tags.get(f"{FACT_PREFIX}{EXTERNAL_FACT}") != "true":
        return None
    words = (tags.get(f"{FACT_PREFIX}{name}") for name in (TOOL_FACT, TOOL_VERSION_FACT))
    return " ".join(word for word in words if word) or "another program"


def age(run: RunRecord) -> tuple[datetime, str]:
    """Sort key that puts the oldest run first, in an order that is always the same."""
    return run.start_time, run.run_id


def no_such_sweep(place: str, sweep: str, known: Sequence[str]) -> str:
    """Message of a store that has no runs of a sweep."""
    return f"{place} has no runs of sweep {sweep!r}; it has {', '.join(known) or 'none'}"


def no_case_table(run_id: str) -> str:
    """Message of a store that has no case table of a run."""
    return f"run {run_id} has no case table; let its sweep finish first"


def find_run(store: RunStore, reference: str) -> RunRecord:
    """Return the one arm replicate that a reference means.

    A reference is a run id or at least the first six of its characters, a run name, or SWEEP/ARM[@SEED]. Of several
    runs with the same sweep, arm and seed (of older code, other data, some of the folds) it means the newest that is
    finished and has all folds, else the newest that is finished, else the newest.

    Raises:
        BadInput: no run or different ones fit; the message lists the nearest names, or the ones that fit.
    """
    records = store.list_runs()
    matches = [record for record in records if fits(record, reference)]
    if len({record.full_name for record in matches}) == 1:
        return _best(matches)
    if matches:
        choices = ", ".join(f"{record.full_name} ({record.run_id[:8]})" for record in matches)
        raise BadInput(f"{reference!r} means {len(matches)} runs: {choices}; give one of these names or ids")
    names = sorted({record.full_name for record in records} | {record.run_name for record in records})
    nearest = difflib.get_close_matches(reference, names, n=5, cutoff=0.4) or names[:5]
    raise BadInput(f"{store.place} has no run {reference!r}; nearest: {', '.join(nearest) or 'none, it is empty'}")


def find_replicates(store: RunStore, reference: str) -> tuple[RunRecord, ...]:
    """Return the runs that a reference means, by repeat and seed: for SWEEP/ARM those of every seed and split, for any
    other reference the run of `find_run`.

    Of several runs with the same seed and split one is chosen, as by `find_run`.

    Raises:
        BadInput: as `find_run`.
    """
    by_seed: dict[tuple[int, int], list[RunRecord]] = {}
    for record in store.list_runs():
        if f"{record.sweep}/{record.arm}" == reference:
            by_seed.setdefault((record.repeat, record.seed), []).append(record)
    return tuple(_best(by_seed[seed]) for seed in sorted(by_seed)) or (find_run(store, reference),)


def _best(namesakes: Sequence[RunRecord]) -> RunRecord:
    """Choose the run that a name means, from runs of that name, oldest first."""
    *_, best = sorted(namesakes, key=lambda record: (record.is_finished, record.subset is None))
    return replace(best, others=tuple(record for record in namesakes if record is not best))


def fits(record: RunRecord, reference: str) -> bool:
    """True if a reference, as `find_run` takes it, may mean a run."""
    names = {record.run_name, record.full_name, f"{record.sweep}/{record.arm}"}
    return reference in names or (bool(_RUN_ID.fullmatch(reference)) and record.run_id.startswith(reference))
