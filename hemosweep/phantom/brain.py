"""The brain: cortex with sulci, white matter, deep nuclei, ventricles, cisterns, cerebellum, falx, calcifications.

Works on a flat list of the points inside the skull, in template millimetres. Positions follow the MNI atlas, moved to
the phantom's origin (17 mm behind and 8 mm above the anterior commissure) and scaled to the phantom's cavity.
"""

from dataclasses import dataclass

import numpy as np

from hemosweep.arrays import Mask
from hemosweep.phantom.fields import Array, ModelGrid, ellipsoid, inside, paint, step_up, texture, texture_at, tube
from hemosweep.phantom.head import CSF_HU

WHITE_HU, GREY_HU, FALX_HU = 26.0, 34.0, 46.0


@dataclass(frozen=True, kw_only=True, slots=True)
class BrainPoints:
    """Points inside the skull: template coordinates and depth below the inner table (millimetres).

    `inner_DHW` says which points of `grid` they are.
    """

    grid: ModelGrid
    inner_DHW: Mask
    z: Array
    y: Array
    x: Array
    depth: Array

    def texture(self, rng: np.random.Generator, blur_mm: float) -> Array:
        """Random field of unit standard deviation at the points."""
        field: Array = texture(rng, blur_mm, self.grid.z_D11, self.grid.y_1H1, self.grid.x_11W)[self.inner_DHW]
        return field


@dataclass(frozen=True, kw_only=True, slots=True)
class BrainTraits:
    """Features that differ between brains.

    `atrophy` runs from 0 (young) to 1 (old) and widens sulci and cisterns; `ventricle_mm` is added to the radii of the
    ventricles; `calcification_hu` is that of pineal gland and choroid plexus (0: none).
    """

    atrophy: float
    ventricle_mm: float
    calcification_hu: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Brain:
    """Brain at the given points: `hu`, distance to the ventricles (`ventricle_mm`, negative inside), and the parts that
    lesions are placed in: `fissure_mm` (distance to midline fissure and tentorium, supratentorial only),
    `cerebellum` and `stem` (volume fractions)."""

    hu: Array
    ventricle_mm: Array
    fissure_mm: Array
    cerebellum: Array
    stem: Array


def ventricles_mm(at: BrainPoints, grow_mm: float) -> Array:
    """Distance to the lateral, third and fourth ventricles (negative inside), every radius grown by `grow_mm`."""
    z, y, ax = at.z, at.y, np.abs(at.x)
    side = [
        tube(
            z, y, ax, [(11.0, 50.0, -7.0, 2.0), (9.5, 38.0, 2.0, 4.0), (6.5, 18.0, 10.0, 4.2)]
        ),  # frontal horn to the foramen
        tube(z, y, ax, [(6.5, 18.0, 10.0, 4.2), (11.0, 2.0, 17.5, 4.8), (17.0, -14.0, 15.0, 5.2)]),  # body
        tube(
            z,
            y,
            ax,
            [(17.0, -14.0, 14.0, 5.0), (25.0, -26.0, 4.0, 5.5), (23.0, -42.0, 0.0, 3.2), (19.0, -54.0, -1.0, 0.5)],
        ),  # trigone and occipital horn
        tube(
            z,
            y,
            ax,
            [(25.0, -26.0, 4.0, 4.5), (31.0, -18.0, -10.0, 2.2), (31.0, -4.0, -21.0, 1.6), (27.0, 8.0, -27.0, 1.0)],
        ),  # temporal horn
    ]
    lateral = np.minimum(np.minimum(side[0], side[1]), np.minimum(side[2], side[3]))
    third = ellipsoid(z, y, at.x, (0.0, 2.0, -10.0), (2.0 + 0.5 * grow_mm, 15.0, 10.0)) + np.float32(0.5 * grow_mm)
    fourth = ellipsoid(z, y, at.x, (0.0, -25.0, -41.0), (6.5, 5.0, 10.0)) + np.float32(0.7 * grow_mm)
    aqueduct = tube(z, y, at.x, [(0.0, -12.0, -14.0, 0.9), (0.0, -22.0, -33.0, 0.9)]) + np.float32(grow_mm)
    # The septum pellucidum keeps the two sides apart.
    lateral = np.maximum(lateral - np.float32(grow_mm), np.float32(0.8) - ax)
    middle = np.minimum(third, np.minimum(fourth, aqueduct)) - np.float32(grow_mm)
    nearest: Array = np.minimum(lateral, middle)
    return nearest


