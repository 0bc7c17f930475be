"""The paper's Table 6, and beside it our own results of the same methods on one data set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hemosweep.report.document.cells import mean_interval
from hemosweep.report.document.costs import mean_score
from hemosweep.report.document.document import Block, Column, Table
from hemosweep.report.document.facts import SweepFacts
from hemosweep.report.paper.method_facts import SOURCES, MethodFacts, method_facts
from hemosweep.report.paper.published import PublishedResult, published_results
from hemosweep.report.paper.verdicts import SPACE, our_verdict
from hemosweep.report.terminal.table import UNDEFINED

GROUPS = {"architecture": "Ours, architecture alone", "published": "Ours, as published"}
"""The two ablations that train the methods, and the headings of their columns. They are never mixed."""
PUBLISHED = "Published (not comparable)"
_OURS = ("mean DSC [95% CI]", "rank [95%]", "claim")


def own_results(sweeps: Sequence[SweepFacts]) -> dict[str, SweepFacts]:
    """Those of the two ablations that have a result, by the DSC."""
    found = {sweep.printed: sweep for sweep in sweeps}
    return {
        name: found[name] for name in GROUPS if name in found and any(a.cases is not None for a in found[name].arms)
    }


def published_blocks(ours: dict[str, SweepFacts]) -> list[Block]:
    """Table 6, and where there are results of ours the facts that they rest on."""
    return [_beside_ours(ours), _facts_table(ours)] if ours else [published_table()]


def published_table() -> Table:
    """The paper's Table 6 with the metric and the test set of each figure."""
    return Table(
        caption="The paper's Table 6. Its figures are not comparable with one another nor with ours: each has its own "
        "data, and often its own metric. The notes are facts of the methods' abstracts and public code. A dash: not "
        "stated there.",
        columns=(
            Column(name="Authors", align="left"),
            Column(name="Method", align="left"),
            Column(name=PUBLISHED),
            Column(name="Metric", align="left"),
            Column(name="Test set", align="left"),
            Column(name="Note", align="left"),
        ),
        rows=tuple((result.author, result.method, *_printed(result), result.note) for result in published_results()),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """A row of Table 6: a method, what the paper prints of it, and one of its arms; each empty where there is none."""

    author: str
    method: str
    result: PublishedResult | None
    arm: str


def _beside_ours(ours: dict[str, SweepFacts]) -> Table:
    baselines = ", ".join(
        f"{_baseline(sweep)} in {name}" for name, sweep in ours.items() if _baseline(sweep) is not None
    )
    return Table(
        caption="The paper's Table 6, and ours. What was published is not comparable: each figure has its own data, "
        "and often its own metric. Ours are of one data set, with the same folds and the same test. Architecture "
        "alone: every network on the paper's patches where it can take them, with one loss and one optimiser, an "
        "ablation. As published: each with its own input, loss, optimiser, augmentation and post-processing, a "
        "benchmark. The two are families of their own, and a figure of one is not compared with the other's. Intervals "
        "are of an arm's own mean over the cases, and those of a rank of the resamples; claims are against the "
        f"baseline ({baselines or 'none declared'}), after Holm in their family. A dash: not stated, or no such arm.",
        columns=(
            Column(name="Authors", align="left"),
            Column(name="Method", align="left"),
            Column(name="value", group=PUBLISHED),
            Column(name="metric", group=PUBLISHED, align="left"),
            Column(name="test set", group=PUBLISHED, align="left"),
            Column(name="Arm", align="left"),
            *(
                Column(name=name, group=GROUPS[sweep], align="left" if name == "claim" else "right")
                for sweep in ours
                for name in _OURS
            ),
        ),
        rows=tuple(
            (
                line.author,
                line.method,
                *((UNDEFINED,) * 3 if line.result is None else _printed(line.result)),
                line.arm or UNDEFINED,
                *(cell for sweep in ours.values() for cell in _our_cells(sweep, line.arm)),
            )
            for line in _lines(ours)
        ),
    )


def _facts_table(ours: dict[str, SweepFacts]) -> Table:
    notes = {result.author: result.note for result in published_results()}
    arms = _declared(ours)
    return Table(
        caption="What is known about the methods of Table 6 and of our arms, in our words. Only what was read at "
        "its source is the method's own statement: what is remembered of its paper, or inferred, is a reading of ours. "
        "An arm whose name ends in -like rests on an abstract at most.",
        columns=(
            Column(name="Method", align="left"),
            Column(name="Arms", align="left"),
            Column(name="Best source", align="left"),
            Column(name="Read there", align="left"),
            Column(name="Remembered", align="left"),
            Column(name="Inferred", align="left"),
            Column(name="Note on Table 6", align="left"),
        ),
        rows=tuple(
            (
                f"{facts.author}, {facts.method}",
                ", ".join(arm for arm in facts.arms() if arm in arms) or UNDEFINED,
                SOURCES[facts.source],
                *(text or UNDEFINED for text in (facts.read, facts.remembered, facts.inferred)),
                notes.get(facts.author, UNDEFINED),
            )
            for facts in _in_order()
            if facts.author in notes or arms & set(facts.arms())
        ),
    )


def _lines(ours: dict[str, SweepFacts]) -> Iterator[_Line]:
    """The rows of Table 6, each with its arms; then the methods that are not in it, and arms that no method has."""
    arms, results = _declared(ours), {result.author: result for result in published_results()}
    told: set[str] = set()
    for facts in _in_order():
        own = [arm for arm in facts.arms() if arm in arms]
        result = results.get(facts.author)
        told.update(own)
        for arm in own or ([""] if result is not None else []):
            method = facts.method if result is None else result.method
            yield _Line(author=facts.author, method=method, result=result, arm=arm)
    for name in dict.fromkeys(arm.name for sweep in ours.values() for arm in sweep.arms):
        if name not in told:
            yield _Line(author=UNDEFINED, method=UNDEFINED, result=None, arm=name)


def _in_order() -> list[MethodFacts]:
    """The methods, those of Table 6 first and in its order."""
    places = {result.author: place for place, result in enumerate(published_results())}
    return sorted(method_facts(), key=lambda facts: places.get(facts.author, len(places)))


def _declared(ours: dict[str, SweepFacts]) -> set[str]:
    return {arm.name for sweep in ours.values() for arm in sweep.arms}


def _baseline(sweep: SweepFacts) -> str | None:
    """The arm that most comparisons of an ablation are with."""
    firsts = [pair.a for pair in sweep.pairs]
    return max(firsts, key=firsts.count) if firsts else None


def _our_cells(sweep: SweepFacts, name: str) -> tuple[str, str, str]:
    arm = next((arm for arm in sweep.arms if arm.name == name), None)
    if arm is None:
        return (UNDEFINED,) * 3
    score, baseline = mean_score(arm), _baseline(sweep)
    if score is None or score.mean is None:
        return arm.missing or UNDEFINED, UNDEFINED, UNDEFINED
    rank = next((one for one in sweep.ranks if one.arm == name), None)
    pair = next((pair for pair in sweep.pairs if pair.key == (baseline, name)), None)
    claim = UNDEFINED if pair is None else pair.verdict if pair.row is None else our_verdict(pair.row)
    return (
        mean_interval(score, sweep.metric).replace(", ", f",{SPACE}"),  # The interval stays on one line.
        UNDEFINED if rank is None else f"{rank.rank}{SPACE}[{rank.ci95[0]},{SPACE}{rank.ci95[1]}]",
        "the baseline" if name == baseline else claim,
    )


def _printed(result: PublishedResult) -> tuple[str, ...]:
    return tuple(UNDEFINED if value is None else value for value in (result.printed, result.metric, result.test_set))
