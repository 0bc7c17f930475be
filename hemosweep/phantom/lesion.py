"""Hemorrhages: their volumes and places, their shape, the blood in the ventricles, the mass effect."""

from dataclasses import dataclass, replace
from math import exp, log
from statistics import NormalDist

import numpy as np

from hemosweep.phantom.brain import Brain, BrainPoints
from hemosweep.phantom.fields import Array, inside, paint, step_up

# Share of each place among spontaneous hemorrhages, and the largest volume that fits there (mL).
LESION_TYPES: dict[str, tuple[float, float]] = {
    "deep": (0.55, 80.0),
    "lobar": (0.33, 95.0),
    "cerebellum": (0.08, 30.0),
    "brainstem": (0.04, 9.0),
}
EDEMA_HU = 23.0
MAX_SHIFT_MM, FADE_MM = 8.0, 60.0
# Quartiles of 115 cases; the logarithm is skewed, so each half of the normal law has its own scale.
QUARTILES_ML = (3.0, 9.0, 17.0)
IVH_QUARTILES_ML = (5.0, 11.4, 23.7)
UPPER_QUARTILE = NormalDist().inv_cdf(0.75)

_CENTRES: dict[str, tuple[tuple[float, float, float], ...]] = {  # right side, template millimetres
    "deep": ((25.0, 16.0, -3.0), (24.0, 10.0, 2.0), (13.0, 0.0, 1.0)),
    "lobar": ((27.0, 52.0, 20.0), (33.0, -28.0, 38.0), (46.0, 2.0, -28.0), (27.0, -55.0, 8.0), (34.0, 12.0, 40.0)),
    "cerebellum": ((22.0, -46.0, -40.0),),
    "brainstem": ((1.5, -8.0, -36.0),),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LesionTraits:
    """A hemorrhage before it is shaped: `kind` is a key of `LESION_TYPES`; `centre_XYZ_mm` in template coordinates."""

    kind: str
    volume_ml: float
    centre_XYZ_mm: tuple[float, float, float]
    hu: float
    edema_mm: float
    ivh_ml: float


def draw_volume_ml(rng: np.random.Generator, quartiles_ml: tuple[float, float, float] = QUARTILES_ML) -> float:
    """Volume of a two-piece lognormal law with the given quartiles (mL)."""
    low, middle, high = (log(quartile) for quartile in quartiles_ml)
    score = float(rng.standard_normal())
    width = (middle - low if score < 0 else high - middle) / UPPER_QUARTILE
    return exp(middle + width * score)


def draw_lesion(rng: np.random.Generator, *, has_ivh: bool, floor_ml: float) -> LesionTraits:
    """Draw place, volume and density; the volume is kept between `floor_ml` and what the place can hold.

    A large hemorrhage breaks into the ventricles more often than a small one: with IVH it is the larger one of two.
    """
    kinds = list(LESION_TYPES)
    kind = kinds[int(rng.choice(len(kinds), p=[LESION_TYPES[name][0] for name in kinds]))]
    drawn_ml = max(draw_volume_ml(rng) for _ in range(2 if has_ivh else 1))
    volume_ml = min(max(drawn_ml, floor_ml), LESION_TYPES[kind][1])
    centres = _CENTRES[kind]
    side = 1.0 if rng.random() < 0.5 else -1.0
    jitter = 1.5 if kind == "brainstem" else 4.5
    x, y, z = np.asarray(centres[int(rng.integers(len(centres)))]) + jitter * np.clip(rng.standard_normal(3), -2, 2)
    return LesionTraits(
        kind=kind,
        volume_ml=volume_ml,
        centre_XYZ_mm=(side * float(x), float(y), float(z)),
        hu=float(rng.uniform(57.0, 69.0)),
        edema_mm=float(rng.uniform(2.0, 6.0)) + 0.4 * volume_ml ** (1 / 3),
        ivh_ml=draw_volume_ml(rng, IVH_QUARTILES_ML) if has_ivh else 0.0,
    )


def push_away(at: BrainPoints, lesion: LesionTraits) -> tuple[BrainPoints, float]:
    """Place of each point before the hemorrhage grew, and the midline's shift (millimetres, positive to the right).

    A mass of radius R that grew from nothing takes a point now at distance d from (d^3 - R^3)^(1/3); half of R^3
    is used, fading with distance, and capped so that the midline moves by at most `MAX_SHIFT_MM`.
    """
    cx, cy, cz = lesion.centre_XYZ_mm
    radius = (lesion.volume_ml * 1000.0 * 3.0 / (4.0 * np.pi)) ** (1 / 3)
    grown_mm3 = 0.5 * radius**3
    room_mm = abs(cx) - MAX_SHIFT_MM * exp(abs(cx) / FADE_MM)
    if room_mm > 0:  # else the midline is too near to be pushed that far
        grown_mm3 = min(grown_mm3, abs(cx) ** 3 - room_mm**3)
    shift = (abs(cx) - float(np.cbrt(max(abs(cx) ** 3 - grown_mm3, 0.0)))) * exp(-abs(cx) / FADE_MM)
    if lesion.kind in ("cerebellum", "brainstem"):
        shift = 0.0
    dx, dy, dz = at.x - np.float32(cx), at.y - np.float32(cy), at.z - np.float32(cz)
    distance = np.sqrt(dx * dx + dy * dy + dz * dz) + np.float32(0.1)
    inner = np.cbrt(np.maximum(distance**3 - np.float32(grown_mm3), 0.0))
    firm = np.exp(-distance / np.float32(FADE_MM)) * step_up(at.depth, 0.0, 25.0)
    scale = 1.0 - firm * (1.0 - inner / distance)
    moved = replace(at, z=np.float32(cz) + dz * scale, y=np.float32(cy) + dy * scale, x=np.float32(cx) + dx * scale)
    return moved, -float(np.sign(cx)) * shift


def add_lesion(
    hu: Array,
    at: BrainPoints,
    brain: Brain,
    lesion: LesionTraits,
    voxel_ml: float,
    soft: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Paint edema, hemorrhage and ventricular blood into `hu`; returns their volume fractions (lesion, IVH).

    The border is irregular: an ellipsoid whose radius is shaken by two textures. Its level is chosen so that the volume
    inside the allowed tissue is the wanted one; ventricles, fissures and the brain's surface are not allowed.
    """
    cx, cy, cz = lesion.centre_XYZ_mm
    stretch = np.exp(rng.normal(0.0, 0.18, 3))
    if lesion.kind == "deep":
        stretch *= (0.8, 1.35, 1.0)
    stretch /= np.prod(stretch) ** (1 / 3)
    dx, dy, dz = (
        (axis - np.float32(middle)) / np.float32(size)
        for axis, middle, size in zip((at.x, at.y, at.z), (cx, cy, cz), stretch, strict=True)
    )
    shake = np.clip(0.20 * at.texture(rng, 6.0) + 0.09 * at.texture(rng, 2.5), -0.5, 0.5)
    level = np.sqrt(dx * dx + dy * dy + dz * dz) * (1.0 + shake)
    allowed = inside(3.0 - at.depth, soft) * inside(1.5 - brain.ventricle_mm, soft)
    if lesion.kind == "cerebellum":
        allowed = allowed * brain.cerebellum * (1.0 - brain.stem)
    elif lesion.kind == "brainstem":
        allowed = allowed * brain.stem
    else:
        allowed = allowed * inside(2.5 - brain.fissure_mm, soft) * (1.0 - brain.stem)
    border = _level_of_volume(level, allowed, lesion.volume_ml / voxel_ml)
    blood = inside(level - border, soft) * allowed
    edema = inside(level - (border + np.float32(lesion.edema_mm)) * (1.0 + 0.3 * shake), 3.0)
    clot = (lesion.hu + 2.0 * at.texture(rng, 2.5)).astype(np.float32)
    # Edema spares CSF and cortex: it only darkens what is brighter than itself, the cortex half.
    paint(hu, edema * allowed * np.where(hu > EDEMA_HU, np.float32(1.0), np.float32(0.0)), EDEMA_HU)
    ivh = np.zeros_like(blood)
    if lesion.ivh_ml > 0:
        ivh = _ventricular_blood(at, brain, lesion, voxel_ml, soft, shake) * (1.0 - blood)
        paint(hu, ivh, clot)
    paint(hu, blood, clot)
    return blood, ivh


def _level_of_volume(level: Array, allowed: Array, num_voxels: float) -> np.float32:
    """The level below which the allowed fractions add up to `num_voxels`."""
    order = np.argsort(level, kind="stable")
    volume = np.cumsum(allowed[order], dtype=np.float64)
    return np.float32(level[order[min(int(np.searchsorted(volume, num_voxels)), order.size - 1)]])


def _ventricular_blood(
    at: BrainPoints, brain: Brain, lesion: LesionTraits, voxel_ml: float, soft: float, shake: Array
) -> Array:
    """Blood fills the ventricles from the trigone on the lesion's side, sinking backwards, up to its drawn volume."""
    ventricle = inside(brain.ventricle_mm, soft)
    side = 1.0 if lesion.centre_XYZ_mm[0] >= 0 else -1.0
    from_breach = np.sqrt((at.x - side * 14.0) ** 2 + (at.y + 6.0) ** 2 + (at.z - 8.0) ** 2)
    order = (from_breach + 0.5 * at.y) * (1.0 + 0.2 * shake)
    target_voxels = min(lesion.ivh_ml / voxel_ml, 0.8 * float(ventricle.sum(dtype=np.float64)))
    return ventricle * inside(order - _level_of_volume(order, ventricle, target_voxels), 2.0 * soft)
