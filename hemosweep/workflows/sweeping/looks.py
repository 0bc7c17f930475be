"""`hemosweep sweep --seeds auto`: seeds are added to the arms of open comparisons, look by look (`stats.looks`)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from statistics import fmean
from typing import Literal

from rich.console import Console
from rich.markup import escape

from hemosweep.comparison.family import DeclaredPair, Family, compare_family
from hemosweep.durations import duration
from hemosweep.engine.request import Request
from hemosweep.engine.results import ReplicateResult
from hemosweep.errors import BadInput
from hemosweep.report.terminal.lines import say
from hemosweep.stats.looks import LOOKS, may_settle
from hemosweep.stats.multiple_testing import CLAIMS
from hemosweep.workflows.study_forecast import forecast_study
from hemosweep.workflows.sweeping.runs import sweep_runs

SETTLED = CLAIMS | {"equivalent"}
UNTESTABLE = {"not_comparable", "not_testable"}


@dataclass(frozen=True, kw_only=True, slots=True)
class LookEnd:
    """End of the looks at a declared comparison: the seeds of both arms, and the reason why no more are added.

    It is "settled" by a claim, "stopped" where seeds cannot settle it, and "open" where more might.
    """

    a: str
    b: str
    num_seeds: int
    state: Literal["settled", "stopped", "open"]
    reason: str

    @property
    def text(self) -> str:
        return f"{self.a} to {self.b}: {self.state} at {self.num_seeds} seeds: {self.reason}"


def check_budget(request: Request) -> None:
    """Refuse a budget that is too small for the first look, by the forecast for this machine.

    Raises:
        BadInput: as said; as `forecast_study`.
    """
    if request.budget_s is None or not request.execution.on_this_machine:
        return
    needed_s = forecast_study(request).seconds
    if needed_s > request.budget_s:
        raise BadInput(
            f"--budget {duration(request.budget_s)}: the first look, {min(LOOKS)} seeds of every arm, takes about "
            f"{duration(needed_s)} of training here; give more, or fewer arms with --arms"
        )


def train_by_looks(
    request: Request, train: Callable[[Request], list[ReplicateResult]], console: Console
) -> tuple[list[ReplicateResult], tuple[LookEnd, ...]]:
    """Train every arm with the seeds of the first look, then those of open comparisons with those of the next, until
    none is open, or the budget or the looks are used up.

    The decisions rest on the results alone, so the same call makes them once more. Returns the results by arm and seed,
    and the end of each comparison.

    Args:
        train: trains the arms of a request with its seeds.
    """
    results: list[ReplicateResult] = []
    ends: dict[tuple[str, str], LookEnd] = {}
    arms, begun = request.arms, 0
    for number, following in zip_longest(LOOKS, list(LOOKS)[1:]):
        results += train(replace(request, arms=arms, seeds=tuple(range(begun, number))))
        family = _family(request, results)
        pairs = [pair for pair in family.pairs if (pair.a, pair.b) not in ends]
        ended = [end for pair in pairs if (end := _end(family, pair, number)) is not None]
        still_open = [pair for pair in pairs if (pair.a, pair.b) not in {(end.a, end.b) for end in ended}]
        compared = {name for pair in still_open for name in (pair.a, pair.b)}
        arms, begun = tuple(arm for arm in request.arms if arm.name in compared), number
        why = "no look is left" if following is None else None
        if following is not None and still_open:
            why = _over_budget(request, results, compared, following - number)
        if why is not None:
            ended += [LookEnd(a=pair.a, b=pair.b, num_seeds=number, state="open", reason=why) for pair in still_open]
            still_open = []
        for line in [f"{end.a} to {end.b} {end.state}: {end.reason}" for end in ended] + [
            f"{pair.a} to {pair.b} open: more seeds may settle it" for pair in still_open
        ]:
            say(console, f"look at {number} seeds: {escape(line)}")
        ends |= {(end.a, end.b): end for end in ended}
        if not still_open:
            break
    order = [arm.name for arm in request.arms]
    results.sort(key=lambda result: (order.index(result.replicate.arm.name), result.replicate.seed))
    return results, tuple(ends[pair] for pair in request.sweep.comparisons if pair in ends)


def _family(request: Request, results: Sequence[ReplicateResult]) -> Family:
    """The declared comparisons of the trained arms, over the seeds of this sweep alone."""
    names = {arm.name for arm in request.arms}
    failed = {result.replicate.arm.name for result in results if result.failures}
    pairs = [(a, b) for a, b in request.sweep.comparisons if {a, b} <= names]
    family = compare_family(
        sweep_runs(request.out, results, with_others=False),
        request.sweep.name,
        [(a, b) for a, b in pairs if not {a, b} & failed],
        metric=request.sweep.primary_metric,
        keep_going=True,
        num_declared=len(request.sweep.comparisons),
    )
    failures = [DeclaredPair(a=a, b=b, failed="a fold run failed") for a, b in pairs if {a, b} & failed]
    return replace(family, pairs=(*family.pairs, *failures))


def _end(family: Family, pair: DeclaredPair, num_seeds: int) -> LookEnd | None:
    """End of the looks at a comparison; None where more seeds may settle it."""

    def end(state: Literal["settled", "stopped"], reason: str) -> LookEnd:
        return LookEnd(a=pair.a, b=pair.b, num_seeds=num_seeds, state=state, reason=reason)

    row = family.row_of(pair)
    if row is None:
        return end("stopped", pair.failed or pair.refused or pair.missing)
    if row.outcome in SETTLED:
        return end("settled", f"B is {row.outcome}" if row.outcome in CLAIMS else row.outcome)
    if row.outcome in UNTESTABLE:
        return end("stopped", row.outcome.replace("_", " "))
    compared = row.comparison
    if not may_settle(compared.claim, compared.mean_diff or 0.0, num_cases=compared.n):
        return end("stopped", "no number of seeds is likely to settle it in this data set")
    return None


def _over_budget(
    request: Request, results: Sequence[ReplicateResult], arms: Iterable[str], num_more: int
) -> str | None:
    """Reason why the next look does not fit into the budget; None where it does, or there is none."""
    if request.budget_s is None:
        return None
    left_s = request.budget_s - sum(result.seconds for result in results)
    next_s = num_more * sum(
        fmean(result.seconds for result in results if result.replicate.arm.name == arm) for arm in arms
    )
    if next_s <= left_s:
        return None
    left = f"{duration(left_s)} of the budget are left" if left_s > 0 else "the budget is used up"
    return f"the next look takes about {duration(next_s)} of training, and {left}"
