"""`hemosweep predict` with a run of an output folder, or with a model of a registry."""

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.prediction.arm import Arm
    from hemosweep.prediction.predict import PredictionResult


def predict_scans(
    out: str | Path,
    scan: str | Path,
    *,
    run: str | None = None,
    model: str | None = None,
    tracking: str | None = None,
    cta: str | Path | None = None,
    as_folder: bool = False,
    to: str | Path | None = None,
    project: str | Path | None = None,
) -> "PredictionResult":
    """Segment a scan, or every scan of a folder, with the fold ensemble of a run or of a model.

    Args:
        run: a run of the output folder.
        model: in its place a model, NAME@ALIAS or NAME/VERSION (`hemosweep promote`).
        tracking: URI of the MLflow store that has the model; None for the output folder's own.

    Other arguments and errors as `hemosweep.prediction.predict.predict`.
    """
    out, scan, cta = Path(out), Path(scan), None if cta is None else Path(cta)
    to, project = (None if path is None else Path(path) for path in (to, project))
    if (run is None) == (model is None):
        raise BadInput("give either --run or --model: what shall segment the scans")
    if tracking is not None and model is None:
        raise BadInput("--tracking says where a model is; give --model, or leave it out")

    from hemosweep.prediction.scans import list_scans
    from hemosweep.runs import find_run
    from hemosweep.tracking.reader import MlflowStore

    list_scans(scan, cta=cta, as_folder=as_folder)
    store = MlflowStore(out)
    if run is not None:
        find_run(store, run)
    # Seconds of PyTorch, of which no mistake above needs anything.
    from hemosweep.prediction.predict import predict, predict_with

    if model is not None:
        load = partial(_load_model, out, model, tracking, project)
        return predict_with(load, scan, cta=cta, as_folder=as_folder, to=out / "predictions" if to is None else to)
    assert run is not None
    return predict(store, scan, run, out=out, cta=cta, as_folder=as_folder, to=to, project=project)


def _load_model(out: Path, reference: str, tracking: str | None, project: Path | None) -> "Arm":
    from hemosweep.prediction.model_files import read_model
    from hemosweep.tracking.registry import fetch, open_registry

    with tempfile.TemporaryDirectory() as folder:
        found = fetch(open_registry(out, tracking), reference, Path(folder))
        return read_model(found.folder, found.digest, found.name, out=out, project=project)
