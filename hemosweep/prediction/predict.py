"""Prediction of lesion masks, volumes and pictures for scans, by the fold ensemble of one run."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hemosweep.data.case import Case
from hemosweep.data.content import input_digest
from hemosweep.data.nifti import Volume, write_volume
from hemosweep.data.remarks import grouped
from hemosweep.digest import digest_files, digest_json
from hemosweep.engine.index import FOLD_RUNS_NAME
from hemosweep.errors import BadInput
from hemosweep.files import check_writable
from hemosweep.foldrun.spec import write_json
from hemosweep.identity.source import source_digest
from hemosweep.inference.ensemble import Ensemble, EnsembleCases, load_ensemble, predict_ensemble
from hemosweep.prediction.scans import SUFFIX, list_scans
from hemosweep.preprocessing.derivatives import derivatives_folder
from hemosweep.preprocessing.pipeline import NO_LESION_MASK, prepare_images, to_network_grid
from hemosweep.report.slices.prediction import draw_prediction
from hemosweep.report.terminal.progress import progress_bar
from hemosweep.runs import RunRecord, RunStore, find_run
from hemosweep.scores.volume import abc2_ml

KEY_LENGTH = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """Result of an ensemble for one scan. `volume_ml` counts voxels; `abc2_ml` is the bedside estimate of the
    volume."""

    file: str
    mask: str
    picture: str
    volume_ml: float
    abc2_ml: float
    max_probability: float
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
            f"{name:<{width}}  {prediction.volume_ml:7.1f} mL   ABC/2 {prediction.abc2_ml:7.1f} mL   "
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Arm:
    """A run's ensemble, ready to work."""

    name: str
    run: RunRecord
    ensemble: Ensemble
    ensemble_cases: EnsembleCases
    code: str
    warnings: tuple[str, ...]


def predict(
    store: RunStore,
    scan: Path,
    reference: str,
    *,
    out: Path,
    cta: Path | None = None,
    as_folder: bool = False,
    to: Path | None = None,
) -> PredictionResult:
    """Segment a scan, or every scan of a folder, with the fold ensemble of a run.

    A scan's mask, picture and numbers are written under a name that depends on the run, the scan's content and the
    code. Existing results are not computed again.

    Args:
        store: where the run is recorded.
        scan: NIfTI file, folder of such files, or data set folder.
        reference: as `find_run` takes it.
        out: the output folder that holds the run's fold runs.
        cta: angiography of a single scan.
        as_folder: `scan` must be a folder.
        to: folder to write into; None is `predictions` in `out`.

    Raises:
        BadInput: an option, the run, or the one scan cannot be used. A scan of a folder is named in the result.
    """
    to = out / "predictions" if to is None else to
    cases = list_scans(scan, cta=cta, as_folder=as_folder)
    is_folder = os.path.isdir(scan)
    check_writable("--to", to)
    if is_folder and to.resolve() == scan.resolve():
        raise BadInput(
            f"--to {to}: is the folder of the scans, and masks there would be read as scans; give another folder"
        )
    arm = _load_arm(store, out, reference)
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
        run_id=arm.run.run_id,
        num_folds=num_folds,
        to=to,
        predictions=predictions,
        failures=failures,
        warnings=tuple(warnings),
        is_folder=is_folder,
    )


def _load_arm(store: RunStore, out: Path, reference: str) -> _Arm:
    """Find a run and load its ensemble.

    Raises:
        BadInput: no such run, or it is not complete.
    """
    run = find_run(store, reference)
    name = run.full_name
    if not run.is_finished:
        raise BadInput(f"run {name} is {run.status}, not finished; run its sweep again first")
    digests = [fold.digest for fold in store.list_folds().get(run.run_id, ())]
    if digest_json(digests) != run.digest:
        raise BadInput(f"run {name}: the store has {len(digests)} of its folds, not all; run its sweep again")
    ensemble = load_ensemble([out / FOLD_RUNS_NAME / digest for digest in digests])
    ensemble_cases = EnsembleCases(ensemble)
    # The folder of preprocessed cases is named for parameters and code.
    prepared = derivatives_folder(out, out, ensemble.config.preprocessing).name
    source = source_digest()
    warnings = []
    if run.about_others is not None:
        warnings.append(run.about_others)
    if any(spec.source not in (None, source) for spec in ensemble.specs) or any(
        Path(case.path).parent.name != prepared for spec in ensemble.specs for case in spec.test
    ):
        warnings.append(f"the code changed after run {name} was trained, so results may be worse than its scores")
    if ensemble_cases.num_missing:
        warnings.append(
            f"{ensemble_cases.num_missing} of the run's preprocessed cases are missing: it is not certain whether "
            "it was trained on a scan"
        )
    code = digest_json([prepared, source, _code_digest()])
    return _Arm(
        name=name, run=run, ensemble=ensemble, ensemble_cases=ensemble_cases, code=code, warnings=tuple(warnings)
    )


