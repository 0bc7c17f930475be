"""Drawing the patch centres of one case: balanced between classes, restricted in space (paper, Section 2.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.components.record import place_of
from hemosweep.errors import BadInput
from hemosweep.sampling.restriction import Restriction

if TYPE_CHECKING:
    from hemosweep.preprocessing.record import PreprocessedCase


@dataclass(frozen=True, kw_only=True, slots=True)
class Centres:
    """Patch centres of one case as flat (C-order) voxel indices, with how many each region gave.

    `empty` are the regions that were to give some and have no voxel.
    """

    index_N: NDArray[np.int64]
    counts: Mapping[str, int]
    empty: tuple[str, ...] = ()


def split_counts(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Split a number by shares that need not sum to one; largest remainders take what rounding leaves."""
    whole = sum(shares.values())
    exact = {name: total * share / whole for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(shares, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def draw_centres(
    lesion_DHW: Mask,
    negatives: Mapping[str, Mask],
    shares: Mapping[str, float],
    num_patches: int,
    rng: np.random.Generator,
) -> Centres:
    """Draw half of the centres from the lesion and half from the negative regions, uniformly with replacement.

    Where a region is empty, the others take its share in proportion; a case without any lesion voxel gives negatives
    only, one without any voxel to draw negatives from gives positives only. The counts tell.
    """
    voxels = {name: np.flatnonzero(mask) for name, mask in negatives.items()}
    declared = {name: share for name, share in shares.items() if share > 0.0}
    usable = {name: share for name, share in declared.items() if len(voxels[name])}
    lesion_voxels = np.flatnonzero(lesion_DHW)
    num_positive = num_patches // 2 if len(lesion_voxels) else 0
    if not usable:
        num_positive = num_patches
    counts = {"lesion": num_positive} | dict.fromkeys(shares, 0)
    drawn = [rng.choice(lesion_voxels, num_positive)] if num_positive else []
    if usable:
        counts |= split_counts(num_patches - num_positive, usable)
        drawn += [rng.choice(voxels[name], counts[name]) for name in usable]
    return Centres(
        index_N=np.concatenate(drawn).astype(np.int64),
        counts=counts,
        empty=(*(() if len(lesion_voxels) else ("lesion",)), *(name for name in declared if name not in usable)),
    )


def case_regions(case: "PreprocessedCase", restriction: Restriction) -> dict[str, Mask]:
    """The masks that a restriction draws a case's negatives from, by region. None holds a lesion voxel.

    Raises:
        BadInput: a region gives something else than a mask of the case's shape.
    """
    masks: dict[str, Mask] = {}
    for name, (region, _) in restriction.by_name.items():
        mask = region.mask(case)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != case.brain_DHW.shape:
            what = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
            raise BadInput(
                f"region {type(region).__name__} ({place_of(type(region))}): its mask of {case.case_id} is {what}; "
                f"return bool {case.brain_DHW.shape}"
            )
        masks[name] = mask & ~case.lesion_DHW
    return masks


def draw_case_centres(
    case: "PreprocessedCase", restriction: Restriction, num_patches: int, rng: np.random.Generator
) -> Centres:
    """The centres of a preprocessed case under a restriction.

    Raises:
        BadInput: as `case_regions`.
    """
    negatives = case_regions(case, restriction)
    return draw_centres(case.lesion_DHW, negatives, restriction.shares, num_patches, rng)
