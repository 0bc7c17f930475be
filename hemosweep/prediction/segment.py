"""One scan segmented by a fold ensemble: its mask, its numbers and its picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume, write_volume
from hemosweep.inference.ensemble import Ensemble, EnsembleCases, predict_ensemble
from hemosweep.inference.mask import lesion_mask
from hemosweep.prediction.unlike import unlike_cohort, unlike_line
from hemosweep.preprocessing.overview import case_numbers
from hemosweep.preprocessing.pipeline import NO_LESION_MASK, prepare_images, to_network_grid
from hemosweep.report.slices.prediction import draw_prediction
from hemosweep.scores.volume import abc2_ml


def segment(
    case: Case,
    ensemble: Ensemble,
    ensemble_cases: EnsembleCases,
    mask: Path,
    picture: Path,
    *,
    arm: str,
    on_fold: Callable[[], None],
) -> dict[str, Any]:
    """Preprocess and segment a scan, write mask and picture, and return the numbers.

    Args:
        arm: name of the ensemble's arm, for the picture.
        on_fold: called after each network.

    Raises:
        BadInput: as `prepare_images`.
    """
    images = prepare_images(case, ensemble.config.preprocessing)
    prepared = to_network_grid(images, ensemble.config.preprocessing)
    probability_DHW = prepared.grid.to_native(predict_ensemble(ensemble, prepared, on_fold=on_fold))
    spacing_DHW_mm = prepared.native_spacing_DHW_mm
    lesion_DHW = lesion_mask(probability_DHW, spacing_DHW_mm, ensemble.config.inference)
    volume_ml = int(np.count_nonzero(lesion_DHW)) * float(np.prod(spacing_DHW_mm)) / 1000.0
    kothari_ml, plain_ml = (abc2_ml(lesion_DHW, spacing_DHW_mm, weighted=weighted) for weighted in (True, False))
    warnings = [text for text in images.head.warnings if text != NO_LESION_MASK]
    cohort = ensemble.specs[0].cohort
    unlike = unlike_cohort(case_numbers(images), cohort)
    if unlike:
        warnings.append(unlike_line(unlike))
    num_folds = len(ensemble.models)
    if num_saw := ensemble_cases.num_folds_that_saw(prepared):
        warnings.append(
            f"the run was trained on this CT ({num_saw} of {num_folds} folds saw it): its result says nothing about "
            "new patients"
        )
    write_volume(mask, Volume(array_DHW=lesion_DHW.astype(np.uint8), affine=prepared.affine), like=prepared.file_grid)
    moved = images.head.straightening
    draw_prediction(
        images.head.raw.ct.array_DHW,
        images.head.brain_DHW if moved is None else moved.revert(images.head.brain_DHW),
        lesion_DHW,
        spacing_DHW_mm,
        picture,
        title=case.case_id,
        finding=f"{volume_ml:.1f} mL (ABC/2 {kothari_ml:.1f} mL by Kothari, {plain_ml:.1f} mL plain), "
        f"mean of {num_folds} folds of {arm}",
    )
    return {
        "volume_ml": volume_ml,
        "abc2_ml": kothari_ml,
        "abc2_plain_ml": plain_ml,
        "max_probability": float(probability_DHW.max()),
        "num_folds": num_folds,
        "unlike_cohort": [one.as_json() for one in unlike] if cohort else None,
        "warnings": warnings,
    }
