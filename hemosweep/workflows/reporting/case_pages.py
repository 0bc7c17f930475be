"""The case pages of a sweep, from the runs of a store and their data set."""

from pathlib import Path

from rich.console import Console

from hemosweep.environment import num_processors
from hemosweep.files import naming
from hemosweep.report.cases.address import pair_page, sweep_page
from hemosweep.report.cases.facts import CasePageFacts, PageArm, PagePair
from hemosweep.report.cases.page import Pictures, case_page
from hemosweep.report.cases.pictures import of_pair, read_pictures
from hemosweep.report.document.facts import RunFacts, SweepFacts
from hemosweep.report.document.provenance import Origin
from hemosweep.report.slices.pairs import PairArm
from hemosweep.report.terminal.progress import progress_bar
from hemosweep.runs import FACT_PREFIX
from hemosweep.scores.table import case_table
from hemosweep.workflows.reporting.source import ReportSource

FEW_CASES = 32
"""Up to so many cases, processes take longer to start than the pictures to read."""


def write_case_pages(source: ReportSource, sweep: SweepFacts, folder: Path, origin: Origin) -> str:
    """Write the case page of a sweep into the folder of a report, and that of each comparison where there are several.

    Returns the place of the sweep's own in the folder.

    Raises:
        HemosweepError: a process was killed.
    """
    places = () if origin.is_named else origin.places
    facts, pictures = read_case_page(source, sweep)
    name = sweep_page(sweep.name)
    _write(folder / name, case_page(facts, pictures, places=places))
    for pair in facts.pairs if sweep.has_pair_pages else ():
        path = folder / pair_page(sweep.name, pair.a, pair.b)
        _write(path, case_page(*of_pair(facts, pictures, pair.a, pair.b), places=places))
    return name


def read_case_page(
    source: ReportSource, sweep: SweepFacts, console: Console | None = None
) -> tuple[CasePageFacts, Pictures]:
    """The content of a sweep's case page.

    Args:
        console: where the progress is shown; None for standard error.

    Raises:
        HemosweepError: a process was killed.
    """
    facts = case_page_facts(source, sweep)
    jobs = num_processors() if len(facts.cases) > FEW_CASES else 1
    with progress_bar(f"case page of {sweep.name}", console) as progress:
        return facts, read_pictures(facts, jobs=jobs, progress=progress)


def case_page_facts(source: ReportSource, sweep: SweepFacts) -> CasePageFacts:
    """Facts of a sweep's case page, with every run of its outline as a training."""
    by_arm = {arm.name: [run for run in sweep.runs if run.arm == arm.name] for arm in sweep.arms}
    arms = tuple(
        PageArm(name=arm.name, trainings=tuple(_training(source, run) for run in by_arm[arm.name]), missing=arm.missing)
        for arm in sweep.arms
    )
    found = (
        source.data.find(run.tags.get(f"{FACT_PREFIX}dataset_digest"), list(training.cases["case_id"]))
        for arm in arms
        for run, training in zip(by_arm[arm.name], arm.trainings, strict=True)
    )
    data = next((data for data in found if data is not None), None)
    return CasePageFacts(
        sweep=sweep.name,
        question=sweep.question,
        metric=sweep.metric,
        arms=arms,
        pairs=tuple(PagePair.of(pair) for pair in sweep.pairs),
        cases=f"the data set of the runs {source.data.none_found}" if data is None else data.cases,
        lesion_label=source.lesion_label(sweep.runs[0].run_id) if sweep.runs else None,
        notices=sweep.notices,
        no_prediction=f"its prediction is {source.no_prediction}",
    )


def _training(source: ReportSource, run: RunFacts) -> PairArm:
    """A run by its seed, or by the repeat of the cross-validation that it belongs to."""
    repeat = run.tags.get(f"{FACT_PREFIX}repeat", "0")
    return PairArm(
        name=f"seed {run.seed}" if repeat == "0" else f"repeat {repeat}",
        cases=case_table(source.store.case_rows(run.run_id)),
        fold_folders=source.fold_folders(run.run_id),
    )


def _write(path: Path, text: str) -> None:
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