def make_brain(
    at: BrainPoints, moved: BrainPoints, traits: BrainTraits, soft: float, rng: np.random.Generator
) -> Brain:
    """Draw a brain at the points `at`; deep structures are looked up at `moved`, where a mass pushed them from."""
    z, y, x, depth = at.z, at.y, at.x, at.depth
    ax = np.abs(x)
    folds = _sulcus_mm(at, rng)
    lumpy = at.texture(rng, 9.0)
    tissue = at.texture(rng, 2.5)
    tent = -9.0 - 0.42 * ax - 0.10 * np.abs(y + 25.0)
    tent_mm = z - tent  # positive above
    hind = np.maximum(tent_mm, y + 14.0 - 0.25 * ax)
    cerebellum = inside(hind, soft)
    stem_mm = _stem_mm(at)
    stem = inside(stem_mm, soft)
    cerebrum = (1.0 - cerebellum) * (1.0 - stem)

    hu = np.full(x.shape, WHITE_HU, dtype=np.float32)
    fold_depth = 15.0 + 4.0 * lumpy
    is_sulcus_zone = step_up(fold_depth - depth, 0.0, 4.0)
    cortex = np.maximum(inside(depth - 5.0, 3.0), inside(folds - 3.2, 2.5) * is_sulcus_zone)
    fissure_mm = _midline_mm(at)
    cortex = np.maximum(cortex, inside(fissure_mm - (3.2 + 1.2 * lumpy), 3.0))
    sylvian_mm = _sylvian_mm(at, lumpy)
    cortex = np.maximum(cortex, inside(sylvian_mm - 4.5, 3.0))
    paint(hu, cortex, GREY_HU)
    _paint_nuclei(hu, moved)
    paint(hu, cerebellum, 30.0 + 2.0 * tissue + 2.0 * inside(np.abs(ax - 22.0) - 9.0, 8.0))
    paint(hu, stem, 29.5)
    hu += 0.8 * tissue

    wide = traits.atrophy
    _paint_csf(hu, at, folds, fold_depth, sylvian_mm, fissure_mm, cerebrum, cerebellum, stem_mm, wide, lumpy, soft)
    falx = 0.8 * inside(ax - 0.4, soft) * _falx_zone(at)
    paint(hu, falx, FALX_HU)
    sinus = np.hypot(x / 1.3, depth - 3.0) - 4.0
    paint(hu, inside(sinus, soft) * inside(-z - 8.0, 6.0) * inside(y - 45.0, 20.0), 48.0)
    paint(hu, inside(np.abs(tent_mm) - 0.7, soft) * inside(y + 14.0 - 0.25 * ax, 4.0) * inside(18.0 - ax, 6.0), 40.0)
    ventricle_mm = ventricles_mm(moved, traits.ventricle_mm)
    paint(hu, inside(ventricle_mm, soft), CSF_HU)
    if traits.calcification_hu > 0:
        _paint_calcifications(hu, moved, traits, rng, soft)
    supratentorial_mm = np.minimum(fissure_mm, np.where(hind < 4.0, np.float32(0.0), np.float32(99.0)))
    return Brain(hu=hu, ventricle_mm=ventricle_mm, fissure_mm=supratentorial_mm, cerebellum=cerebellum, stem=stem)


def _sulcus_mm(at: BrainPoints, rng: np.random.Generator) -> Array:
    """Distance to sulci: zero crossings of a random field that varies along the skull, hardly into the depth."""
    radius = np.sqrt(at.x * at.x + at.y * at.y + at.z * at.z) + np.float32(1.0)
    shrink = (np.float32(66.0) + np.float32(0.22) * (radius - np.float32(66.0))) / radius
    field = texture_at(rng, 3.0, at.z * shrink, at.y * shrink, at.x * shrink)
    return np.abs(field) * np.float32(4.2)


def _midline_mm(at: BrainPoints) -> Array:
    """Distance to the interhemispheric fissure above and around the corpus callosum."""
    outside = np.sqrt(((at.y - 2.0) / 52.0) ** 2 + ((at.z - 4.0) / 27.0) ** 2) - 1.0
    fissure: Array = np.maximum(np.abs(at.x), np.maximum(-outside * 27.0, -20.0 - at.z))
    return fissure


def _falx_zone(at: BrainPoints) -> Array:
    """Region in which the falx hangs into the fissure: deep behind, shallow in front."""
    reach = 22.0 + 20.0 * step_up(-at.y, -40.0, 30.0)
    return inside(at.depth - reach, 3.0) * inside(-8.0 - at.z, 3.0)


def _sylvian_mm(at: BrainPoints, lumpy: Array) -> Array:
    """Distance to the Sylvian fissure: a gap from the temporal pole backwards, and the cleft over the insula."""
    ax = np.abs(at.x)
    level = -9.0 - 0.32 * (at.y - 15.0) + 2.5 * lumpy
    ends = np.maximum(at.y - 33.0, -14.0 - at.y)
    gap = np.maximum(np.maximum(np.abs(at.z - level), 37.0 - ax), ends)
    insula = np.maximum(
        np.maximum(np.abs(ax - 39.0 + 0.008 * (at.y - 10.0) ** 2 + 0.8 * lumpy), np.abs(at.z - level) - 10.0), ends
    )
    nearest: Array = np.minimum(gap, insula)
    return nearest


