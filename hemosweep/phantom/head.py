"""Everything around the brain: intracranial cavity, skull, scalp, face and neck, on the model grid."""

from dataclasses import dataclass

import numpy as np

from hemosweep.phantom.fields import Array, ModelGrid, ellipsoid, inside, paint, step_up, texture

BASE_TOP_MM = -5.0
AIR_HU, FAT_HU, SKIN_HU, SCALP_HU, MUSCLE_HU, CSF_HU = -995.0, -80.0, 30.0, 20.0, 52.0, 8.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """Model of the head without its brain: `hu` in HU and `cavity_mm`, the distance to the inner table of the skull
    (negative inside), both (D, H, W)."""

    hu: Array
    cavity_mm: Array


def make_head(grid: ModelGrid, rng: np.random.Generator, *, skull_mm: float) -> Head:
    """Draw a head; `skull_mm` is the mean thickness of the vault."""
    z, y, x = grid.z_D11, grid.y_1H1, grid.x_11W
    soft = grid.step_mm
    lumpy = texture(rng, 9.0, z, y, x)
    cavity, below_floor = _cavity(z, y, x, lumpy)
    skin_depth = -_outline(z, y, x)
    hu = np.full(grid.shape_DHW, AIR_HU, dtype=np.float32)
    _paint_soft_tissue(hu, z, y, x, skin_depth, cavity, lumpy, soft)
    # Face, base and neck lie in the lower part; the views spare the work above it.
    low = slice(0, int(np.searchsorted(z.ravel(), BASE_TOP_MM)))
    fine = texture(rng, 2.5, z[low], y, x)
    head_DHW = inside(-skin_depth[low], soft)
    _paint_base(hu[low], z[low], y, x, below_floor[low], head_DHW, fine, soft)
    # The vault: two dense tables with diploe between, thicker behind and in front of the midline.
    midline = np.exp(-((x / np.float32(16.0)) ** 2)) * (step_up(-y, 55.0, 80.0) + 0.7 * step_up(y, 60.0, 80.0))
    thickness = np.maximum(np.float32(skull_mm) + np.float32(0.9) * lumpy + np.float32(3.5) * midline, 3.0)
    across = cavity / thickness
    diploe = np.exp(-(((across - np.float32(0.5)) / np.float32(0.24)) ** 2))
    bone = 1700.0 - (800.0 + 90.0 * lumpy) * diploe + 60.0 * lumpy
    shell = inside(-cavity, soft) * inside(cavity - thickness, soft) * inside(np.float32(-62.0) - z, 6.0)
    paint(hu, shell, np.clip(bone, 650.0, 1800.0))
    frontal_sinus = ellipsoid(z, y, np.abs(x), (9.0, 87.5, -16.0), (9.0, 3.0, 11.0))
    paint(hu, inside(frontal_sinus, soft), AIR_HU)
    return Head(hu=hu, cavity_mm=cavity)


def _cavity(z: Array, y: Array, x: Array, lumpy: Array) -> tuple[Array, Array]:
    """Distance to the inner table, and to the skull's floor alone (positive below it); millimetres."""
    # In the axial plane an egg, blunter than an ellipse and wider behind.
    widening = np.float32(67.0) * (1.0 - 0.0011 * y)
    plane = np.abs(x / widening) ** np.float32(2.25) + np.abs(y / np.float32(83.5)) ** np.float32(2.25)
    up = np.where(z > 0, z / np.float32(75.0), z / np.float32(92.0))
    k = np.sqrt(plane + up * up)
    radius = np.sqrt(x * x + y * y + z * z)
    wall = radius * (1.0 - 1.0 / np.maximum(k, 1e-3))
    ax = np.abs(x)
    # Heights of the three fossae, joined at the sphenoid wing and at the petrous ridge.
    roof = np.exp(-(((ax - 27.0) / 13.0) ** 2) - ((y - 54.0) / 18.0) ** 2)  # of the orbit
    anterior = -35.0 + 0.24 * (y - 30.0) + 7.0 * roof
    middle = -49.0 + 0.006 * (ax - 38.0) ** 2
    posterior = -66.0 + 0.008 * (np.maximum(ax - 20.0, 0.0) ** 2 + np.maximum(-y - 55.0, 0.0) ** 2)
    ridge_y = 12.0 - 0.62 * ax
    is_front = step_up(y - 0.12 * ax, 20.0, 36.0)
    is_back = step_up(ridge_y - y, -4.0, 6.0)
    floor = middle + is_front * (anterior - middle) + is_back * (posterior - middle)
    petrous = -32.0 - 0.10 * ax - ((y - ridge_y) / 3.6) ** 2
    petrous = np.where(ax > 12.0, petrous, -200.0)
    sella = -28.0 - 0.03 * np.maximum(ax - 8.0, 0.0) ** 3 - 0.05 * np.maximum(y - 20.0, 0.0) ** 2
    clivus = sella - 1.35 * np.maximum(16.0 - y, 0.0)
    floor = np.maximum(np.maximum(floor, petrous), clivus).astype(np.float32)
    # The floor is uneven; the vault is smooth inside.
    below_floor = floor - z + np.float32(1.3) * lumpy
    return np.maximum(wall, np.float32(0.75) * below_floor), below_floor


