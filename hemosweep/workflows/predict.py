"""`hemosweep predict` with a run of an output folder."""

from pathlib import Path

from hemosweep.prediction.predict import PredictionResult, predict_scans
from hemosweep.tracking.reader import MlflowStore


def predict(
    out: Path, scan: Path, run: str, *, cta: Path | None = None, as_folder: bool = False, to: Path | None = None
) -> PredictionResult:
    """Segment a scan, or every scan of a folder, as `hemosweep.prediction.predict.predict_scans`."""
    return predict_scans(MlflowStore(out), scan, run, out=out, cta=cta, as_folder=as_folder, to=to)
