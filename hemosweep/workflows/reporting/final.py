"""Facts that a report has about the final configuration alone: shapes of the lesions, and times."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from hemosweep.arrays import bounding_box
from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.mask_values import as_labels
from hemosweep.data.nifti import read_volume
from hemosweep.engine.index import FOLD_RUNS_NAME
from hemosweep.errors import BadInput
from hemosweep.foldrun.journal import last_epochs, read_journal
from hemosweep.foldrun.spec import JOURNAL_NAME
from hemosweep.preprocessing.pipeline import preprocess_case
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
    preparation_s = None
    if data is not None and config is not None:
        tested = sorted(source.store.case_rows(own[0].run_id), key=lambda row: str(row["case_id"]))
        cases = [data.cases[row["case_id"]] for row in tested]
        shapes = {case.case_id: lesion_shape(case, config.preprocessing.lesion_label) for case in cases}
        ordered = sorted(cases, key=lambda case: (shapes[case.case_id].volume_ml, case.case_id))
        preparation_s = _seconds_of_preparation(ordered[(len(ordered) - 1) // 2], config.preprocessing)
    epoch_s, case_s = mean_seconds(_journals(source, own))
    return replace(
        facts,
        shapes=shapes,
        times=Times(epoch_s=epoch_s, case_s=case_s, preparation_s=preparation_s),
    )


def lesion_shape(case: Case, lesion_label: int | None) -> CaseShape:
    """Shape of a case's reference lesion.

    Raises:
        BadInput: the mask cannot be read, or is empty.
    """
    assert case.lesion_path is not None, "scored cases have a reference"
    volume = read_volume(case.lesion_path, as_mask=True)
    mask_DHW = as_labels(volume.array_DHW)[0] == (1 if lesion_label is None else lesion_label)
    if not mask_DHW.any():
        raise BadInput(f"case {case.case_id}: mask {case.lesion_path.name} is empty; fix the mask")
    starts, sizes = bounding_box(mask_DHW)
    box = tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    value = sphericity(mask_DHW[box], volume.spacing_DHW_mm)
    assert value is not None
    return CaseShape(volume_ml=float(mask_DHW.sum() * volume.voxel_ml), sphericity=value)


def _seconds_of_preparation(case: Case, config: PreprocessingConfig) -> float | None:
    """Seconds that the preparation of a case takes here and now; None where it fails."""
    begun = time.perf_counter()
    try:
        preprocess_case(case, config)
    except BadInput:
        return None
    return time.perf_counter() - begun


def mean_seconds(journals: Iterable[Path]) -> tuple[float | None, float | None]:
    """Mean seconds of an epoch and of a test case in the journals of fold runs; None where they tell of none."""
    epochs_s: list[float] = []
    cases_s: list[float] = []
    for journal in journals:
        events = read_journal(journal)
        epochs_s += [epoch["seconds"] for epoch in last_epochs(events).values()]
        cases_s += [event["seconds"] for event in events if event["event"] == "tested"]
    return (fmean(epochs_s) if epochs_s else None), (fmean(cases_s) if cases_s else None)


def _journals(source: ReportSource, runs: Sequence[RunRecord]) -> Iterator[Path]:
    """Journals of the runs' fold runs that are still here."""
    for run in runs:
        for fold in source.folds.get(run.run_id, ()):
            path = source.out / FOLD_RUNS_NAME / fold.digest / JOURNAL_NAME
            if path.is_file():
                yield path