def _outline(z: Array, y: Array, x: Array) -> Array:
    """Distance to the skin (positive outside): an ovoid above, elliptical sections through face and neck below."""
    knots = (-116.0, -100.0, -80.0, -50.0, 0.0)
    half_width = np.interp(z, knots, (58.0, 60.0, 70.0, 77.0, 80.0)).astype(np.float32)
    half_length = np.interp(z, knots, (66.0, 76.0, 90.0, 97.0, 97.0)).astype(np.float32)
    middle = np.interp(z, knots, (-16.0, -6.0, 4.0, 3.0, 0.0)).astype(np.float32)
    up = np.maximum(z, 0.0) / np.float32(88.0)
    narrow = np.where(y > 0, 1.0 - 0.0008 * y, 1.0).astype(np.float32)
    yc = y - middle
    power = np.float32(2.25)
    k = np.sqrt(np.abs(x / (half_width * narrow)) ** power + np.abs(yc / half_length) ** power + up**2)
    radius = np.sqrt(x * x + yc * yc + np.maximum(z, 0.0) ** 2)
    outline = radius * (1.0 - 1.0 / np.maximum(k, 1e-3))
    nose = ellipsoid(z, y, x, (0.0, 98.0, -62.0), (11.0, 14.0, 20.0))
    ear = ellipsoid(z, y, np.abs(x), (80.0, -12.0, -48.0), (7.0, 13.0, 24.0))
    skin: Array = np.minimum(np.minimum(outline, nose), ear)
    return skin


def _paint_soft_tissue(
    hu: Array,
    z: Array,
    y: Array,
    x: Array,
    skin_depth: Array,
    cavity: Array,
    lumpy: Array,
    soft: float,
) -> None:
    """Skin, subcutaneous fat, galea, the temporal muscles, and muscle below the skull."""
    head = inside(-skin_depth, soft)
    paint(hu, head, MUSCLE_HU)
    over_vault = step_up(z, -60.0, -40.0)
    paint(hu, head * over_vault * inside(-cavity, soft), SCALP_HU)
    subcutaneous = inside(2.2 - skin_depth, soft) * inside(skin_depth - (4.6 + 1.2 * lumpy), soft)
    paint(hu, subcutaneous, FAT_HU)
    temporal = ellipsoid(z, y, np.abs(x), (72.0, 28.0, -22.0), (10.0, 36.0, 44.0))
    paint(hu, inside(temporal, soft) * inside(3.5 - skin_depth, soft), MUSCLE_HU)