def _stem_mm(at: BrainPoints) -> Array:
    """Distance to midbrain, pons and medulla (negative inside)."""
    return tube(
        at.z,
        at.y,
        at.x * np.float32(0.85),
        [(0.0, -6.0, -12.0, 12.0), (0.0, -6.0, -24.0, 12.0), (0.0, -9.0, -38.0, 13.0), (0.0, -24.0, -70.0, 7.0)],
    )


def _paint_nuclei(hu: Array, moved: BrainPoints) -> None:
    z, y, ax = moved.z, moved.y, np.abs(moved.x)
    for centre, radii in (
        ((24.5, 17.0, -6.0), (6.0, 18.0, 11.0)),  # lentiform nucleus
        ((12.0, 0.0, 0.0), (8.5, 14.0, 9.5)),  # thalamus
        ((15.0, 31.0, 0.0), (5.0, 11.0, 10.0)),  # head of the caudate
    ):
        paint(hu, inside(ellipsoid(z, y, ax, centre, radii), 3.0), 36.0)


def _paint_csf(
    hu: Array,
    at: BrainPoints,
    folds: Array,
    fold_depth: Array,
    sylvian_mm: Array,
    fissure_mm: Array,
    cerebrum: Array,
    cerebellum: Array,
    stem_mm: Array,
    wide: float,
    lumpy: Array,
    soft: float,
) -> None:
    """Subarachnoid space: under the skull, in sulci and fissures, and the cisterns around the brainstem."""
    z, y, x, depth = at.z, at.y, at.x, at.depth
    ax = np.abs(x)
    taper = np.clip(1.0 - depth / fold_depth, 0.0, 1.0)
    half_width = (0.4 + 1.5 * wide) * (0.4 + 0.6 * taper) + 0.5 * lumpy * wide
    convexity = 0.35 + 0.65 * step_up(z, -10.0, 30.0)
    sulci = inside(folds - half_width * convexity, soft) * step_up(taper, 0.0, 0.15) * cerebrum
    paint(hu, sulci, CSF_HU)
    paint(hu, inside(depth - (0.6 + 1.4 * wide), soft), CSF_HU)
    frontal = 0.5 + 0.8 * step_up(y, 20.0, 50.0)
    paint(hu, inside(fissure_mm - (0.3 + 1.5 * wide) * frontal, soft) * cerebrum, CSF_HU)
    paint(hu, inside(sylvian_mm - (0.9 + 2.0 * wide + 0.5 * lumpy), soft) * cerebrum, CSF_HU)
    angle = np.arctan2(x, y - 14.0)
    star = np.hypot(x, y - 14.0) - (7.0 + 2.0 * wide + 2.2 * np.cos(5.0 * angle))
    suprasellar = np.maximum(star, np.abs(z + 24.0) - 7.0)
    ambient = np.maximum(np.abs(stem_mm - 1.6) - (0.8 + 1.3 * wide), np.maximum(np.abs(z + 19.0) - 10.0, y + 5.0))
    interpeduncular = ellipsoid(z, y, x, (0.0, 6.5, -23.0), (3.5 + wide, 5.0, 8.0))
    prepontine = np.maximum(np.maximum(np.abs(stem_mm - 1.5) - 1.6, z + 27.0), -y)
    quadrigeminal = ellipsoid(z, y, x, (0.0, -23.0, -14.0), (11.0, 4.0 + 2.0 * wide, 5.0))
    magna = ellipsoid(z, y, x, (0.0, -52.0, -63.0), (15.0 + 6.0 * wide, 9.0, 7.0))
    for cistern in (suprasellar, interpeduncular, ambient, prepontine, quadrigeminal, magna):
        paint(hu, inside(cistern, soft), CSF_HU)
    folia = np.abs(np.mod(np.sqrt(x * x + (y + 20.0) ** 2 + (z + 20.0) ** 2), np.float32(6.0)) - 3.0)
    paint(hu, 0.5 * inside(folia - 0.4 - 0.4 * wide, soft) * cerebellum * inside(depth - 12.0, 6.0), CSF_HU)
    paint(
        hu, inside(np.maximum(np.maximum(depth - 99.0, 12.0 - stem_mm), np.maximum(z + 60.0, ax - 20.0)), soft), CSF_HU
    )


def _paint_calcifications(
    hu: Array, moved: BrainPoints, traits: BrainTraits, rng: np.random.Generator, soft: float
) -> None:
    """Pineal gland, and the choroid plexus in the trigones (often of one side more than the other)."""
    peak = traits.calcification_hu
    pineal = ellipsoid(moved.z, moved.y, moved.x, (0.0, -13.0, -5.0), (2.6, 3.2, 3.2))
    paint(hu, inside(pineal, soft), peak)
    for side in (-1.0, 1.0):
        size = float(rng.uniform(0.0, 3.4))
        centre = (side * 24.0, -26.0 + float(rng.uniform(-2, 2)), 3.0)
        if size > 1.0:
            plexus = ellipsoid(moved.z, moved.y, moved.x, centre, (0.8 * size, 1.2 * size, 1.6 * size))
            paint(hu, inside(plexus, soft), 0.8 * peak)
