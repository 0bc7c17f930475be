"""Report of a finished sweep: tables, verdicts, the boxplot, and the commands that come next."""

import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hemosweep.comparison.family import Family, compare_family
from hemosweep.data.case import Case
from hemosweep.engine.request import Request
from hemosweep.engine.results import ReplicateResult
from hemosweep.files import system_message
from hemosweep.report.paper.printed import paper_arm, paper_notes, paper_place
from hemosweep.report.plots.arm_plots import boxplot
from hemosweep.report.terminal.comparison import spread_text
from hemosweep.report.terminal.lines import lines_of
from hemosweep.report.terminal.summary import arm_row, arm_spread
from hemosweep.report.terminal.table import ArmRow, arm_table, comparison_table
from hemosweep.scores.catalogue import DSC
from hemosweep.stats.looks import LOOKS_TEXT, SHARES_TEXT
from hemosweep.stats.replicates import SeedSpread
from hemosweep.workflows.sweeping.case_page import write_case_page
from hemosweep.workflows.sweeping.looks import LookEnd
from hemosweep.workflows.sweeping.runs import sweep_runs


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyResult:
    """A finished sweep: the rows of its tables, the run of each row, and the failures.

    `subset` names the trained folds, such as "folds 0, 2 of 5 only"; None for all. `spreads` is the spread of an arm's
    mean over its seeds, for the arms that have several. `looks` are the ends of the comparisons where seeds were added
    by looks. `notes` are remarks for the user, including the next commands.
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
        """The arms, the comparisons with their verdicts, and the notes."""
        family = self.family
        tables = [arm_table(self.arms), *([comparison_table(family.rows)] if family.rows else [])]
        failed = [f"{pair.a} to {pair.b}: {pair.failed}" for pair in family.pairs if pair.failed]
        verdicts = [*family.verdict_lines(), *family.refused, *failed, *family.remark_lines()]
        return [*lines_of(*tables, styled=styled), *verdicts, *self.notes]


def summarise_study(
    request: Request,
    results: Sequence[ReplicateResult],
    looks: tuple[LookEnd, ...] = (),
    *,
    cases: Sequence[Case] = (),
) -> StudyResult:
    """Tables, verdicts and notes of a sweep whose replicates have all ended.

    Args:
        looks: the ends of the comparisons where seeds were added by looks.
        cases: those of the data set, for the case page; without them there is none.
    """
    name = request.sweep.name
    whole = [result for result in results if not result.failures]
    failed = {result.replicate.arm.name for result in results if result.failures}
    tables = {arm.name: [r.cases for r in whole if r.replicate.arm.name == arm.name] for arm in request.arms}
    complete = {
        arm: frames for arm, frames in tables.items() if arm not in failed and len(frames) >= request.num_replicates
    }
    pairs = [(a, b) for a, b in request.sweep.comparisons if a in complete and b in complete]
    result = StudyResult(
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
            num_declared=len(request.sweep.comparisons),
        ),
        failures=(
            *(failure for result in results for failure in result.failures),
            *(f"{result.replicate.run_name}: not recorded in MLflow" for result in results if result.run_id is None),
        ),
        spreads={arm: spread for arm, frames in complete.items() if (spread := arm_spread(frames)) is not None},
    )
    return replace(result, notes=tuple(_notes(request, results, result, cases)))


def _notes(
    request: Request, results: Sequence[ReplicateResult], result: StudyResult, cases: Sequence[Case]
) -> list[str]:
    """Notes below the tables; the boxplot is drawn and the case page written for two of them."""
    out, name, family = request.out, result.sweep, result.family
    notes = ["DSC on the scanner's grid, each case tested once."]
    if result.subset is not None:
        notes = [f"DSC on the scanner's grid, of the cases tested in {result.subset}: for trying, not for the study."]
    whole = [r for r in results if not r.failures]
    if whole:
        notes.append(picture_note("Boxplot", lambda: _draw_boxplot(request, whole)))
    if cases and any(len(r.cases) for r in results):
        notes.append(_case_page_note(request, results, family, cases))
    if family.rows:
        if family.metric != DSC.name:
            notes.append(f"Comparisons are by {family.metric}, which the ablation declares as its primary metric.")
        notes.append(
            "p and stars are of the paper's t-test over cases; claim p counts trainings too, and Holm adjusts it."
        )
    num_declared = len(request.sweep.comparisons)
    if len(family.rows) < num_declared:
        notes.append(f"{len(family.rows)} of {num_declared} declared comparisons so far; Holm's p counts them all.")
    if result.looks:
        notes.append(
            f"Seeds are added by looks at {LOOKS_TEXT} seeds, which spend {SHARES_TEXT} of the error; claim p is the "
            "one over the looks."
        )
        notes += [f"{end.text}." for end in result.looks]
    if request.num_replicates > 1 and family.rows:
        over = "seeds" if request.repeats == 1 else "repeats"
        label = family.rows[0].comparison.metric.label
        notes.append(f"Comparisons take each case's mean {label} over the {over}.")
    by = "seed (A/A)" if request.repeats == 1 else "repeat"
    notes += [f"Mean DSC of {arm} by {by}: {spread_text(spread)}." for arm, spread in result.spreads.items()]
    for arm in request.arms:
        dsc = [value for r in whole if r.replicate.arm == arm for value in r.cases["dsc"].tolist()]
        notes += paper_notes(name, arm.name, dsc)
    if result.profile == "demo":
        beside = "the paper's figures stand beside it for orientation" if paper_place(name) else "made to try it out"
        notes.append(f"Demo profile ({request.scaling}): {beside}.")
    for failure in result.failures:
        without = " without --fresh" if request.fresh else ""
        notes.append(f"Missing: {failure}. The same command{without} makes up for it.")
    place = shlex.quote(str(out))
    out_option = "" if out == Path("runs") else f" OUT={place}"
    cli_option = "" if out == Path("runs") else f" --out {place}"
    waiting = [result.replicate.run_name for result in results if result.run_id is None]
    notes.append(f"Next, once {', '.join(waiting)} is recorded:" if waiting else "Next:")
    notes.append(f"  make ui{out_option}")
    for row in family.rows:
        runs = " ".join(shlex.quote(f"{name}/{arm}") for arm in (row.a, row.b))
        notes.append(f"  {_program()} compare {runs}{cli_option}")
    if family.rows:
        notes.append(f"  {_program()} compare-all {name}{cli_option}")
    if whole and request.search is None:
        data_option = "" if request.data is None else f" --data {shlex.quote(str(request.data))}"
        notes.append(f"  {_program()} report {name}{cli_option}{data_option}")
    return notes


def _program() -> str:
    """Command that calls hemosweep from here: its name where that is enough, else its path."""
    called = Path(sys.argv[0])
    if shutil.which(called.name) or called.name != "hemosweep":
        return "hemosweep"
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)


def picture_note(what: str, draw: Callable[[], Path]) -> str:
    """Place of a picture, or the reason why there is none. A failed picture never stops the result."""
    try:
        return f"{what}: {draw()}"
    except OSError as error:
        return f"No {what.lower()}: {system_message(error)} and start the same command again."


def _case_page_note(request: Request, results: Sequence[ReplicateResult], family: Family, cases: Sequence[Case]) -> str:
    not_logged = ""

    def write() -> Path:
        nonlocal not_logged
        path, not_logged = write_case_page(request, results, family, cases)
        return path

    note = picture_note("Case page", write)
    return f"{note} (MLflow has not got it: {not_logged})" if not_logged else note


def _draw_boxplot(request: Request, results: Sequence[ReplicateResult]) -> Path:
    """The sweep's own figure: DSC by arm beside the paper's (its Fig. 6)."""
    name = request.sweep.name
    path = request.out / "figures" / name / "boxplot.png"
    printed = {r.replicate.run_name: paper_arm(name, r.replicate.arm.name) for r in results}
    boxplot(
        {r.replicate.run_name: r.cases["dsc"].tolist() for r in results},
        path,
        title=", ".join(filter(None, (name, f"{request.profile.name} profile", request.subset))),
        paper={run_name: arm.dsc for run_name, arm in printed.items() if arm is not None},
        ivh={r.replicate.run_name: r.cases["ivh"].tolist() for r in results},
    )
    return path
