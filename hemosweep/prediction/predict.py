"""Prediction of lesion masks, volumes and pictures for scans, by the fold ensemble of one run."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from hemosweep.data.case import Case
from hemosweep.data.content import input_digest
from hemosweep.data.remarks import grouped
from hemosweep.digest import digest_json
from hemosweep.errors import BadInput
from hemosweep.files import check_writable
from hemosweep.foldrun.spec import write_json
from hemosweep.prediction.arm import Arm, load_arm
from hemosweep.prediction.scans import SUFFIX, list_scans
from hemosweep.prediction.segment import segment
from hemosweep.report.terminal.progress import progress_bar
from hemosweep.runs import RunStore

KEY_LENGTH = 8
FORMAT = 3
"""Number of the form of the files of a result; another form has another name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """Result of an ensemble for one scan. `volume_ml` counts voxels; `abc2_ml` and `abc2_plain_ml` are the bedside
    estimates of the volume, with Kothari's weights of the slices and without. `unlike_cohort` has the numbers in which
    the scan is unlike the arm's cases; None where the arm does not say what they are like."""

    file: str
    mask: str
    picture: str
    volume_ml: float
    abc2_ml: float
    abc2_plain_ml: float
    max_probability: float
    unlike_cohort: list[dict[str, Any]] | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionResult:
    """Results of the scans by name, in their order. `warnings` are about the run."""

    run: str
    run_id: str
    num_folds: int
    to: Path
    predictions: Mapping[str, Prediction]
    failures: Mapping[str, str]
    warnings: tuple[str, ...]
    is_folder: bool

    def as_json(self) -> dict[str, Any]:
        by = {"run": self.run, "run_id": self.run_id, "num_folds": self.num_folds}
        scans = {name: asdict(prediction) | by for name, prediction in self.predictions.items()}
        if not self.is_folder:
            return next(iter(scans.values()))
        return {**by, "cases": scans, "failures": dict(self.failures), "warnings": list(self.warnings)}

    def as_lines(self, *, styled: bool = False) -> list[str]:
        width = max(map(len, self.predictions), default=0)
        lines = [
            f"{name:<{width}}  {prediction.volume_ml:7.1f} mL   ABC/2 {prediction.abc2_ml:.1f} mL (Kothari), "
            f"{prediction.abc2_plain_ml:.1f} mL (A x B x C / 2)   "
            f"largest probability {prediction.max_probability:.2f}"
            for name, prediction in self.predictions.items()
        ]
        what = f"mean of {self.num_folds} folds of {self.run}"
        if not self.is_folder:
            prediction = next(iter(self.predictions.values()))
            return [*lines, f"{what}; mask {prediction.mask}, picture {prediction.picture}"]
        num_scans = len(self.predictions) + len(self.failures)
        return [*lines, f"{len(self.predictions)} of {num_scans} scans are segmented in {self.to}: {what}"]

    def warning_lines(self) -> list[str]:
        noticed = {name: prediction.warnings for name, prediction in self.predictions.items()}
        if self.is_folder:
            return [*self.warnings, *grouped(noticed)]
        return [*self.warnings, *(text for texts in noticed.values() for text in texts)]


def predict(
    store: RunStore,
    scan: Path,
    reference: str,
    *,
    out: Path,
    cta: Path | None = None,
    as_folder: bool = False,
    to: Path | None = None,
    project: Path | None = None,
) -> PredictionResult:
    """Segment a scan, or every scan of a folder, with the fold ensemble of a run, as `predict_with`.

    Args:
        store: where the run is recorded.
        reference: as `find_run` takes it.
        out: the output folder that holds the run's fold runs.
        to: folder to write into; None is `predictions` in `out`.
        project: where the project of the arm's own components is now; None for the place that is recorded.

    Raises:
        BadInput: as `predict_with` and `load_arm`.
    """
    to = out / "predictions" if to is None else to
    load = partial(load_arm, store, out, reference, project)
    return predict_with(load, scan, cta=cta, as_folder=as_folder, to=to)


