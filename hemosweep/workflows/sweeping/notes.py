"""Notes below the tables of a finished sweep: pictures, remarks, and the commands that come next."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from hemosweep.engine.request import Request
from hemosweep.engine.results import ReplicateResult
from hemosweep.errors import HemosweepError
from hemosweep.files import reason_of
from hemosweep.report.paper.printed import paper_arm, paper_notes, paper_place
from hemosweep.report.plots.arm_plots import boxplot
from hemosweep.report.terminal.comparison import spread_text
from hemosweep.scores.catalogue import DSC
from hemosweep.stats.looks import LOOKS_TEXT, SHARES_TEXT
from hemosweep.workflows.program import called_by_make, program
from hemosweep.workflows.sweeping.result import StudyResult

MOST_COMPARISONS = 5
"""As many as the paper has in one table."""


def study_notes(
    request: Request, results: Sequence[ReplicateResult], result: StudyResult, case_page: str = ""
) -> tuple[str, ...]:
    """Notes below the tables of a sweep; the boxplot is drawn for one of them.

    Args:
        case_page: the note about the case page; empty where none was written.
    """
    out, name, family = request.out, result.sweep, result.family
    notes = ["DSC on the scanner's grid, each case tested once."]
    if result.subset is not None:
        notes = [f"DSC on the scanner's grid, of the cases tested in {result.subset}: for trying, not for the study."]
    whole = [r for r in results if not r.failures]
    if whole:
        notes.append(picture_note("Boxplot", lambda: _draw_boxplot(request, whole)))
    if case_page:
        notes.append(case_page)
    if family.rows:
        if family.metric != DSC.name:
            notes.append(f"Comparisons are by {family.metric}, which the ablation declares as its primary metric.")
        notes.append(
            "p and stars are of the paper's t-test over cases; claim p counts trainings too, and Holm adjusts it."
        )
    num_declared = family.num_declared
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
        notes.append(f"Comparisons take each case's mean {family.description.label} over the {over}.")
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
    notes.append(f"  make ui{out_option}" if called_by_make() else f"  {program()} ui{cli_option}")
    pairs = compare_commands(name, [(row.a, row.b) for row in family.rows])
    notes += [f"  {program()} {command}{cli_option}" for command in pairs]
    if whole and request.search is None:
        data_option = "" if request.data is None else f" --data {shlex.quote(str(request.data))}"
        notes.append(f"  {program()} report {name}{cli_option}{data_option}")
    return tuple(notes)


def compare_commands(sweep: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
    """The command of each comparison (A, B), and the one of all. Where they are many, the first stands for them."""
    shown = pairs if len(pairs) <= MOST_COMPARISONS else pairs[:1]
    commands = [f"compare {' '.join(shlex.quote(f'{sweep}/{arm}') for arm in pair)}" for pair in shown]
    return [*commands, f"compare-all {sweep}"] if pairs else []


def picture_note(what: str, draw: Callable[[], Path]) -> str:
    """Place of a picture, or the reason why there is none. A failed picture never stops the result."""
    try:
        return f"{what}: {draw()}"
    except (OSError, HemosweepError) as error:
        return no_picture(what, error)


def no_picture(what: str, error: OSError | HemosweepError) -> str:
    """The reason why there is no picture, and the way out."""
    way_out = " and start the same command again" if isinstance(error, OSError) else ""
    return f"No {what.lower()}: {reason_of(error)}{way_out}."


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
