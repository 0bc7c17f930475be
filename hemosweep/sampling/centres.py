"""Drawing the patch centres of one case: balanced between classes, restricted in space (paper, Section 2.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.components.record import place_of
from hemosweep.errors import BadInput
from hemosweep.sampling.picks import Pick, at_random, find_pick
from hemosweep.sampling.restriction import Restriction

if TYPE_CHECKING:
    from hemosweep.preprocessing.record import PreprocessedCase

MIDDLE = "middle"
"""Name that the counts give the middle of a case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Centres:
    """Patch centres of one case, with how many each region gave.

    `index_N` are flat (C-order) voxel indices of the whole image on the network's grid. `empty` are the regions that
    were to give some and have no voxel.
    """

    index_N: NDArray[np.int64]
    counts: Mapping[str, int]
    empty: tuple[str, ...] = ()

    def voxel_3N(self, case: "PreprocessedCase") -> NDArray[np.int64]:
        """The centres as voxels (d, h, w) of the stored case, which is cropped to the head. Some may lie outside."""
        grid = case.grid
        voxel_3N: NDArray[np.int64] = np.stack(np.unravel_index(self.index_N, grid.full_DHW))
        voxel_3N -= np.array(grid.crop_start_DHW)[:, None]
        return voxel_3N


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
    *,
    pick: Pick = at_random,
) -> Centres:
    """Take half of the centres from the lesion and half from the negative regions.

    All masks have one shape, and the centres' indices are those of it.

    Where a region is empty, the others take its share in proportion; a case without any lesion voxel gives negatives
    only, one without any voxel to draw negatives from gives positives only. The counts tell.
    """
    declared = {name: share for name, share in shares.items() if share > 0.0}
    usable = {name: share for name, share in declared.items() if negatives[name].any()}
    has_lesion = bool(lesion_DHW.any())
    num_positive = num_patches // 2 if has_lesion else 0
    if not usable:
        num_positive = num_patches
    counts = {"lesion": num_positive} | dict.fromkeys(shares, 0)
    drawn = [pick(lesion_DHW, num_positive, rng)] if num_positive else []
    if usable:
        counts |= split_counts(num_patches - num_positive, usable)
        drawn += [pick(negatives[name], counts[name], rng) for name in usable]
    return Centres(
        index_N=np.concatenate(drawn).astype(np.int64),
        counts=counts,
        empty=(*(() if has_lesion else ("lesion",)), *(name for name in declared if name not in usable)),
    )


def case_regions(case: "PreprocessedCase", restriction: Restriction) -> dict[str, Mask]:
    """The masks that a restriction draws a case's negatives from, by region. None holds a lesion voxel.

    A mask is of the stored case, which is cropped to the head, or of the whole image.

    Raises:
        BadInput: a region gives something else than a mask of one of these shapes.
    """
    lesions = {case.lesion_DHW.shape: case.lesion_DHW}
    masks: dict[str, Mask] = {}
    for name, (region, _) in restriction.by_name.items():
        mask = region.mask(case)
        shapes = (case.brain_DHW.shape, case.grid.full_DHW)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape not in shapes:
            what = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
            raise BadInput(
                f"region {type(region).__name__} ({place_of(type(region))}): its mask of {case.case_id} is {what}; "
                f"return bool {case.brain_DHW.shape}"
            )
        if mask.shape not in lesions:
            lesions[mask.shape] = case.grid.uncrop(case.lesion_DHW, fill=False)
        masks[name] = mask & ~lesions[mask.shape]
    return masks


def case_shares(case: "PreprocessedCase", restriction: Restriction, masks: Mapping[str, Mask]) -> dict[str, float]:
    """Shares of the regions in a case: a region below its `full_share_ml` has its share in proportion to its volume.

    Args:
        masks: those of `case_regions`.
    """
    voxel_ml = float(np.prod(case.spacing_DHW_mm)) / 1000.0
    shares = {}
    for name, (region, share) in restriction.by_name.items():
        volume_ml, full_ml = np.count_nonzero(masks[name]) * voxel_ml, float(getattr(region, "full_share_ml", 0.0))
        # An empty region keeps its share, so that it is still named as one that should have given some.
        shares[name] = share * volume_ml / full_ml if 0.0 < volume_ml < full_ml else share
    return shares


def middle_centre(case: "PreprocessedCase", *, whole_image: bool) -> Centres:
    """The one centre of a case that is seen as a whole: the middle of the stored case, which is cropped to the head.

    Args:
        whole_image: take the middle of the whole image instead.
    """
    grid = case.grid
    start_3, size_3 = ((0, 0, 0), grid.full_DHW) if whole_image else (grid.crop_start_DHW, grid.crop_DHW)
    middle_3 = tuple(start + size // 2 for start, size in zip(start_3, size_3, strict=True))
    index_N = np.array([np.ravel_multi_index(middle_3, grid.full_DHW)], dtype=np.int64)
    return Centres(index_N=index_N, counts={MIDDLE: 1})


def draw_case_centres(
    case: "PreprocessedCase",
    restriction: Restriction,
    num_patches: int,
    rng: np.random.Generator,
    centres: str = "random",
) -> Centres:
    """The centres of a preprocessed case under a restriction.

    Args:
        centres: way to pick them in a region (`hemosweep.config.CENTRES`).

    Raises:
        BadInput: as `case_regions`.
    """
    negatives = case_regions(case, restriction)
    shares = case_shares(case, restriction, negatives)
    crop_DHW, full_DHW = case.lesion_DHW.shape, case.grid.full_DHW
    lesion_DHW = case.lesion_DHW
    if any(mask.shape != crop_DHW for mask in negatives.values()):
        lesion_DHW, *masks = (case.grid.uncrop(mask, fill=False) for mask in (lesion_DHW, *negatives.values()))
        negatives = dict(zip(negatives, masks, strict=True))
    pick = find_pick(centres, case.spacing_DHW_mm)
    drawn = draw_centres(lesion_DHW, negatives, shares, num_patches, rng, pick=pick)
    if lesion_DHW.shape == full_DHW:
        return drawn
    voxel_3N = np.stack(np.unravel_index(drawn.index_N, crop_DHW)) + np.array(case.grid.crop_start_DHW)[:, None]
    return replace(drawn, index_N=np.ravel_multi_index(tuple(voxel_3N), full_DHW))
