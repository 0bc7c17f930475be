"""The picture of a case for a page: its CT slices, and the masks of reference, IVH and every prediction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume, read_volume
from hemosweep.data.reading import read_ct, read_mask
from hemosweep.errors import BadInput
from hemosweep.foldrun.seal import BrokenSeal, sealed_prediction
from hemosweep.report.cases.encoding import ct_sheet, mask_text
from hemosweep.report.cases.facts import NOT_KEPT
from hemosweep.report.slices.panels import head_box

MAX_SLICES = 64
"""Of a scan with more slices only every second, third and so on is shown."""
MASK_SHARE = 0.5
"""Share of a case's letters that its masks may take before the predictions of later trainings are left out."""
_TISSUE_HU = (0.0, 100.0)
_LEAST_TISSUE = 0.1
"""Slices with less soft tissue than this share of the fullest one show no brain."""

FIRST_ONLY = "the page holds the predictions of the first training only, to stay small"

Sources = Sequence[Sequence[Path | str]]
"""Folder of the fold run that tested a case, for each training of each arm; a text with the reason where none did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureReader:
    """Function from a case to its picture, a JSON value of about `max_chars` letters, or `{"missing": reason}`.

    `sources` are those of each case, and `no_prediction` is what to say where a prediction is not here.
    """

    sources: Mapping[str, Sources]
    lesion_label: int | None
    max_chars: int
    no_prediction: str = NOT_KEPT

    def __call__(self, case: Case) -> dict[str, Any]:
        try:
            return self._read(case)
        except BadInput as error:
            return {"missing": str(error)}

    def _read(self, case: Case) -> dict[str, Any]:
        ct, _ = read_ct(case, case.ct_path)
        reference_DHW, no_reference = _mask_of(case, case.lesion_path, ct, self.lesion_label)
        ivh_DHW, no_ivh = _mask_of(case, case.ivh_path, ct, None)
        predictions = [
            [self._prediction(source, case.case_id, ct) for source in arm] for arm in self.sources[case.case_id]
        ]
        masks = [
            mask for mask in (reference_DHW, ivh_DHW, *chain.from_iterable(predictions)) if isinstance(mask, np.ndarray)
        ]
        any_DHW = np.logical_or.reduce(masks) if masks else np.zeros(ct.array_DHW.shape, dtype=bool)
        shown = slices_with_brain(ct.array_DHW, np.asarray(any_DHW.any(axis=(1, 2))))
        _, height_mm, width_mm = ct.spacing_DHW_mm
        rows, columns = head_box(ct.array_DHW[shown], any_DHW[shown], (height_mm, width_mm))
        box = (shown, rows, columns)

        def text(mask: Mask | str | None) -> str | dict[str, str] | None:
            return mask_text(mask[box]) if isinstance(mask, np.ndarray) else {"missing": mask} if mask else None

        texts = [[text(mask) for mask in arm] for arm in predictions]
        reference, ivh = text(reference_DHW), text(ivh_DHW)
        if _num_letters(texts) > MASK_SHARE * self.max_chars:
            texts = [[one if not place else {"missing": FIRST_ONLY} for place, one in enumerate(arm)] for arm in texts]
        masks_letters = _num_letters([[reference, ivh], *texts])
        sheet = ct_sheet(ct.array_DHW[box], (height_mm, width_mm), self.max_chars - masks_letters - 400)
        return {
            "sheet": sheet.text,
            "columns": sheet.columns,
            "tile": list(sheet.tile_HW),
            "pixel_mm": round(sheet.pixel_mm, 4),
            "quality": sheet.rung.quality,
            "grid": [rows.stop - rows.start, columns.stop - columns.start],
            "slices": {
                "first": shown.start,
                "step": shown.step,
                "num": len(range(*shown.indices(len(any_DHW)))),
                "total": len(any_DHW),
            },
            "reference": reference,
            "ivh": ivh,
            "remarks": [text for text in (no_reference, no_ivh) if text],
            "predictions": texts,
        }

    def _prediction(self, source: Path | str, case_id: str, ct: Volume) -> Mask | str:
        """A prediction, or the reason why there is none."""
        if isinstance(source, str):
            return source
        try:
            prediction_DHW = read_volume(sealed_prediction(source, case_id)).array_DHW
        except FileNotFoundError:
            return self.no_prediction
        except BrokenSeal as broken:
            return broken.short
        except BadInput as error:
            return str(error)
        if prediction_DHW.shape != ct.array_DHW.shape:
            return "its prediction has another shape than the CT"
        return np.asarray(prediction_DHW != 0)


def slices_with_brain(image_DHW: NDArray[Any], has_mask_D: NDArray[np.bool_]) -> slice:
    """Slices with brain or a mask, at most `MAX_SLICES` of them at equal distances; all where no slice has either."""
    low, high = _TISSUE_HU
    tissue_D = ((image_DHW > low) & (image_DHW < high)).sum(axis=(1, 2))
    kept = np.flatnonzero((tissue_D > _LEAST_TISSUE * tissue_D.max()) | has_mask_D)
    first, stop = (int(kept[0]), int(kept[-1]) + 1) if kept.size else (0, len(image_DHW))
    return slice(first, stop, -(-(stop - first) // MAX_SLICES))


def _mask_of(case: Case, path: Path | None, ct: Volume, label: int | None) -> tuple[Mask | None, str]:
    """A mask, None where the case has none; and the reason where it cannot be used."""
    if path is None:
        return None, ""
    try:
        return np.asarray(read_mask(case, path, ct, label=label) != 0), ""
    except BadInput as error:
        return None, str(error)


def _num_letters(texts: Sequence[Sequence[object]]) -> int:
    return sum(len(text) for arm in texts for text in arm if isinstance(text, str))
