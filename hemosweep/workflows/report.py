"""`hemosweep report`: the study, or some of its sweeps, beside the paper, as one folder."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hemosweep.ablation.catalogue import known_sweeps
from hemosweep.ablation.declaration import Declaration
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.files import check_writable, reason_of
from hemosweep.report.document.bundle import (
    LATEX,
    MARKDOWN,
    PAGE,
    check_folder,
    replacing_folder,
    subject_of,
    write_documents,
)
from hemosweep.report.document.facts import SweepFacts
from hemosweep.report.document.provenance import Origin
from hemosweep.report.document.sweep_pictures import count_figures, draw_sweep
from hemosweep.report.document.sweep_section import SweepPictures, report_document
from hemosweep.report.terminal.progress import progress_bar
from hemosweep.runs import RunStore
from hemosweep.scores.table import TEXT_COLUMNS
from hemosweep.stats.power import check_margin
from hemosweep.tracking.address import is_address, parse_address
from hemosweep.tracking.references import find_sweep
from hemosweep.workflows.declared import find_declared, recorded_declarations, with_external_arms
from hemosweep.workflows.reporting.case_pages import write_case_pages
from hemosweep.workflows.reporting.facts import gather
from hemosweep.workflows.reporting.source import ReportSource


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportResult:
    """Result of a report: its place, its subject, and remarks on everything that is not in it."""

    folder: Path
    sweeps: tuple[str, ...]
    figures: tuple[str, ...]
    case_pages: tuple[str, ...]
    runs: dict[str, str]
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "page": str(self.folder / PAGE),
            "markdown": str(self.folder / MARKDOWN),
            "latex": str(self.folder / LATEX),
            "figures": [str(self.folder / name) for name in self.figures],
            "case_pages": [str(self.folder / name) for name in self.case_pages],
            "sweeps": list(self.sweeps),
            "runs": self.runs,
            "warnings": list(self.warnings),
        }

    def as_lines(self, *, styled: bool = False) -> list[str]:
        return [str(self.folder / name) for name in (PAGE, MARKDOWN, LATEX)]


def make_report(
    out: str | Path,
    names: Sequence[str] = (),
    *,
    to: str | Path | None = None,
    data: str | Path | None = None,
    metric: str | None = None,
    margin: float | None = None,
    with_paths: bool = False,
) -> ReportResult:
    """Write the report of the named sweeps, or of all that have a finished run, and log it to MLflow.

    Args:
        names: ablations, or those of one other MLflow store: `mlflow:URI/hemosweep/SWEEP`, or `mlflow:URI` for all that
            it has. Such a report is written here, and not logged there.
        to: folder to write, None for `report` in `out`, or one beside it for another store.
        data: the data set of the runs, None for the phantoms in `out`.
        metric: the metric that the report is about; by default the primary one that each ablation declares. Beside it
            stands the distance of the boundaries, or the DSC.
        margin: the largest difference that does not matter; with it equivalence is tested.
        with_paths: also name the folders, the machine and the user. By default a report names none of them.

    Raises:
        BadInput: no store, an unknown sweep, one without a finished run, or a folder that is not ours to replace.
    """
    out, data = Path(out), None if data is None else Path(data)
    address = next(filter(is_address, names), None)
    store, names, folder_name = _place(out, names)
    to = out / folder_name if to is None else Path(to)
    if margin is not None:
        check_margin(margin)
    known = known_sweeps()
    for name in names:
        if name in known and known[name].search is not None:
            raise BadInput(f"{name} is a search, not an ablation of the paper; compare its arms: compare-all {name}")
    named = [find_declared(out, name, named=address) for name in names]
    declared = {declaration.name: declaration for declaration in named}
    source = ReportSource(out, data, store)
    check_writable("--to", to)
    check_folder(to)
    chosen, warnings = _choose(source, declared, recorded_declarations(out, address))
    chosen = [with_external_arms(declaration, source.store) for declaration in chosen]
    if metric is not None:
        _check_metric(source, [declaration.name for declaration in chosen], metric)
    with progress_bar("comparing") as progress:
        facts = []
        for place, declaration in enumerate(chosen):
            facts.append(gather(source, declaration, metric=metric, margin=margin))
            progress(place + 1, len(chosen))
    before = subject_of(to)
    with replacing_folder(to) as folder:
        pictures = _draw(facts, folder)
        origin = Origin.of(out, data, is_named=with_paths)
        facts, no_pages = _with_case_pages(source, facts, folder, origin)
        document = report_document(facts, pictures, origin)
        write_documents(document, folder)
    if before is not None and before != subject_of(to):
        warnings = (*warnings, f"the report of before ({before}) is replaced; --to FOLDER writes one beside it")
    run_ids: dict[str, str] = {}
    if store is None:
        run_ids, failures = _log(out, facts, pictures, to, origin)
    else:
        failures = (f"the report is written here, and not logged to {store.place}",)
    return ReportResult(
        folder=to,
        sweeps=tuple(declaration.name for declaration in chosen),
        figures=tuple(picture.path for picture in document.pictures()),
        case_pages=tuple(sweep.case_page for sweep in facts if sweep.case_page),
        runs=run_ids,
        warnings=warnings + no_pages + failures,
    )


def _place(out: Path, names: Sequence[str]) -> tuple[RunStore | None, tuple[str, ...], str]:
    """The other store that the names mean, None for the output folder's, the sweeps there, and the name of the report's
    folder.

    Raises:
        BadInput: they mean several stores.
    """
    addresses = [parse_address(name) for name in names if is_address(name)]
    if not addresses:
        return None, tuple(names), "report"
    if len(addresses) < len(names) or len({address.uri for address in addresses}) > 1:
        raise BadInput(f"{' '.join(names)}: a report is about the runs of one store; give sweeps of one alone")
    store, sweep = find_sweep(out, names[0])
    others = [find_sweep(out, name)[1] for name in names[1:]]
    if None in (sweep, *others) and len(names) > 1:
        raise BadInput(f"{' '.join(names)}: one of them means every sweep there; leave it out, or the others")
    sweeps = tuple(name for name in (sweep, *others) if name is not None)
    return store, sweeps, f"report-{addresses[0].file_name}"


def _choose(
    source: ReportSource, named: Mapping[str, Declaration], recorded: Mapping[str, Declaration]
) -> tuple[list[Declaration], tuple[str, ...]]:
    """The ablations of the report, the paper's in its order, and remarks on the sweeps of the store that are not in
    it."""
    finished = source.finished_sweeps()
    for name in named:
        if name not in finished:
            raise BadInput(f"sweep {name} has no finished run in {source.store.place}; run make sweep-{name} first")
    known = {name: listed.sweep.declaration for name, listed in known_sweeps().items() if listed.search is None}
    ablations = known | dict(recorded) | dict(named)
    if named:
        return [ablations[name] for name in ablations if name in named], ()
    chosen = [ablations[name] for name in ablations if name in finished]
    if not chosen:
        raise BadInput(
            f"{source.store.place} has no finished run of an ablation; run one first, such as make sweep-patchsize"
        )
    others = sorted(finished - {declaration.name for declaration in chosen})
    return chosen, tuple([f"not in the report, being no ablations: {', '.join(others)}"] if others else [])


def _check_metric(source: ReportSource, sweeps: Sequence[str], metric: str) -> None:
    """Refuse a metric that no run has."""
    runs = [run for run in source.runs if run.sweep in sweeps and run.is_finished]
    known = sorted({name for run in runs for row in source.store.case_rows(run.run_id)[:1] for name in row})
    named = [name for name in known if name not in (*TEXT_COLUMNS, "fold")]
    if metric not in named:
        raise BadInput(f"--metric {metric}: no run of {', '.join(sweeps)} has it; they have {', '.join(named)}")


def _draw(facts: Sequence[SweepFacts], folder: Path) -> dict[str, SweepPictures]:
    total, done = sum(map(count_figures, facts)), 0
    with progress_bar("drawing") as progress:

        def drawn() -> None:
            nonlocal done
            done += 1
            progress(done, total)

        return {sweep.name: draw_sweep(sweep, folder, drawn) for sweep in facts}


def _with_case_pages(
    source: ReportSource, facts: Sequence[SweepFacts], folder: Path, origin: Origin
) -> tuple[list[SweepFacts], tuple[str, ...]]:
    """Write the case pages of the sweeps. A sweep whose page fails has none, and a warning."""
    found, warnings = [], []
    for sweep in facts:
        try:
            found.append(replace(sweep, case_page=write_case_pages(source, sweep, folder, origin)))
        except HemosweepError as error:
            found.append(sweep)
            warnings.append(f"{sweep.name} has no case page: {error}")
    return found, tuple(warnings)


def _log(
    out: Path,
    facts: Sequence[SweepFacts],
    pictures: Mapping[str, SweepPictures],
    folder: Path,
    origin: Origin,
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Log to each sweep's experiment the report of that sweep alone.

    Returns the runs' ids by sweep, and a warning if the store cannot be written: the report is whole without it.
    """
    from hemosweep.tracking.reports import log_case_page, log_report

    run_ids: dict[str, str] = {}
    with progress_bar("logging to MLflow") as progress:
        for place, sweep in enumerate(facts):
            # Beside an artifact of MLflow no other file can be opened.
            document = report_document([replace(sweep, case_page="")], pictures, origin)
            with tempfile.TemporaryDirectory() as temporary:
                staged = Path(temporary)
                for picture in document.pictures():
                    (staged / picture.path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / picture.path, staged / picture.path)
                write_documents(document, staged)
                try:
                    run_ids[sweep.name] = log_report(out, sweep.name, staged)
                    if sweep.case_page:
                        log_case_page(out, sweep.name, folder / sweep.case_page)
                except (BadInput, OSError) as error:
                    return run_ids, (f"the report is written, but MLflow has not got it: {reason_of(error)}",)
            progress(place + 1, len(facts))
    return run_ids, ()
