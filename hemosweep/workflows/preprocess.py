"""`hemosweep preprocess`: every case of a data set, prepared and, on request, drawn as in the paper's Fig. 1."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hemosweep.config import PreprocessingConfig
from hemosweep.data.manifest import read_participants
from hemosweep.data.remarks import grouped
from hemosweep.files import system_message, write_text
from hemosweep.gitignore import keep_out_of_git
from hemosweep.preprocessing.cache import PreprocessedCases, preprocess
from hemosweep.preprocessing.derivatives import derivatives_folder
from hemosweep.preprocessing.overview import LESION_OUTSIDE, Overview, load_overview
from hemosweep.preprocessing.pipeline import PreparedImages
from hemosweep.privacy import public_failure
from hemosweep.report.document.cohort_page import cohort_page
from hemosweep.report.slices.preparation import draw_preparation
from hemosweep.report.terminal.progress import progress_bar

CT_WINDOW_HU, VESSEL_WINDOW_HU = (-20.0, 100.0), (-50.0, 400.0)
PREPARED_WINDOW = (-1.0, 1.0)
PAGE_NAME = "cohort.html"


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparationResult:
    """Results of a data set's cases, in the order of its table."""

    folders: tuple[Path, ...]
    paths: Mapping[str, Path]
    pictures: Mapping[str, Path]
    warnings: Mapping[str, tuple[str, ...]]
    failures: Mapping[str, str]
    lesion_outside: Mapping[str, float]
    """Share of the lesion outside the brain mask, of the cases with a lesion mask."""
    page: Path | None = None
    """The page of all cases; None where no case is prepared, or where the page cannot be written."""
    page_fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "num_cases": len(self.paths) + len(self.failures),
            "num_failed": len(self.failures),
            "cases": {
                case_id: {
                    "file": str(path),
                    "picture": str(self.pictures[case_id]) if case_id in self.pictures else None,
                    "warnings": list(self.warnings[case_id]),
                    "lesion_outside_share": self.lesion_outside.get(case_id),
                }
                for case_id, path in self.paths.items()
            },
            "failures": dict(self.failures),
            "page": None if self.page is None else str(self.page),
        }

    def as_lines(self, *, styled: bool = False) -> list[str]:
        num_cases = len(self.paths) + len(self.failures)
        lines = [f"{len(self.paths)} of {num_cases} cases are prepared"]
        lines += [f"  in {folder}" for folder in self.folders]
        if self.pictures:
            lines.append("look at them: one PNG beside each case's file")
        if self.failures:
            lines.append(
                f"{len(self.failures)} of {num_cases} cases failed; mend them and start again: the rest is kept"
            )
        return lines

    def warning_lines(self) -> list[str]:
        fault = [] if self.page_fault is None else [f"the page of all cases is not written: {self.page_fault}"]
        return [*grouped(self.warnings), *fault]


def prepare_data_set(
    data: Path, config: PreprocessingConfig, *, out: Path, with_cta: bool, preview: bool, jobs: int
) -> PreparationResult:
    """Prepare every case, with its angiography where it has one and `with_cta` is set, and write the page of all.

    Raises:
        BadInput: the data set cannot be listed.
    """
    cases = read_participants(data)
    outcomes: list[PreprocessedCases] = []
    folders: list[Path] = []
    with progress_bar("preparing cases") as progress:
        done_before = 0
        for angiography in (True, False):
            group = [case for case in cases if (with_cta and case.cta_path is not None) is angiography]
            if not group:
                continue
            of_group = replace(config, angiography=angiography)
            folders.append(derivatives_folder(data, out, of_group))
            if folders[-1].is_relative_to(out):
                keep_out_of_git(out)
            outcomes.append(
                preprocess(
                    group,
                    {of_group: folders[-1]},
                    jobs=min(jobs, len(group)),
                    progress=partial(_advance, progress, done_before, len(cases)),
                    illustrate=illustrate if preview else None,
                )[of_group]
            )
            done_before += len(group)

    def joined(name: str) -> dict[str, Any]:
        merged = {case_id: value for outcome in outcomes for case_id, value in getattr(outcome, name).items()}
        return {case.case_id: merged[case.case_id] for case in cases if case.case_id in merged}

    paths: dict[str, Path] = joined("paths")
    loaded = {case_id: load_overview(path) for case_id, path in paths.items()}
    overviews = {case_id: overview for case_id, overview in loaded.items() if overview is not None}
    result = PreparationResult(
        folders=tuple(folders),
        paths=paths,
        pictures=joined("pictures"),
        warnings=joined("warnings"),
        failures=joined("failures"),
        lesion_outside={
            case_id: overview.numbers[LESION_OUTSIDE]
            for case_id, overview in overviews.items()
            if LESION_OUTSIDE in overview.numbers
        },
    )
    try:
        return replace(result, page=_write_page(result, overviews, data))
    except OSError as error:
        return replace(result, page_fault=system_message(error))


def _write_page(result: PreparationResult, overviews: Mapping[str, Overview], data: Path) -> Path | None:
    """Write the page of all cases, which names no folder, beside the folders of the cases, and return its path."""
    if not overviews:
        return None
    page = result.folders[0].parent / PAGE_NAME
    places = (data, data.resolve(), page.parent)
    failures = {case_id: public_failure(reason, places) for case_id, reason in result.failures.items()}
    write_text(page, cohort_page(overviews, result.warnings, failures))
    return page


def _advance(progress: Callable[[int, int], None], before: int, total: int, done: int, _: int) -> None:
    """Progress of a group of cases as progress of all."""
    progress(before + done, total)


def illustrate(images: PreparedImages, png: Path) -> None:
    """Draw one case as the paper's Fig. 1."""
    panels = {"ct": images.head.ct.array_DHW, "stripped": images.channels_DHW["ct"]}
    if "symmetric" in images.channels_DHW:
        panels["symmetric"] = images.channels_DHW["symmetric"]
    if images.cta_DHW is not None:
        panels |= {"cta": images.cta_DHW, "cta_stripped": images.channels_DHW["cta"]}
    windows = {"ct": CT_WINDOW_HU, "cta": VESSEL_WINDOW_HU}
    prepared = {name: PREPARED_WINDOW for name in ("stripped", "symmetric", "cta_stripped")}
    draw_preparation(
        panels,
        images.head.brain_DHW,
        images.head.lesion_DHW,
        images.head.ct.spacing_DHW_mm,
        png,
        title=images.head.case.case_id,
        windows=windows | prepared,
    )
