"""Result of a finished sweep: its tables and verdicts."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hemosweep.comparison.family import Family, compare_family
from hemosweep.engine.request import Request
from hemosweep.engine.results import ReplicateResult
from hemosweep.report.terminal.lines import lines_of
from hemosweep.report.terminal.summary import arm_row, arm_spread
from hemosweep.report.terminal.table import ArmRow, arm_table, comparison_table
from hemosweep.stats.replicates import SeedSpread
from hemosweep.tracking.reader import MlflowStore
from hemosweep.workflows.declared import with_external_arms
from hemosweep.workflows.sweeping.looks import LookEnd
from hemosweep.workflows.sweeping.runs import sweep_runs


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyResult:
    """A finished sweep: the rows of its tables, the run of each row, and the failures.

    `subset` names the trained folds, such as "folds 0, 2 of 5 only"; None for all. `spreads` is the spread of an arm's
    mean over its seeds, for the arms that have several. `looks` are the ends of the comparisons where seeds were added
    by looks. `notes` are remarks for the user, including the next commands. `summaries` are lines for other programs,
    one an arm and seed.
    """

    sweep: str
    profile: str
    run_ids: Mapping[str, str | None]
    arms: tuple[ArmRow, ...]
    family: Family
    failures: tuple[str, ...]
    spreads: Mapping[str, SeedSpread]
    subset: str | None = None
    looks: tuple[LookEnd, ...] = ()
    notes: tuple[str, ...] = ()
    summaries: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "sweep": self.sweep,
            "profile": self.profile,
            "subset": self.subset,
            "arms": [asdict(row) | {"run_id": self.run_ids[row.arm]} for row in self.arms],
            "comparisons": self.family.rows_json(),
            "looks": [asdict(end) for end in self.looks],
            "seeds": {arm: asdict(spread) for arm, spread in self.spreads.items()},
            "failures": list(self.failures),
        }

    def as_lines(self, *, styled: bool = False) -> list[str]:
        """The arms, the comparisons with their verdicts, the notes, and the summaries."""
        family = self.family
        tables = [arm_table(self.arms), *([comparison_table(family.rows)] if family.rows else [])]
        failed = [f"{pair.a} to {pair.b}: {pair.failed}" for pair in family.pairs if pair.failed]
        verdicts = [*family.verdict_lines(), *family.refused, *failed, *family.remark_lines()]
        return [*lines_of(*tables, styled=styled), *verdicts, *self.notes, *self.summaries]


def summarise_study(
    request: Request,
    results: Sequence[ReplicateResult],
    looks: tuple[LookEnd, ...] = (),
) -> StudyResult:
    """Tables and verdicts of a sweep whose replicates have all ended; `study_notes` writes its notes.

    Args:
        looks: the ends of the comparisons where seeds were added by looks.
    """
    name = request.sweep.name
    whole = [result for result in results if not result.failures]
    failed = {result.replicate.arm.name for result in results if result.failures}
    tables = {arm.name: [r.cases for r in whole if r.replicate.arm.name == arm.name] for arm in request.arms}
    complete = {
        arm: frames for arm, frames in tables.items() if arm not in failed and len(frames) >= request.num_replicates
    }
    declared = with_external_arms(request.sweep.declaration, MlflowStore(request.out))
    external = set(declared.arms) - set(request.sweep.arm_names)
    pairs = [(a, b) for a, b in declared.comparisons if {a, b} <= complete.keys() | external]
    return StudyResult(
        sweep=name,
        profile=request.profile.name,
        subset=request.subset,
        looks=looks,
        run_ids={result.replicate.run_name: result.run_id for result in results},
        # A mean over some folds cannot stand beside means over all of them: an incomplete arm has none.
        arms=tuple(
            arm_row(
                name,
                r.replicate.arm.name,
                r.replicate.run_name,
                r.cases.iloc[:0] if r.failures else r.cases,
                r.seconds,
            )
            for r in results
        ),
        family=compare_family(
            sweep_runs(request.out, results),
            name,
            pairs,
            metric=request.sweep.primary_metric,
            keep_going=True,
            num_declared=len(declared.comparisons),
        ),
        failures=(
            *(failure for result in results for failure in result.failures),
            *(f"{result.replicate.run_name}: not recorded in MLflow" for result in results if result.run_id is None),
        ),
        spreads={arm: spread for arm, frames in complete.items() if (spread := arm_spread(frames)) is not None},
        summaries=tuple(_summary(name, result) for result in results),
    )


def _summary(sweep: str, result: ReplicateResult) -> str:
    """Result of an arm with one seed as words of the form name=value, in one line."""
    replicate, mean = result.replicate, result.dsc_mean
    values = {
        "sweep": sweep,
        "arm": replicate.arm.name,
        "seed": replicate.seed,
        **({"repeat": replicate.repeat} if replicate.repeat else {}),
        "n": len(result.cases),
        "dsc_mean": "nan" if mean is None or result.failures else f"{mean:.3f}",
        "status": "failed" if result.failures else "done",
    }
    return " ".join(["summary", *(f"{name}={shlex.quote(str(value))}" for name, value in values.items())])
