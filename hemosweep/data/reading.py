"""Reading a case's volumes, with every check that training relies on."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from hemosweep.arrays import Mask
from hemosweep.data.case import Case
from hemosweep.data.hounsfield import to_hounsfield
from hemosweep.data.mask_values import COLOUR, Probabilities, as_labels, voxels_of
from hemosweep.data.nifti import Volume, read_volume
from hemosweep.errors import BadInput

MAX_VOXELS_APART = 0.25
"""Distance that a mask's voxel may have from the CT's voxel of the same index: rounding in headers, nothing more."""


class MaskFault(BadInput):
    """A mask that can be read but not used. `kind` is the kind of problem in `hemosweep data check`."""

    def __init__(self, message: str, kind: str = "mask") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, kw_only=True, slots=True)
class RawCase:
    """The volumes of one case as scanned: CT in HU (float32), lesion mask on the grid of the CT (None where there is
    none), and CT angiography in HU on its own grid (None where there is none or none was requested).

    `warnings` name corrections and oddities of the values, one sentence each, without the case's name.
    """

    ct: Volume
    lesion_DHW: Mask | None
    cta: Volume | None = None
    warnings: tuple[str, ...] = ()


def voxels_apart(ct: Volume, other: Volume) -> float:
    """Largest distance between voxels of the same index, in voxels of the CT along an axis; both have one shape."""
    depth, height, width = ct.array_DHW.shape
    corners_4N = np.array([(*corner, 1) for corner in product((0, width - 1), (0, height - 1), (0, depth - 1))]).T
    on_ct_4N = np.linalg.solve(ct.affine, other.affine @ corners_4N)
    return float(np.abs(on_ct_4N - corners_4N).max())


def read_ct(case: Case, path: Path) -> tuple[Volume, tuple[str, ...]]:
    """Read a case's CT or angiography in HU, with warnings about its values.

    Raises:
        BadInput: the file is missing or unreadable, or holds non-finite voxels.
    """
    stored = read_volume(path)
    num_bad = int(np.count_nonzero(~np.isfinite(stored.array_DHW)))
    if num_bad:
        raise BadInput(f"case {case.case_id}: {path.name} has {num_bad} non-finite voxels; convert the CT again")
    hu_DHW, warnings = to_hounsfield(stored.array_DHW)
    ct = Volume(array_DHW=hu_DHW, affine=stored.affine, file_grid=stored.file_grid)
    return ct, (*stored.warnings, *warnings)


def read_mask(case: Case, path: Path, ct: Volume, *, label: int | None = None) -> Mask:
    """Read a mask as `explained_mask`, without the warnings."""
    return explained_mask(case, path, ct, label=label)[0]


def explained_mask(case: Case, path: Path, ct: Volume, *, label: int | None = None) -> tuple[Mask, tuple[str, ...]]:
    """Read a mask that lies on the CT's grid, with warnings about its values; it may be empty.

    A picture of one colour counts as 0 and 1, and probabilities are cut at 0.5, with a warning each.

    Args:
        label: the value of the lesion; None for a mask of zeros and ones.

    Raises:
        MaskFault: it lies elsewhere than the CT, or holds other values.
        BadInput: the file is missing or unreadable, or a picture of several colours.
    """
    where = f"case {case.case_id}"
    mask = read_volume(path, as_mask=True)
    if ct.array_DHW.shape != mask.array_DHW.shape:
        raise MaskFault(
            f"{where}: mask {path.name} has shape {mask.array_DHW.shape[::-1]} but the CT has "
            f"{ct.array_DHW.shape[::-1]}; draw or resample the mask on the CT's grid",
            kind="geometry-mismatch",
        )
    apart = voxels_apart(ct, mask)
    if apart > MAX_VOXELS_APART:
        raise MaskFault(
            f"{where}: CT and mask {path.name} lie in different places, up to {apart:.2g} voxels apart; "
            "draw it on the CT",
            kind="geometry-mismatch",
        )
    way_out = ", or pick the lesion's value with --lesion-label" if path == case.lesion_path else ""
    warnings: tuple[str, ...] = ()
    try:
        labels_DHW, warnings = as_labels(mask.array_DHW)
    except Probabilities as error:
        raise MaskFault(f"{where}: mask {path.name} {error}", kind="mask-values") from None
    except BadInput:
        labels_DHW = mask.array_DHW
    values = np.unique(labels_DHW)
    if label is not None:
        if warnings:
            raise MaskFault(
                f"{where}: mask {path.name} holds probabilities and no labels; leave --lesion-label out",
                kind="mask-values",
            )
        if not np.array_equal(values, np.round(values)):
            raise MaskFault(
                f"{where}: mask {path.name} has values that are no whole numbers; a label map is wanted",
                kind="mask-values",
            )
    elif not np.isin(values, (0, 1)).all():
        others = values[~np.isin(values, (0, 1))]
        listed = ", ".join(f"{value:g}" for value in others[:5]) + (", ..." if others.size > 5 else "")
        raise MaskFault(
            f"{where}: mask {path.name} has values other than 0 and 1 ({listed}); binarise it{way_out}",
            kind="mask-values",
        )
    of_colours = tuple(text for text in mask.warnings if text.startswith(COLOUR))
    return voxels_of(labels_DHW, label), tuple(
        f"mask {path.name.removeprefix(f'{case.case_id}_')} {text}" for text in of_colours + warnings
    )


def read_case(case: Case, *, lesion_label: int | None = None, with_cta: bool = False) -> RawCase:
    """Read and check one case.

    Raises:
        BadInput: a file is missing or unreadable, CT and mask disagree in shape or place, the mask is empty or not
            binary, a CT holds non-finite voxels, or an angiography is asked for and there is none.
    """
    where = f"case {case.case_id}"
    ct, warnings = read_ct(case, case.ct_path)
    lesion_DHW, cta = None, None
    if case.lesion_path is not None:
        lesion_DHW, of_mask = explained_mask(case, case.lesion_path, ct, label=lesion_label)
        warnings += of_mask
        if not lesion_DHW.any():
            what = "is empty" if lesion_label is None else f"holds no voxel of the value {lesion_label}"
            raise BadInput(f"{where}: mask {case.lesion_path.name} {what}; remove the case's row or fix the mask")
    if with_cta:
        if case.cta_path is None:
            raise BadInput(f"{where}: no CT angiography beside {case.ct_path.name}; add it or leave the channel out")
        cta, of_cta = read_ct(case, case.cta_path)
        warnings += tuple(f"angiography: {text}" for text in of_cta)
    return RawCase(ct=ct, lesion_DHW=lesion_DHW, cta=cta, warnings=warnings)
