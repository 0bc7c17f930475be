"""Power of a sweep: the difference that a number of seeds shows, and the seeds that a difference needs."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hemosweep.comparison.family import Family
from hemosweep.durations import duration
from hemosweep.errors import BadInput
from hemosweep.report.terminal.lines import lines_of
from hemosweep.report.terminal.power import power_table
from hemosweep.scores.metric import MetricDescription
from hemosweep.stats.claim import Components
from hemosweep.stats.power import MAX_SEEDS, PowerRow, detectable_difference

SHOWN_SEEDS = (1, 2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, kw_only=True, slots=True)
class NeededSeeds:
    """Seeds of each arm that show a difference with 80% power; None where `MAX_SEEDS` are too few."""

    name: str
    difference: float
    num_seeds: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerForecast:
    """Power of a design of `num_cases` cases in `num_folds` folds, from the components of the comparisons at hand.

    `by_seeds` is false where no comparison has several seeds of both arms: the components then come from the folds.
    `seconds_per_seed` is the training time of one seed of all arms, None where it is not recorded.
    """

    sweep: str
    metric: MetricDescription
    num_cases: int
    num_folds: int
    num_compared: int
    by_seeds: bool
    components: Components
    rows: tuple[PowerRow, ...]
    needed: tuple[NeededSeeds, ...]
    seconds_per_seed: float | None
    figure: Path | None = None
    no_figure: str | None = None

    def as_json(self) -> dict[str, Any]:
        values = asdict(self)
        del values["no_figure"]
        return values | {
            "metric": self.metric.name,
            "rows": [asdict(row) for row in self.rows],
            "needed": [asdict(needed) for needed in self.needed],
            "figure": None if self.figure is None else str(self.figure),
        }

    def as_lines(self, *, styled: bool = False) -> list[str]:
        number = self.metric.number
        parts = self.components
        lines = [
            f"{self.sweep}: power of a comparison of {self.num_cases} cases in {self.num_folds} folds",
            "",
            *lines_of(power_table(self.rows, self.metric, self.seconds_per_seed), styled=styled),
            "",
            f"Standard deviations, from {self.num_compared} comparison{'s' * (self.num_compared != 1)}: "
            f"{number(parts.case)} of a case's difference, {number(parts.rest)} of one training in one case, "
            f"{number(parts.training)} of what a training does to its fold, {number(parts.fold)} of what a fold's "
            "training cases do.",
        ]
        if not self.by_seeds:
            lines.append(
                "No comparison has several seeds of both arms: these are from the folds, where training noise and "
                "training sets are one. Three seeds of each arm would tell them apart."
            )
        for needed in self.needed:
            seeds = f"more than {MAX_SEEDS} seeds" if needed.num_seeds is None else f"{needed.num_seeds} seeds"
            lines.append(
                f"{needed.name}, {self.metric.text(abs(needed.difference), sign='')}: {seeds} of each arm"
                f"{self._time(needed.num_seeds)}"
            )
        if self.figure is not None:
            lines.append(f"Power plot: {self.figure}")
        if self.no_figure is not None:
            lines.append(f"No power plot: {self.no_figure}")
        return lines

    def _time(self, num_seeds: int | None) -> str:
        if num_seeds is None or self.seconds_per_seed is None:
            return ""
        return f", {duration(num_seeds * self.seconds_per_seed)} of training for the whole sweep"


def forecast_power(
    family: Family,
    *,
    difference: float | None = None,
    num_cases: int | None = None,
    num_folds: int | None = None,
) -> PowerForecast:
    """Power of a sweep's comparisons from the variance of those that are there.

    Args:
        difference: true difference whose seeds are asked for; by default those that the comparisons observe.
        num_cases: number of cases of the design; by default that of the comparisons.
        num_folds: number of its folds; by default theirs.

    Raises:
        BadInput: no comparison shows what trainings do; a design or a difference that cannot be.
    """
    for name, value, least in (("cases", num_cases, 2), ("folds", num_folds, 2)):
        if value is not None and value < least:
            raise BadInput(f"--{name} {value}: give at least {least}")
    if difference is not None and not (math.isfinite(difference) and difference > 0):
        raise BadInput(f"--difference {difference:g}: give the true difference that is to be shown, above 0")
    rows = [row for row in family.rows if row.comparison.claim.components is not None]
    if not rows:
        raise BadInput(_why_none(family))
    by_seeds = [row for row in rows if row.comparison.claim.basis in ("seeds", "repeats")]
    rows = by_seeds or rows
    components = mean_components([row.comparison.claim.components for row in rows])
    num_cases = num_cases or max(row.comparison.n for row in rows)
    num_folds = num_folds or max(2, *(row.comparison.claim.num_folds for row in rows))

    def shown(num_seeds: int) -> float:
        return detectable_difference(components, num_cases=num_cases, num_folds=num_folds, num_seeds=num_seeds)

    def needed(name: str, wanted: float) -> NeededSeeds:
        enough = (number for number in range(1, MAX_SEEDS + 1) if shown(number) <= abs(wanted))
        return NeededSeeds(name=name, difference=wanted, num_seeds=next(enough, None))

    observed = [(f"{row.a} to {row.b}", row.comparison.mean_diff or 0.0) for row in family.rows]
    wanted = [("to show", difference)] if difference is not None else observed
    return PowerForecast(
        sweep=family.sweep,
        metric=rows[0].comparison.metric,
        num_cases=num_cases,
        num_folds=num_folds,
        num_compared=len(rows),
        by_seeds=bool(by_seeds),
        components=components,
        rows=tuple(PowerRow(num_seeds=number, difference=shown(number)) for number in SHOWN_SEEDS),
        needed=tuple(needed(name, value) for name, value in wanted if value),
        seconds_per_seed=_seconds(family),
    )


def _why_none(family: Family) -> str:
    failed = next((pair.failed or pair.refused for pair in family.pairs if pair.failed or pair.refused), None)
    if failed is not None:
        return failed
    if not family.rows:
        return (
            f"sweep {family.sweep}: no comparison has both arms finished; run make sweep-{family.sweep} first"
            if family.pairs
            else f"sweep {family.sweep} declares no comparison"
        )
    return f"sweep {family.sweep}: no comparison shows what trainings do; train it in several folds, or with --seeds 3"


def mean_components(components: Sequence[Components | None]) -> Components:
    """Components of one design: the mean of the comparisons' variances."""
    known = [parts for parts in components if parts is not None]

    def mean(name: str) -> float:
        return math.sqrt(sum(getattr(parts, name) ** 2 for parts in known) / len(known))

    return Components(case=mean("case"), rest=mean("rest"), training=mean("training"), fold=mean("fold"))


def _seconds(family: Family) -> float | None:
    """Training time of one seed of every arm that is compared; None where one arm's is not known."""
    arms: dict[str, float | None] = {}
    for row, compared in zip(family.rows, family.comparisons, strict=True):
        arms |= {row.a: compared.a.seconds_per_seed, row.b: compared.b.seconds_per_seed}
    known = [seconds for seconds in arms.values() if seconds is not None]
    return sum(known) if known and len(known) == len(arms) else None
