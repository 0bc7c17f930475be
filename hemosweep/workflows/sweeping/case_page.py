"""The case page at the end of a sweep, from results that are at hand."""

from collections.abc import Sequence
from pathlib import Path

from hemosweep.comparison.family import DeclaredPair, Family
from hemosweep.data.case import Case
from hemosweep.engine.plan import fold_run_folder
from hemosweep.engine.request import Request
from hemosweep.engine.results import ReplicateResult
from hemosweep.errors import BadInput
from hemosweep.files import write_text
from hemosweep.report.cases.facts import CasePageFacts, PageArm, PagePair
from hemosweep.report.cases.page import case_page, read_pictures
from hemosweep.report.slices.pairs import PairArm
from hemosweep.report.study_figures import figures_folder
from hemosweep.scores.catalogue import find_metric
from hemosweep.workflows.reporting.case_pages import num_readers, training_name

PAGE_NAME = "cases.html"


def write_case_page(
    request: Request, results: Sequence[ReplicateResult], family: Family, cases: Sequence[Case]
) -> tuple[Path, str]:
    """Write the case page of a sweep beside its figures and log it to MLflow. Return its place, and the reason if
    MLflow has not got it.

    Raises:
        OSError: it cannot be written.
        HemosweepError: a process was killed.
    """
    from hemosweep.tracking.reports import log_case_page

    facts = _facts(request, results, family, cases)
    places = [folder for folder in (request.out, request.data) if folder is not None]
    text = case_page(facts, read_pictures(facts, jobs=num_readers(facts)), places=places)
    path = figures_folder(request.out, request.sweep.name) / PAGE_NAME
    write_text(path, text)
    try:
        log_case_page(request.out, request.sweep.name, path)
    except BadInput as error:
        return path, str(error)
    return path, ""


def _facts(
    request: Request, results: Sequence[ReplicateResult], family: Family, cases: Sequence[Case]
) -> CasePageFacts:
    metric = family.rows[0].comparison.metric if family.rows else find_metric(family.metric)
    pairs = {(pair.a, pair.b): pair for pair in family.pairs}
    return CasePageFacts(
        sweep=request.sweep.name,
        question=request.sweep.question,
        metric=metric,
        arms=tuple(_arm(request, arm.name, results) for arm in request.arms),
        pairs=tuple(_pair(family, pairs.get((a, b)), a, b) for a, b in request.sweep.comparisons),
        cases={case.case_id: case for case in cases},
        lesion_label=request.base.preprocessing.lesion_label,
        notices=_notices(request),
    )


def _arm(request: Request, name: str, results: Sequence[ReplicateResult]) -> PageArm:
    """An arm with the cases of every fold that is done."""
    own = [result for result in results if result.replicate.arm.name == name]
    return PageArm(
        name=name,
        trainings=tuple(
            PairArm(
                name=training_name(result.replicate.seed, result.replicate.repeat),
                cases=result.cases,
                fold_folders={spec.fold: fold_run_folder(request.out, spec) for spec in result.replicate.fold_runs},
            )
            for result in own
            if len(result.cases)
        ),
        missing="; ".join(failure for result in own for failure in result.failures),
    )


def _pair(family: Family, declared: DeclaredPair | None, a: str, b: str) -> PagePair:
    if declared is None:
        return PagePair.of(a, b, None, "not finished", "An arm is not finished.")
    reason = declared.missing or declared.refused or declared.failed
    verdict = "not comparable" if declared.refused else "not finished" if declared.missing else "cannot be compared"
    return PagePair.of(a, b, family.row_of(declared), verdict, f"{reason}.")


def _notices(request: Request) -> tuple[str, ...]:
    notices = []
    if request.profile.name == "demo":
        notices.append(f"Demo profile, {request.scaling}: made to try the program out.")
    if request.data is None:
        notices.append("Phantom data: procedural head CTs, not patients.")
    if request.subset is not None:
        notices.append(f"Some folds only, {request.subset}: for trying, not for the study.")
    return tuple(notices)
