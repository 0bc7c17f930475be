"""Problems of the masks of one case."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume
from hemosweep.data.reading import MaskFault, explained_mask
from hemosweep.errors import BadInput
from hemosweep.preprocessing.mask_findings import lesion_finding, lesion_outside_share
from hemosweep.qc.anatomy import Anatomy
from hemosweep.qc.problem import Problem, Severity

LESION_HU = (20.0, 110.0)
MAX_ODD_HU_SHARE = 0.05
MAX_OUTSIDE_SHARE = 0.01
MAX_HEAD_SHARE = 0.5


def load_mask(case: Case, path: Path, name: str, ct: Volume, label: int | None) -> tuple[Mask | None, list[Problem]]:
    """A mask on the CT's grid, or None and why not. Without a lesion mask a case cannot be trained on: an error; the
    IVH mask is extra: a warning."""
    severity: Severity = "error" if name == "lesion" else "warning"
    try:
        mask_DHW, warnings = explained_mask(case, path, ct, label=label)
    except MaskFault as fault:
        kind, message = fault.kind, str(fault).removeprefix(f"case {case.case_id}: ")
    except BadInput as error:
        kind, message = "unreadable-mask", str(error).replace(str(path), path.name)
    else:
        return mask_DHW, [
            Problem(case_id=case.case_id, kind="mask-values", severity="warning", message=text) for text in warnings
        ]
    return None, [Problem(case_id=case.case_id, kind=kind, severity=severity, message=message)]


def lesion_problems(case: Case, lesion_DHW: Mask, hu_DHW: NDArray[np.float32], anatomy: Anatomy) -> Iterator[Problem]:
    """Empty, nearly full, not in the head, or not as dense as blood: the first that explains the others.

    In a scan with odd slices the head may end at one of them: then nothing is said of the mask's place in it.
    """

    def problem(kind: str, severity: Severity, message: str) -> Problem:
        return Problem(case_id=case.case_id, kind=kind, severity=severity, message=message)

    if not lesion_DHW.any():
        yield problem("mask-empty", "error", "lesion mask is empty; mend it or remove the case's row")
        return
    coarse_DHW = anatomy.coarse(lesion_DHW)
    num_coarse, num_head = np.count_nonzero(coarse_DHW), np.count_nonzero(anatomy.head_DHW)
    good_D = anatomy.slices.good_D
    whole = bool(good_D.all())
    if whole and num_head and num_coarse > MAX_HEAD_SHARE * num_head:
        share = min(1.0, num_coarse / num_head)
        yield problem(
            "mask-nearly-full", "error", f"lesion mask is as large as {share:.0%} of the head; is it inverted?"
        )
        return
    outside = outside_share(coarse_DHW, anatomy) if whole else 0.0
    if outside > MAX_HEAD_SHARE:
        yield problem(
            "mask-outside-head", "error", f"{outside:.0%} of the lesion mask lies outside the head; {_FLIPPED}"
        )
        return
    if outside > MAX_OUTSIDE_SHARE:
        yield problem(
            "mask-outside-head", "warning", f"{outside:.0%} of the lesion mask lies outside the head; look at it"
        )
    elif anatomy.brain_DHW.any() and (found := lesion_finding(lesion_outside_share(coarse_DHW, anatomy.brain_DHW))):
        yield problem(found.kind, "warning", found.message)
    inside_hu = hu_DHW[good_D][lesion_DHW[good_D]]
    if not inside_hu.size:
        return
    odd = float(np.mean((inside_hu < LESION_HU[0]) | (inside_hu > LESION_HU[1])))
    if odd > MAX_ODD_HU_SHARE:
        low, middle, high = np.percentile(inside_hu, (5, 50, 95))
        yield problem(
            "lesion-density",
            "warning",
            f"{odd:.0%} of the lesion's voxels are outside 20-110 HU (median {middle:.0f}, p5-p95 {low:.0f} to "
            f"{high:.0f} HU); look whether it holds edema, bone or air, or lies elsewhere",
        )


def ivh_problems(
    case: Case, ivh_DHW: Mask, voxel_ml: float, lesion_DHW: Mask | None, anatomy: Anatomy
) -> Iterator[Problem]:
    """The IVH column against the IVH mask, and that mask against head and lesion."""

    def problem(kind: str, message: str) -> Problem:
        return Problem(case_id=case.case_id, kind=kind, severity="warning", message=message)

    num_ivh = int(np.count_nonzero(ivh_DHW))
    volume = f"holds {num_ivh * voxel_ml:.2g} mL"
    if case.ivh is None:
        state, right = (volume, "yes") if num_ivh else ("is there and empty", "no")
        yield problem("ivh-disagrees", f"column ivh says n/a but the IVH mask {state}; write {right}")
    elif case.ivh and not num_ivh:
        yield problem("ivh-disagrees", "column ivh says yes but the IVH mask is empty; mend the one or the other")
    elif not case.ivh and num_ivh:
        yield problem("ivh-disagrees", f"column ivh says no but the IVH mask {volume}; mend the one or the other")
    outside = outside_share(anatomy.coarse(ivh_DHW), anatomy) if anatomy.slices.good_D.all() else 0.0
    if outside > MAX_OUTSIDE_SHARE:
        yield problem("mask-outside-head", f"{outside:.0%} of the IVH mask lies outside the head; {_FLIPPED}")
    if lesion_DHW is not None and (num_both := np.count_nonzero(ivh_DHW & lesion_DHW)):
        share = num_both / min(num_ivh, int(np.count_nonzero(lesion_DHW)))
        yield problem(
            "masks-overlap",
            f"lesion and IVH mask share {num_both} voxels ({share:.1%} of the smaller); give each voxel to one of them",
        )


_FLIPPED = "is it another case's, or flipped?"


def outside_share(coarse_DHW: Mask, anatomy: Anatomy) -> float:
    """Share of a mask's voxels outside the head; 0 where there is no mask, or no head to be outside of."""
    num_voxels = np.count_nonzero(coarse_DHW)
    if not num_voxels or not anatomy.head_DHW.any():
        return 0.0
    return float(np.count_nonzero(coarse_DHW & ~anatomy.head_DHW)) / num_voxels
