"""Drawing the patch centres of one case: balanced between classes, restricted in space (paper, Section 2.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.config import SamplingConfig
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.sampling.regions import negative_regions

BONE_FROM_HU = 95.0
"""Blood stays below; what is denser is bone or calcification, also where the network's window ends at 100 HU."""


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


def case_regions(case: PreprocessedCase, config: SamplingConfig, window_hu: tuple[float, float]) -> dict[str, Mask]:
    """The masks that a sampling configuration draws a case's negatives from, by region.

    Args:
        window_hu: the HU that the case's first channel maps to -1 and 1.
    """
    low_hu, high_hu = window_hu

    def intensity(hu: float) -> float:
        return 2.0 * (hu - low_hu) / (high_hu - low_hu) - 1.0

    return negative_regions(
        tuple(config.shares),
        brain_DHW=case.brain_DHW,
        lesion_DHW=case.lesion_DHW,
        spacing_DHW_mm=case.spacing_DHW_mm,
        border_half_width_mm=config.border_half_width_mm,
        center_half_width_mm=config.center_half_width_mm,
        image_DHW=case.image_CDHW[0],
        hyperdense_above=intensity(config.hyperdense_hu),
        bone=intensity(min(BONE_FROM_HU, high_hu)),
    )


def draw_case_centres(
    case: PreprocessedCase, config: SamplingConfig, window_hu: tuple[float, float], rng: np.random.Generator
) -> Centres:
    """The centres of a preprocessed case under a sampling configuration.

    Args:
        window_hu: the HU that the case's first channel maps to -1 and 1.
    """
    negatives = case_regions(case, config, window_hu)
    return draw_centres(case.lesion_DHW, negatives, config.shares, config.num_patches_per_case, rng)