def _paint_base(
    hu: Array, z: Array, y: Array, x: Array, below_floor: Array, head_DHW: Array, fine: Array, soft: float
) -> None:
    """Fat between the muscles, bone of base and face, mastoid cells, orbits, sinuses, airway, jaw and spine."""
    ax = np.abs(x)
    paint(hu, head_DHW * inside(0.6 - fine, 0.6) * inside(3.0 - below_floor, soft), FAT_HU)
    facial = inside(ellipsoid(z, y, x, (0.0, 52.0, -62.0), (52.0, 40.0, 34.0)), soft)
    walls = np.abs(fine) < 0.22
    paint(hu, facial * walls, 500.0)
    floor_bone = inside(-below_floor, soft) * inside(below_floor - 4.0 - 2.5 * step_up(-y, -25.0, 0.0), soft)
    floor_bone = floor_bone * inside(ellipsoid(z, y, x, (0.0, -4.0, -40.0), (70.0, 92.0, 40.0)), soft)
    paint(hu, floor_bone, 950.0 + 120.0 * fine)
    ridge = np.abs(y - (12.0 - 0.62 * ax)) - np.float32(9.0)
    pyramid = np.maximum(np.maximum(ridge, ax - 64.0), np.maximum(10.0 - ax, -58.0 - z))
    paint(hu, inside(pyramid, soft) * inside(-below_floor, soft), 1250.0 + 150.0 * fine)
    mastoid = ellipsoid(z, y, ax, (55.0, -24.0, -54.0), (11.0, 15.0, 17.0))
    paint(hu, inside(mastoid, soft) * inside(-below_floor, soft), np.where(fine > -0.1, -650.0, 700.0))
    canal = np.maximum(np.hypot(z + 50.0, y + 10.0) - 4.0, 44.0 - ax)
    paint(hu, inside(canal, soft), AIR_HU)
    _paint_orbits(hu, z, y, ax, below_floor, soft)
    for centre, radii in (
        ((0.0, 24.0, -42.0), (14.0, 11.0, 9.0)),  # sphenoid sinus
        ((8.0, 58.0, -46.0), (7.0, 24.0, 13.0)),  # ethmoid cells
        ((29.0, 62.0, -80.0), (14.0, 16.0, 14.0)),  # maxillary sinuses
        ((7.0, 60.0, -76.0), (6.0, 34.0, 16.0)),  # nasal cavity
    ):
        sinus = ellipsoid(z, y, ax, centre, radii)
        paint(hu, inside(sinus - 1.8, soft) * inside(-below_floor, soft), 650.0)
        paint(hu, inside(sinus, soft) * inside(-below_floor, soft), AIR_HU)
    septa = np.minimum(np.abs(np.mod(y, np.float32(11.0)) - 5.5) + 4.0 * (ax > 15.0), ax)
    ethmoid = ellipsoid(z, y, ax, (8.0, 58.0, -46.0), (7.0, 24.0, 13.0))
    paint(hu, inside(septa - 0.7, soft) * inside(ethmoid, soft) * inside(-below_floor, soft), 250.0)
    airway = np.maximum(np.hypot(x / 1.4, y - 12.0) - 8.0, z + 66.0)
    paint(hu, inside(airway, soft), AIR_HU)
    jaw = np.maximum(np.hypot(ax - 50.0, (y - 22.0) / 3.5) - 4.5, z + 56.0)
    paint(hu, inside(jaw, soft), 1000.0)
    zygoma = np.abs(np.hypot(x / 0.78, y - 10.0) - 82.0) + 1.5 * np.maximum(np.abs(z + 60.0) - 5.0, 0.0)
    paint(hu, inside(zygoma - 2.5, soft) * (y > 8.0) * (ax > 40.0), 900.0)
    # The spinal canal below the foramen magnum, in a ring of bone.
    canal_mm = np.maximum(np.hypot(x, y + 30.0) - 12.0, z + 66.0)
    ring = inside(canal_mm - 9.0, soft) * inside(z + 74.0, soft)
    paint(hu, ring, 550.0 + 150.0 * fine)
    paint(hu, inside(canal_mm, soft), CSF_HU)
    paint(hu, inside(np.maximum(np.hypot(x / 1.3, y + 30.0) - 5.5, z + 64.0), soft), 32.0)


def _paint_orbits(hu: Array, z: Array, y: Array, ax: Array, below_floor: Array, soft: float) -> None:
    """A cone of fat in bone, with the globe, its lens and the rectus muscles."""
    axis_x = 31.0 - 0.32 * (82.0 - y)
    cone = np.hypot(ax - axis_x, z + 49.0) - np.clip(18.0 - 0.33 * (82.0 - y), 2.0, 18.5)
    cone = np.maximum(cone, 36.0 - y)
    outside_brain = inside(-below_floor, soft)
    paint(hu, inside(cone - 2.2, soft) * inside(y - 78.0, soft) * outside_brain, 800.0)
    paint(hu, inside(cone, soft) * inside(y - 97.0, soft) * outside_brain, FAT_HU)
    muscle = np.abs(np.hypot(ax - axis_x, z + 49.0) - np.clip(11.0 - 0.2 * (82.0 - y), 1.5, 11.0)) - 1.2
    four = np.minimum(np.abs(ax - axis_x), np.abs(z + 49.0)) - 3.0
    paint(hu, inside(np.maximum(np.maximum(muscle, four), cone), soft) * (y < 84.0), 45.0)
    nerve = np.maximum(np.hypot(ax - axis_x, z + 49.0) - 2.0, np.maximum(y - 76.0, 38.0 - y))
    paint(hu, inside(nerve, soft) * outside_brain, 30.0)
    globe = ellipsoid(z, y, ax, (32.0, 86.0, -49.0), (12.0, 12.0, 12.0))
    paint(hu, inside(globe, soft), 40.0)
    paint(hu, inside(globe + 1.5, soft), 12.0)
    paint(hu, inside(ellipsoid(z, y, ax, (32.0, 95.0, -49.0), (4.5, 2.0, 4.5)), soft), 75.0)
