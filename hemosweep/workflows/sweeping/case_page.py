"""The case page at the end of a sweep, from what the store has of it by then."""

from rich.console import Console

from hemosweep.ablation.declaration import Declaration
from hemosweep.comparison.family import Family
from hemosweep.engine.request import Request
from hemosweep.errors import HemosweepError
from hemosweep.files import reason_of, write_text
from hemosweep.report.cases.page import case_page
from hemosweep.report.document.provenance import Origin
from hemosweep.report.study_figures import figures_folder
from hemosweep.workflows.reporting.case_pages import read_case_page
from hemosweep.workflows.reporting.outline import outline
from hemosweep.workflows.reporting.source import ReportSource
from hemosweep.workflows.sweeping.notes import no_picture

PAGE_NAME = "cases.html"


def case_page_note(request: Request, declared: Declaration, family: Family, console: Console) -> str:
    """Write the case page of a recorded sweep beside its figures, and log it to MLflow.

    Returns its place as a note, with the reason if MLflow has not got it, or the reason why there is none; no note
    where no run is finished.
    """
    from hemosweep.tracking.reports import log_case_page  # With MLflow, which takes seconds.

    path = figures_folder(request.out, request.sweep.name) / PAGE_NAME
    try:
        source = ReportSource(request.out, request.data)
        sweep = outline(source, declared, family)
        if not sweep.runs:
            return ""
        facts, pictures = read_case_page(source, sweep, console)
        write_text(path, case_page(facts, pictures, places=Origin.of(request.out, request.data).places))
    except (OSError, HemosweepError) as error:
        return no_picture("Case page", error)
    note = f"Case page: {path}"
    try:
        log_case_page(request.out, request.sweep.name, path)
    except (OSError, HemosweepError) as error:
        return f"{note} (MLflow has not got it: {reason_of(error)})"
    return note
