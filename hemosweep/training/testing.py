"""The test of a fold run's cases: predicted in order, written, scored, and each kept before the next one."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.config import InferenceConfig
from hemosweep.data.file_grid import FileGrid
from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.pause import Paused
from hemosweep.foldrun.seal import prediction_name
from hemosweep.foldrun.spec import CaseInput, FoldRunSpec
from hemosweep.inference.mask import lesion_mask
from hemosweep.inference.sliding_window import predict_case
from hemosweep.model.device import Device
from hemosweep.preprocessing.record import PreprocessedCase, load_preprocessed


class Scoring(Protocol):
    """Scores of the test cases in the folder of a fold run (`training.scoring`). A row has `case_id` and `dsc`."""

    def so_far(self) -> list[dict[str, Any]]:
        """Rows of the first test cases, which an earlier process kept."""
        ...

    def score(self, case_input: CaseInput, case: PreprocessedCase, prediction_DHW: Mask) -> dict[str, Any]:
        """Row of a case, its prediction on the scanner's grid. Called in a thread beside the network."""
        ...

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Keep the rows of the cases so far."""
        ...


def test_in_order(
    spec: FoldRunSpec,
    model: torch.nn.Module,
    device: Device,
    folder: Path,
    journal: Journal,
    scoring: Scoring,
    should_pause: Callable[[], bool],
    *,
    score_beside: bool,
) -> None:
    """Test all cases in order, and keep the scores of each before the next one; those that an earlier process kept are
    not tested again.

    The next case is read while the network works on a case. With `score_beside` the case before is scored and written
    meanwhile, too; else that is done before the network goes on. Only this thread writes the journal. What fails in
    another thread is raised in this one as it is, and no thread is left behind.

    Raises:
        Paused: `should_pause` said so before a case; the scores of all cases that were begun are kept.
    """
    rows = scoring.so_far()
    cases = spec.test[len(rows) :]
    last_at = time.perf_counter()
    reading: list[Future[PreprocessedCase]] = []
    in_scoring: list[Future[dict[str, Any]]] = []
    num_windows: list[int] = []

    def finish_scoring() -> None:
        nonlocal last_at
        while in_scoring:
            row = in_scoring.pop().result()
            now = time.perf_counter()
            seconds, windows = now - last_at, num_windows.pop(0)
            journal.write("tested", case_id=row["case_id"], dsc=row["dsc"], seconds=seconds, num_windows=windows)
            last_at = now
            rows.append(row)
            scoring.write(rows)

    with ThreadPoolExecutor(max_workers=2) as threads:  # One reads, one scores.
        for index, case_input in enumerate(cases):
            if should_pause():
                finish_scoring()
                raise Paused
            case = reading.pop().result() if reading else load_preprocessed(Path(case_input.path))
            reading += [threads.submit(load_preprocessed, Path(after.path)) for after in cases[index + 1 : index + 2]]
            probability_DHW = predict_case(model, case, spec.config, device, on_windows=num_windows.append)
            finish_scoring()
            in_scoring.append(
                threads.submit(_score, scoring, case_input, case, probability_DHW, spec.config.inference, folder)
            )
            if not score_beside:
                finish_scoring()
        finish_scoring()


def _score(
    scoring: Scoring,
    case_input: CaseInput,
    case: PreprocessedCase,
    probability_DHW: NDArray[np.float32],
    inference: InferenceConfig,
    folder: Path,
) -> dict[str, Any]:
    """Write a case's prediction on the scanner's grid, and return its scores there."""
    prediction_DHW = lesion_mask(case.grid.to_native(probability_DHW), case.native_spacing_DHW_mm, inference)
    row = scoring.score(case_input, case, prediction_DHW)
    write_prediction(folder / prediction_name(case_input.case_id), prediction_DHW, case.affine, case.file_grid)
    return row


def write_prediction(
    path: Path, prediction_DHW: np.ndarray, affine: np.ndarray, file_grid: FileGrid | None = None
) -> None:
    """Write a mask on the scanner's grid as NIfTI, with the axes and the header codes of the CT's file where these are
    known."""
    # nibabel is wanted only where files are written: training itself runs on a bare PyTorch machine.
    from hemosweep.data.nifti import Volume, write_volume

    write_volume(path, Volume(array_DHW=prediction_DHW.astype(np.uint8), affine=affine), like=file_grid)
