"""`hemosweep predict` with a run of an output folder."""

from pathlib import Path

from hemosweep.prediction.predict import PredictionResult, predict
from hemosweep.tracking.reader import MlflowStore


def predict_scans(
    out: str | Path,
    scan: str | Path,
    *,
    run: str,
    cta: str | Path | None = None,
    as_folder: bool = False,
    to: str | Path | None = None,
    project: str | Path | None = None,
) -> PredictionResult:
    """Segment a scan, or every scan of a folder, with the fold ensemble of a run of an output folder.

    Arguments and errors as `hemosweep.prediction.predict.predict`.
    """
    return predict(
        MlflowStore(Path(out)),
        Path(scan),
        run,
        out=Path(out),
        cta=None if cta is None else Path(cta),
        as_folder=as_folder,
        to=None if to is None else Path(to),
        project=None if project is None else Path(project),
    )
