"""Figures of a benchmark with their goals, and where they were measured. It imports the standard library alone."""

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hemosweep.environment import git_commit, num_processors

Say = Callable[[str], None]
MEASURED_PACKAGES = ("torch", "numpy", "scipy", "monai")


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchRow:
    """One figure. `value` is None where it could not be measured; `note` is then the reason.

    With `at_least` a good value is at or above `goal`, otherwise at or below it.
    """

    what: str
    value: float | None
    unit: str
    goal: float | None = None
    at_least: bool = True
    note: str = ""

    @property
    def verdict(self) -> str:
        """ "met", "falls short", or nothing where there is no value or no goal."""
        if self.value is None or self.goal is None:
            return ""
        return "met" if (self.value >= self.goal) == self.at_least or self.value == self.goal else "falls short"


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchResult:
    """The rows of one part, "cpu" or "gpu", with the device, versions and load they were measured with.

    `num_busy` is the number of processors that other programs kept busy before or after, the larger one. `profile`
    names the longest operations of a training step, with their shares of the step in percent. `details` is what the
    rows were taken from.
    """

    part: str
    device: str
    rows: tuple[BenchRow, ...]
    versions: dict[str, str | None]
    processors: int
    num_busy: float | None
    commit: str | None
    day: str
    profile: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "BenchResult":
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**values | {"rows": tuple(BenchRow(**row) for row in values["rows"])})


def versions() -> dict[str, str | None]:
    """Python's and the packages' that the figures depend on; None for one that is not installed."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in MEASURED_PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions


def make_result(
    part: str,
    device: str,
    rows: Sequence[BenchRow],
    details: dict[str, Any],
    *,
    profile: dict[str, float] | None = None,
    num_busy: float | None = None,
) -> BenchResult:
    """Rows with what they were measured with, here and today."""
    return BenchResult(
        part=part,
        device=device,
        rows=tuple(rows),
        versions=versions(),
        processors=num_processors(),
        num_busy=num_busy,
        commit=git_commit(),
        day=date.today().isoformat(),
        profile=profile or {},
        details=details,
    )


def as_lines(result: BenchResult) -> list[str]:
    """A short table: what, value, goal, verdict."""
    cells = [("", result.device, "goal", "")]
    for row in result.rows:
        goal = "" if row.goal is None else f"{'>=' if row.at_least else '<='} {number(row.goal)}"
        value = "-" if row.value is None else f"{number(row.value)} {row.unit}".strip()
        cells.append((row.what, value, goal, row.verdict or row.note))
    widths = [max(len(cell[column]) for cell in cells) for column in range(4)]
    lines = [
        f"{what:<{widths[0]}}  {value:>{widths[1]}}  {goal:>{widths[2]}}  {verdict}".rstrip()
        for what, value, goal, verdict in cells
    ]
    notes = [f"{row.what}: {row.note}" for row in result.rows if row.note and row.verdict]
    where = [f"{share:5.1f}%  {name}" for name, share in result.profile.items()]
    if where:
        where = ["where a training step's time goes:", *where]
    return [*lines, *notes, *where, _measured_with(result)]


def number(value: float) -> str:
    """Three or four digits: 9,120, 12.4, 0.037."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"


def _measured_with(result: BenchResult) -> str:
    packages = ", ".join(f"{name} {installed or 'not installed'}" for name, installed in result.versions.items())
    busy = (
        ""
        if result.num_busy is None
        else f"; other programs kept {result.num_busy:.1f} processors busy before or after"
    )
    return f"{result.day}, commit {(result.commit or 'unknown')[:12]}, {result.processors} processors, {packages}{busy}"


def skipped(rows: Sequence[tuple[str, str]], why: str) -> tuple[BenchRow, ...]:
    """Rows, each by its name and unit, that were not measured."""
    return tuple(BenchRow(what=what, value=None, unit=unit, note=f"skipped: {why}") for what, unit in rows)
