"""The raw case: where one CT study's files lie, and reading them with every check that training relies on."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemosweep.data.nifti import Volume, read_volume
from hemosweep.errors import BadInput

IVH_VALUES = {"yes": True, "no": False, "n/a": None}
MAX_VOXELS_APART = 0.25
"""How far a mask's voxel may lie from the CT's voxel of the same index: rounding in headers, nothing more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One CT study of one patient. `ivh` is None where the data set does not say."""

    case_id: str
    patient_id: str
    ivh: bool | None
    ct_path: Path
    lesion_path: Path

    @property
    def ivh_text(self) -> str:
        return "n/a" if self.ivh is None else ("yes" if self.ivh else "no")


@dataclass(frozen=True, kw_only=True, slots=True)
class RawCase:
    """The volumes of one case on the scanner's grid: CT in HU (float32) and the lesion mask (bool)."""

    ct: Volume
    lesion_DHW: NDArray[np.bool_]


def _voxels_apart(ct: Volume, other: Volume) -> float:
    """Largest distance between voxels of the same index, in voxels of the CT along an axis; both have one shape."""
    depth, height, width = ct.array_DHW.shape
    corners_4N = np.array([(*corner, 1) for corner in product((0, width - 1), (0, height - 1), (0, depth - 1))]).T
    on_ct_4N = np.linalg.solve(ct.affine, other.affine @ corners_4N)
    return float(np.abs(on_ct_4N - corners_4N).max())


def read_case(case: Case) -> RawCase:
    """Read and check one case.

    Raises:
        BadInput: a file is missing or unreadable, CT and mask disagree in shape or place, the mask is empty or not
            binary, or the CT holds non-finite voxels.
    """
    where = f"case {case.case_id}"
    if not case.lesion_path.is_file():
        raise BadInput(f"{where}: no lesion mask at {case.lesion_path}; add it or remove the case's row")
    ct = read_volume(case.ct_path)
    lesion = read_volume(case.lesion_path)
    if ct.array_DHW.shape != lesion.array_DHW.shape:
        raise BadInput(
            f"{where}: mask {case.lesion_path.name} has shape {lesion.array_DHW.shape[::-1]} but the CT has "
            f"{ct.array_DHW.shape[::-1]}; draw or resample the mask on the CT's grid"
        )
    apart = _voxels_apart(ct, lesion)
    if apart > MAX_VOXELS_APART:
        raise BadInput(
            f"{where}: CT and mask {case.lesion_path.name} lie in different places, up to {apart:.2g} voxels apart; "
            "draw it on the CT"
        )
    hu_DHW = ct.array_DHW.astype(np.float32)
    num_bad = int(np.count_nonzero(~np.isfinite(hu_DHW)))
    if num_bad:
        raise BadInput(f"{where}: {case.ct_path.name} has {num_bad} non-finite voxels; convert the CT again")
    labels = np.unique(lesion.array_DHW)
    if not np.isin(labels, (0, 1)).all():
        extra = ", ".join(f"{value:g}" for value in labels[~np.isin(labels, (0, 1))][:5])
        raise BadInput(f"{where}: mask {case.lesion_path.name} has values other than 0 and 1 ({extra}); binarise it")
    lesion_DHW = lesion.array_DHW.astype(bool)
    if not lesion_DHW.any():
        raise BadInput(f"{where}: mask {case.lesion_path.name} is empty; remove the case's row or fix the mask")
    return RawCase(ct=Volume(array_DHW=hu_DHW, affine=ct.affine), lesion_DHW=lesion_DHW)
