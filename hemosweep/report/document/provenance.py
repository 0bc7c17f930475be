"""Provenance of a report's figures: digests, commit, versions, hardware and hours.

Folders, the machine and the user are named only where the user asks for them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hemosweep.privacy import machine_and_user, places_in
from hemosweep.report.document.document import Column, Section, Table
from hemosweep.report.document.facts import RunFacts, SweepFacts
from hemosweep.report.terminal.table import UNDEFINED
from hemosweep.runs import (
    EMPTY_REGIONS_FACT,
    ENVIRONMENT_PREFIX,
    FACT_PREFIX,
    TOOL_SETTINGS_FACT,
    external_program,
)
from hemosweep.scores.recorded import recorded_digest

_TAGS = {
    "profile": "Profile",
    "subset": "Only some folds",
    "dataset_digest": "Data set digest",
    "folds_digest": "Split digest",
    "source_digest": "Source digest",
    "checkpoint_rule": "Epoch that is kept",
    "device_kind": "Kind of device",
    EMPTY_REGIONS_FACT: "Cases without a voxel of a sampling region",
}
_VERSIONS = ("hemosweep", "torch", "numpy", "scipy", "nibabel", "mlflow", "optuna", "pandas")
SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Origin of a report, which a hospital would not share: `is_named` where the user asks for it.

    `data` is None where no data set was given.
    """

    out: Path
    data: Path | None
    is_named: bool = False

    @classmethod
    def of(cls, out: Path, data: Path | None, *, is_named: bool = False) -> "Origin":
        """Origin of what is made from an output folder and a data set, whose links are followed."""
        return cls(out=out.resolve(), data=None if data is None else data.resolve(), is_named=is_named)

    @property
    def places(self) -> set[Path]:
        """The folders, and those above them."""
        return places_in([str(place / "file") for place in (self.out, self.data) if place is not None])

    def section(self) -> Section:
        machine, user = machine_and_user()
        facts = (
            ("Output folder", str(self.out)),
            ("Data set", UNDEFINED if self.data is None else str(self.data)),
            ("Machine", machine),
            ("User", user),
        )
        table = Table(
            caption="Where this report was made; it is not for others (--with-paths).",
            columns=(Column(name="What", align="left"), Column(name="Value", align="left")),
            rows=tuple((name, value) for name, value in facts if value not in {UNDEFINED, ""}),
        )
        return Section(title="Origin", anchor="origin", blocks=(table,))


def provenance_tables(sweep: SweepFacts) -> tuple[Table, Table]:
    """Facts that the runs of an ablation have in common, or in which they differ; and each run with its digests."""
    facts = [
        ("Cases", _value_text(sweep.runs, lambda run: str(run.num_cases))),
        ("Folds", _value_text(sweep.runs, lambda run: str(len(run.folds)) if run.folds else UNDEFINED)),
        ("Seeds", ", ".join(map(str, sorted({run.seed for run in sweep.runs})))),
        ("Trained by another program", _value_text(sweep.runs, _program)),
        *((label, _value_text(sweep.runs, _tag(f"{FACT_PREFIX}{name}"))) for name, label in _TAGS.items()),
        (
            f"{sweep.metric.label}'s metric digest",
            _value_text(sweep.runs, lambda run: recorded_digest(run.tags, sweep.metric.name) or UNDEFINED),
        ),
        ("Commit", _value_text(sweep.runs, _tag(f"{ENVIRONMENT_PREFIX}git_commit"))),
        ("Python", _value_text(sweep.runs, _tag(f"{ENVIRONMENT_PREFIX}python"))),
        ("Platform", _value_text(sweep.runs, _tag(f"{ENVIRONMENT_PREFIX}platform"))),
        ("Packages", _value_text(sweep.runs, _packages)),
        ("Trained on", _value_text(sweep.runs, hardware)),
        ("Hours trained", hours(_total([run.seconds for run in sweep.runs]))),
    ]
    known = tuple((name, value) for name, value in facts if value not in {UNDEFINED, ""})
    common = Table(
        caption=f"{sweep.name}: provenance of its runs. Fold runs that several ablations share are counted in "
        "the hours of each.",
        columns=(Column(name="What", align="left"), Column(name="Value", align="left")),
        rows=known,
    )
    runs = Table(
        caption=f"{sweep.name}: its runs.",
        columns=(
            Column(name="Arm", align="left"),
            Column(name="Seed"),
            Column(name="MLflow run", align="left"),
            Column(name="Configuration digest", align="left"),
            Column(name="Fold runs digest", align="left"),
            Column(name="Folds"),
            Column(name="Cases"),
            Column(name="Hours"),
        ),
        rows=tuple(
            (
                run.arm,
                str(run.seed),
                run.run_id[:8],
                run.config_digest or UNDEFINED,
                run.replicate,
                str(len(run.folds)) if run.folds else UNDEFINED,
                str(run.num_cases),
                hours(run.seconds),
            )
            for run in sweep.runs
        ),
    )
    return common, runs


def hours(seconds: float | None) -> str:
    """Hours in as many digits as they deserve: "0.004", "1.3", "57"."""
    return UNDEFINED if seconds is None else f"{seconds / SECONDS_PER_HOUR:.2g}"


def _total(seconds: Sequence[float | None]) -> float | None:
    known = [value for value in seconds if value is not None]
    return math.fsum(known) if known else None


def _tag(name: str) -> Callable[[RunFacts], str]:
    return lambda run: run.tags.get(name, UNDEFINED)


def _value_text(runs: Sequence[RunFacts], fact: Callable[[RunFacts], str]) -> str:
    """Value of a fact that all runs share, or each value with its runs."""
    by_value: dict[str, list[str]] = {}
    for run in runs:
        by_value.setdefault(fact(run), []).append(f"{run.arm}@{run.seed}")
    if len(by_value) == 1:
        return next(iter(by_value))
    return "; ".join(f"{value} ({', '.join(names)})" for value, names in by_value.items())


def _program(run: RunFacts) -> str:
    """The other program that trained a run, its version and its settings."""
    program = external_program(run.tags)
    settings = run.tags.get(f"{FACT_PREFIX}{TOOL_SETTINGS_FACT}")
    return UNDEFINED if program is None else ", ".join(filter(None, (program, settings)))


def _packages(run: RunFacts) -> str:
    packages = [
        f"{name} {run.tags[f'{ENVIRONMENT_PREFIX}{name}']}"
        for name in _VERSIONS
        if f"{ENVIRONMENT_PREFIX}{name}" in run.tags
    ]
    return ", ".join(packages) or UNDEFINED


def hardware(run: RunFacts) -> str:
    """The devices of its folds, such as "cpu, 2 threads, torch 2.9"."""
    texts = []
    for device in run.devices:
        parts = [device[name] for name in ("device",) if name in device]
        parts += [f"{device['threads']} threads"] if "threads" in device else []
        parts += [f"torch {device['torch']}"] if "torch" in device else []
        texts.append(", ".join(parts))
    return " / ".join(sorted({text for text in texts if text})) or UNDEFINED