def _code_digest() -> str:
    """Digest of the code between a probability and the written files."""
    package = Path(__file__).parents[1]
    names = ("inference/ensemble.py", "scores/volume.py", "report/slices/prediction.py", "prediction/predict.py")
    return digest_files([package / name for name in names], package)


def _counter(progress: Callable[[int, int], None], begun: int, total: int) -> Callable[[], None]:
    done = begun

    def count() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    return count


def _predict(case: Case, arm: _Arm, to: Path, on_fold: Callable[[], None]) -> Prediction:
    """Predict one scan, or read its earlier result.

    Raises:
        BadInput: the scan cannot be read or is no head CT, or memory or disk space is not enough.
    """
    config = arm.ensemble.config.preprocessing
    content = input_digest(case, with_cta=config.angiography)
    stem = f"{case.case_id}-{digest_json([arm.run.digest, content, arm.code])[:KEY_LENGTH]}"
    mask, picture, numbers = (to / f"{stem}{suffix}" for suffix in (SUFFIX, ".png", ".json"))
    try:
        if not all(map(os.path.isfile, (mask, picture, numbers))):
            write_json(numbers, _segment(case, arm, mask, picture, on_fold))
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
        max_probability=stored["max_probability"],
        warnings=tuple(stored["warnings"]),
    )


def _segment(case: Case, arm: _Arm, mask: Path, picture: Path, on_fold: Callable[[], None]) -> dict[str, Any]:
    """Preprocess and segment a scan, write mask and picture, and return the numbers."""
    config = arm.ensemble.config.preprocessing
    images = prepare_images(case, config)
    prepared = to_network_grid(images, config)
    probability_DHW = prepared.grid.to_native(predict_ensemble(arm.ensemble, prepared, on_fold=on_fold))
    lesion_DHW = probability_DHW > 0.5
    spacing_DHW_mm = prepared.native_spacing_DHW_mm
    volume_ml = int(np.count_nonzero(lesion_DHW)) * float(np.prod(spacing_DHW_mm)) / 1000.0
    estimate_ml = abc2_ml(lesion_DHW, spacing_DHW_mm)
    warnings = [text for text in images.warnings if text != NO_LESION_MASK]
    num_folds = len(arm.ensemble.models)
    if num_saw := arm.ensemble_cases.num_folds_that_saw(prepared):
        warnings.append(
            f"the run was trained on this CT ({num_saw} of {num_folds} folds saw it): its result says nothing about "
            "new patients"
        )
    write_volume(mask, Volume(array_DHW=lesion_DHW.astype(np.uint8), affine=prepared.affine))
    moved = images.straightening
    draw_prediction(
        images.raw.ct.array_DHW,
        images.brain_DHW if moved is None else moved.revert(images.brain_DHW),
        lesion_DHW,
        spacing_DHW_mm,
        picture,
        title=case.case_id,
        finding=f"{volume_ml:.1f} mL (ABC/2 {estimate_ml:.1f} mL), mean of {num_folds} folds of {arm.name}",
    )
    return {
        "volume_ml": volume_ml,
        "abc2_ml": estimate_ml,
        "max_probability": float(probability_DHW.max()),
        "num_folds": num_folds,
        "run": arm.name,
        "run_id": arm.run.run_id,
        "warnings": warnings,
    }
