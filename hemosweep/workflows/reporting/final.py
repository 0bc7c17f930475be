"""Facts that a report has about the final configuration alone: shapes of the lesions, and times."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from hemosweep.arrays import bounding_box
from hemosweep.data.case import Case
from hemosweep.data.mask_values import as_labels, voxels_of
from hemosweep.data.nifti import read_volume
from hemosweep.errors import BadInput
from hemosweep.foldrun.cost import case_seconds, epoch_seconds
from hemosweep.foldrun.journal import read_journal
from hemosweep.foldrun.spec import JOURNAL_NAME, SPEC_NAME, read_json
from hemosweep.preprocessing.preparation_time import read_seconds
from hemosweep.report.document.facts import CaseShape, SweepFacts, Times
from hemosweep.report.document.paper_tables import FINAL
from hemosweep.runs import RunRecord
from hemosweep.scores.shape import sphericity
from hemosweep.workflows.reporting.data_sets import DataSet
from hemosweep.workflows.reporting.source import ReportSource


def with_final_facts(
    facts: SweepFacts, source: ReportSource, runs: Mapping[str, Sequence[RunRecord]], data: DataSet | None
) -> SweepFacts:
    """Facts of the ablation `final` with its shapes and times; those of another one as they are.

    Args:
        runs: the finished runs of each arm.
        data: the data set of the runs; None where it is not here.
    """
    if facts.printed != FINAL or not runs.get(FINAL):
        return facts
    own = runs[FINAL]
    config = source.config(own[0].run_id)
    shapes: dict[str, CaseShape] = {}
    if data is not None and config is not None:
        cases = [data.cases[row["case_id"]] for row in source.store.case_rows(own[0].run_id)]
        shapes = {case.case_id: lesion_shape(case, config.preprocessing.lesion_label) for case in cases}
    return replace(facts, shapes=shapes, times=mean_times(_folders(source, own)))


def lesion_shape(case: Case, lesion_label: int | None) -> CaseShape:
    """Shape of a case's reference lesion.

    Raises:
        BadInput: the mask cannot be read, or is empty.
    """
    assert case.lesion_path is not None, "scored cases have a reference"
    volume = read_volume(case.lesion_path, as_mask=True)
    mask_DHW = voxels_of(as_labels(volume.array_DHW)[0], lesion_label)
    if not mask_DHW.any():
        raise BadInput(f"case {case.case_id}: mask {case.lesion_path.name} is empty; fix the mask")
    starts, sizes = bounding_box(mask_DHW)
    box = tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    value = sphericity(mask_DHW[box], volume.spacing_DHW_mm)
    assert value is not None
    return CaseShape(volume_ml=float(mask_DHW.sum() * volume.voxel_ml), sphericity=value)


def mean_times(folders: Iterable[Path]) -> Times:
    """Mean times of fold runs, by the journals in their folders and the test cases of their specs."""
    epochs_s: list[float] = []
    cases_s: list[float] = []
    preparations_s: dict[Path, float | None] = {}
    for folder in folders:
        events = read_journal(folder / JOURNAL_NAME)
        epochs_s += epoch_seconds(events)
        cases_s += case_seconds(events)
        paths = [Path(case["path"]) for case in read_json(folder / SPEC_NAME)["test"]]
        preparations_s |= {path: read_seconds(path) for path in paths}
    known_s = [seconds for seconds in preparations_s.values() if seconds is not None]
    return Times(epoch_s=_mean(epochs_s), case_s=_mean(cases_s), preparation_s=_mean(known_s))


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _folders(source: ReportSource, runs: Sequence[RunRecord]) -> Iterator[Path]:
    """Folders of the runs' fold runs that are still here."""
    for run in runs:
        for folder in source.fold_folders(run.run_id).values():
            if (folder / JOURNAL_NAME).is_file() and (folder / SPEC_NAME).is_file():
                yield folder