def predict_with(
    load: Callable[[], Arm], scan: Path, *, cta: Path | None = None, as_folder: bool = False, to: Path
) -> PredictionResult:
    """Segment a scan, or every scan of a folder, with an arm's fold ensemble.

    A scan's mask, picture and numbers are written under a name that depends on the run, the scan's content and the
    code. Existing results are not computed again.

    Args:
        load: loads the arm, once the scans are known to be there.
        scan: NIfTI file, folder of such files, or data set folder.
        cta: angiography of a single scan.
        as_folder: `scan` must be a folder.
        to: folder to write into.

    Raises:
        BadInput: an option, the run, or the one scan cannot be used. A scan of a folder is named in the result.
    """
    cases = list_scans(scan, cta=cta, as_folder=as_folder)
    is_folder = os.path.isdir(scan)
    check_writable("--to", to)
    if is_folder and to.resolve() == scan.resolve():
        raise BadInput(
            f"--to {to}: is the folder of the scans, and masks there would be read as scans; give another folder"
        )
    arm = load()
    config = arm.ensemble.config.preprocessing
    warnings = list(arm.warnings)
    if config.angiography and not is_folder and cta is None:
        raise BadInput(f"run {arm.name} was trained with CT angiography; give this scan's with --cta CTA{SUFFIX}")
    if config.angiography and is_folder and all(case.cta_path is None for case in cases):
        raise BadInput(
            f"run {arm.name} was trained with CT angiography, and {scan} has none; predict scans one by one with "
            "--cta, or give a data set folder"
        )
    if cta is not None and not config.angiography:
        warnings.append(f"run {arm.name} was trained without CT angiography; --cta is not used")
    predictions: dict[str, Prediction] = {}
    failures: dict[str, str] = {}
    num_folds = len(arm.ensemble.models)
    with progress_bar("predicting, fold by fold") as progress:
        for index, case in enumerate(cases):
            begun = index * num_folds
            progress(begun, len(cases) * num_folds)
            try:
                predictions[case.case_id] = _predict(case, arm, to, _counter(progress, begun, len(cases) * num_folds))
            except BadInput as error:
                if not is_folder:
                    raise
                failures[case.case_id] = str(error)
    return PredictionResult(
        run=arm.name,
        run_id=arm.run_id,
        num_folds=num_folds,
        to=to,
        predictions=predictions,
        failures=failures,
        warnings=tuple(warnings),
        is_folder=is_folder,
    )


def _counter(progress: Callable[[int, int], None], begun: int, total: int) -> Callable[[], None]:
    done = begun

    def count() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    return count


def _predict(case: Case, arm: Arm, to: Path, on_fold: Callable[[], None]) -> Prediction:
    """Predict one scan, or read its earlier result.

    Raises:
        BadInput: the scan cannot be read or is no head CT, or memory or disk space is not enough.
    """
    config = arm.ensemble.config.preprocessing
    content = input_digest(case, with_cta=config.angiography)
    stem = f"{case.case_id}-{digest_json([arm.digest, content, arm.code, FORMAT])[:KEY_LENGTH]}"
    mask, picture, numbers = (to / f"{stem}{suffix}" for suffix in (SUFFIX, ".png", ".json"))
    try:
        if not all(map(os.path.isfile, (mask, picture, numbers))):
            values = segment(case, arm.ensemble, arm.ensemble_cases, mask, picture, arm=arm.name, on_fold=on_fold)
            write_json(numbers, values | {"run": arm.name, "run_id": arm.run_id})
        stored = json.loads(numbers.read_text(encoding="utf-8"))
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise BadInput(
            f"case {case.case_id}: not enough memory; close other programs or take a larger machine"
        ) from error
    except OSError as error:
        raise BadInput(f"case {case.case_id}: cannot be read or written ({error.strerror or error})") from error
    except json.JSONDecodeError as error:
        raise BadInput(f"{numbers}: damaged; delete it and start again") from error
    return Prediction(
        file=str(case.ct_path),
        mask=str(mask),
        picture=str(picture),
        volume_ml=stored["volume_ml"],
        abc2_ml=stored["abc2_ml"],
        abc2_plain_ml=stored["abc2_plain_ml"],
        max_probability=stored["max_probability"],
        unlike_cohort=stored["unlike_cohort"],
        warnings=tuple(stored["warnings"]),
    )
