"""Predictions of another program on the scanner's grid, and their scores by our metrics."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hemosweep.arrays import Mask, Spacing
from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume, read_volume
from hemosweep.data.reading import MAX_VOXELS_APART, read_ct, read_mask, voxels_apart
from hemosweep.errors import BadInput
from hemosweep.foldrun.scores import Row
from hemosweep.preprocessing.record import load_reference
from hemosweep.preprocessing.tilt import straightening
from hemosweep.scores.metric import Metric
from hemosweep.scores.score_case import score_case

PREPROCESSED = ".npz"


@dataclass(frozen=True, kw_only=True, slots=True)
class Predicted:
    """A prediction on its CT's grid, its scores, and the digest of its voxels."""

    mask: Volume
    row: Row
    digest: str


def score_prediction(
    case: Case, path: Path, *, lesion_label: int | None, metrics: Sequence[Metric], facts: Row
) -> Predicted:
    """Score a case's prediction, 1 where the lesion is.

    Args:
        facts: the first cells of its row.

    Raises:
        BadInput: it lies on another grid, has other values than 0 and 1, or a file cannot be read.
    """
    where = f"case {case.case_id}"
    try:
        ct = read_ct(case, case.ct_path)[0]
        predicted = read_volume(path)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
    if predicted.array_DHW.shape != ct.array_DHW.shape:
        raise BadInput(
            f"{where}: its prediction {path} has shape {predicted.array_DHW.shape[::-1]} and the CT "
            f"{ct.array_DHW.shape[::-1]}; predict on the CT's own grid"
        )
    apart = voxels_apart(ct, predicted)
    if apart > MAX_VOXELS_APART:
        raise BadInput(
            f"{where}: its prediction {path} lies up to {apart:.2g} voxels beside the CT; predict on the CT's own grid"
        )
    others = np.setdiff1d(predicted.array_DHW, (0, 1))
    if others.size:
        raise BadInput(f"{where}: its prediction {path} has the value {others[0]:g}; a mask of 0 and 1 is wanted")
    prediction_DHW: Mask = predicted.array_DHW == 1
    assert case.lesion_path is not None, "read_manifest refuses cases without a mask"
    reference_DHW = read_mask(case, case.lesion_path, ct, label=lesion_label)
    scores = score_case(prediction_DHW, reference_DHW, spacing_DHW_mm=straight_spacing(ct), metrics=metrics)
    voxels = [*map(str, prediction_DHW.shape), np.packbits(prediction_DHW).tobytes().hex()]
    return Predicted(
        mask=Volume(array_DHW=prediction_DHW.astype(np.uint8), affine=ct.affine, file_grid=ct.file_grid),
        row=facts | scores,
        digest=hashlib.sha256("/".join(voxels).encode()).hexdigest(),
    )


def read_reference(path: Path, lesion_label: int | None) -> tuple[Mask, Spacing]:
    """Reference of a test case of a fold run and its spacing, by the path in the spec: that of a preprocessed case or,
    for another program's, that of the lesion mask.

    Raises:
        BadInput: the file is missing or damaged.
    """
    if path.suffix == PREPROCESSED:
        return load_reference(path)
    mask = read_volume(path, as_mask=True)
    case = Case(case_id=path.name, patient_id="", ivh=None, ct_path=path, lesion_path=path)
    return read_mask(case, path, mask, label=lesion_label), straight_spacing(mask)


def straight_spacing(ct: Volume) -> Spacing:
    """Spacing that the scores of a scan are computed with: that of the grid on which a tilted one is straight.

    Raises:
        BadInput: as `straightening`.
    """
    straightened = straightening(ct.affine, ct.array_DHW.shape)
    if straightened is None:
        return ct.spacing_DHW_mm
    w, h, d = np.linalg.norm(straightened[1][:3, :3], axis=0)
    return float(d), float(h), float(w)
