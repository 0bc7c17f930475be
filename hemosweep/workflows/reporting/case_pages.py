"""The case pages of a report, from the runs of an output folder and their data set."""

from pathlib import Path

from hemosweep.engine.index import FOLD_RUNS_NAME
from hemosweep.environment import num_processors
from hemosweep.files import naming
from hemosweep.report.cases.address import pair_page, sweep_page
from hemosweep.report.cases.facts import CasePageFacts, PageArm, PagePair
from hemosweep.report.cases.page import case_page, of_pair, read_pictures
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
    facts = case_page_facts(source, sweep)
    places = () if origin.is_named else origin.places
    with progress_bar(f"case page of {sweep.name}") as progress:
        pictures = read_pictures(facts, jobs=num_readers(facts), progress=progress)
    name = sweep_page(sweep.name)
    _write(folder / name, case_page(facts, pictures, places=places))
    for pair in facts.pairs if len(facts.arms) > 2 else ():
        path = folder / pair_page(sweep.name, pair.a, pair.b)
        _write(path, case_page(*of_pair(facts, pictures, pair.a, pair.b), places=places))
    return name


def training_name(seed: int, repeat: int) -> str:
    """Name of a training of an arm: its seed, or the repeat of the cross-validation that it belongs to."""
    return f"repeat {repeat}" if repeat else f"seed {seed}"


def num_readers(facts: CasePageFacts) -> int:
    """Number of processes that read the pictures of a page."""
    return num_processors() if len(facts.cases) > FEW_CASES else 1


def _write(path: Path, text: str) -> None:
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def case_page_facts(source: ReportSource, sweep: SweepFacts) -> CasePageFacts:
    """Facts of a sweep's case page. Every finished training is in it."""
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
    which = "is not the one given with --data" if source.data.is_given else "is not here; give it with --data"
    config = source.store.config(sweep.runs[0].run_id) if sweep.runs else None
    return CasePageFacts(
        sweep=sweep.name,
        question=sweep.question,
        metric=sweep.metric,
        arms=arms,
        pairs=tuple(PagePair.of(pair.a, pair.b, pair.row, pair.verdict, pair.reason) for pair in sweep.pairs),
        cases=f"the data set of the runs {which}" if data is None else data.cases,
        lesion_label=(config or {}).get("preprocessing", {}).get("lesion_label"),
        notices=sweep.notices,
    )


def _training(source: ReportSource, run: RunFacts) -> PairArm:
    repeat = run.tags.get(f"{FACT_PREFIX}repeat", "0")
    return PairArm(
        name=training_name(run.seed, int(repeat) if repeat.isdecimal() else 0),
        cases=case_table(source.store.case_rows(run.run_id)),
        fold_folders={
            fold.fold: source.out / FOLD_RUNS_NAME / fold.digest for fold in source.folds.get(run.run_id, ())
        },
    )
