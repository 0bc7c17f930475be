"""The surface metrics against MONAI's, which looks the surface elements up in DeepMind's published table."""

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from hemosweep.arrays import Mask, Spacing
from hemosweep.scores.marching_cubes import element_areas_mm2
from hemosweep.scores.surface import (
    average_distance_mm,
    hausdorff95_mm,
    normalised_surface_dice,
    surface_distances,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning"),  # MONAI warns of its own call
]

SPACINGS = st.tuples(*[st.sampled_from([0.45, 0.7, 1.0, 2.5, 4.5])] * 3)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 7))
TOLERANCES_MM = st.sampled_from([0.1, 1.01, 2.01, 3.3])  # none of them a distance between elements


@pytest.fixture(scope="module")
def monai() -> ModuleType:
    """Imported when the first test runs: it takes seconds, which collecting the tests must not."""
    import monai.metrics

    return monai


@st.composite
def mask_pairs(draw: st.DrawFn) -> tuple[Mask, Mask]:
    shape = draw(SHAPES)
    masks = hnp.arrays(bool, shape).filter(np.any)
    return draw(masks), draw(masks)


def lesion(seed: int) -> Mask:
    """A lumpy lesion of about 20 mL with a satellite, on a head CT's grid."""
    rng = np.random.default_rng(seed)
    z, y, x = np.ogrid[-7:8, -50:50, -50:50]
    noise = ndimage.gaussian_filter(rng.standard_normal((15, 100, 100)), (1, 6, 6))
    radius_mm = np.sqrt((4.5 * z) ** 2 + (0.45 * y) ** 2 + (0.45 * x) ** 2)
    mask_DHW: Mask = radius_mm + 60.0 * noise < 15.0
    mask_DHW[2:4, 80:90, 5:15] = True
    return mask_DHW


def in_batch(mask: Mask) -> torch.Tensor:
    return torch.from_numpy(mask)[None, None]


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (4.5, 0.45, 0.45), (1.0, 2.0, 3.0), (0.7, 0.3, 2.2)])
def test_the_computed_areas_are_those_of_the_published_table(monai: ModuleType, spacing_mm: Spacing) -> None:
    table, _ = monai.metrics.utils.get_code_to_measure_table(spacing_mm)
    # There the first of the eight voxels is the highest bit, here the lowest.
    reversed_code = [int(f"{code:08b}"[::-1], 2) for code in range(256)]
    assert element_areas_mm2(spacing_mm)[reversed_code] == pytest.approx(table.double().numpy(), rel=1e-6)


@given(masks=mask_pairs(), spacing_mm=SPACINGS, tolerance_mm=TOLERANCES_MM)
def test_surface_dice_is_monais(
    monai: ModuleType, masks: tuple[Mask, Mask], spacing_mm: Spacing, tolerance_mm: float
) -> None:
    check_surface_dice(monai, *masks, spacing_mm, tolerance_mm)


@pytest.mark.parametrize("shift", [(0, 0, 3), (1, 0, 0), (0, -5, 4), (2, 9, 0)])
def test_surface_dice_of_a_lesion_and_its_shifted_prediction_is_monais(
    monai: ModuleType, shift: tuple[int, int, int]
) -> None:
    prediction = np.roll(lesion(1), shift, axis=(0, 1, 2))
    check_surface_dice(monai, prediction, lesion(0), (4.5, 0.45, 0.45), 2.0)


def check_surface_dice(
    monai: ModuleType, prediction: Mask, reference: Mask, spacing_mm: Spacing, tolerance_mm: float
) -> None:
    theirs = monai.metrics.compute_surface_dice(
        in_batch(prediction),
        in_batch(reference),
        [tolerance_mm],
        include_background=True,
        spacing=spacing_mm,
        use_subvoxels=True,
    )
    distances = surface_distances(prediction, reference, spacing_mm)
    assert normalised_surface_dice(distances, tolerance_mm) == pytest.approx(float(theirs), rel=1e-5)


@given(masks=mask_pairs(), spacing_mm=SPACINGS)
def test_distances_are_monais_and_their_mean_and_quantile_follow(
    monai: ModuleType, masks: tuple[Mask, Mask], spacing_mm: Spacing
) -> None:
    edges, both_mm, both_mm2 = monai.metrics.utils.get_edge_surface_distance(
        *map(torch.from_numpy, masks), spacing=spacing_mm, use_subvoxels=True, symmetric=True
    )
    directions = [
        sorted(zip(mm.double().tolist(), mm2[edge].double().tolist(), strict=True))
        for edge, mm, mm2 in zip(edges, both_mm, both_mm2, strict=True)
    ]
    distances = surface_distances(*masks, spacing_mm)
    total_mm2 = sum(mm2 for direction in directions for _, mm2 in direction)
    mean_mm = sum(mm * mm2 for direction in directions for mm, mm2 in direction) / total_mm2
    assert average_distance_mm(distances) == pytest.approx(mean_mm, rel=1e-5, abs=1e-6)
    assert hausdorff95_mm(distances) == pytest.approx(max(map(smallest_of_95_percent, directions)), abs=1e-5)


def smallest_of_95_percent(direction: list[tuple[float, float]]) -> float:
    total_mm2 = math.fsum(mm2 for _, mm2 in direction)
    covered_mm2 = 0.0
    for mm, mm2 in direction:
        covered_mm2 += mm2
        if covered_mm2 >= 0.95 * total_mm2 * (1.0 - 1e-6):
            return mm
    raise AssertionError("the areas add up to less than their sum")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_on_a_fine_grid_monais_distances_over_boundary_voxels_differ_by_half_a_voxel_at_most(
    monai: ModuleType, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    z, y, x = np.ogrid[-20:20, -20:20, -20:20]
    noise = ndimage.gaussian_filter(rng.standard_normal((2, 40, 40, 40)), (0, 4, 4, 4))
    prediction, reference = np.sqrt(z**2 + y**2 + x**2) + 80.0 * noise < 12.0
    options: dict[str, Any] = {"include_background": True, "spacing": (1.0, 1.0, 1.0)}
    masks = in_batch(prediction), in_batch(reference)
    quantile_mm = float(monai.metrics.compute_hausdorff_distance(*masks, percentile=95, **options))
    mean_mm = float(monai.metrics.compute_average_surface_distance(*masks, symmetric=True, **options))
    distances = surface_distances(prediction, reference, (1.0, 1.0, 1.0))
    assert quantile_mm > 1.0
    assert hausdorff95_mm(distances) == pytest.approx(quantile_mm, abs=0.5)
    assert average_distance_mm(distances) == pytest.approx(mean_mm, abs=0.5)
