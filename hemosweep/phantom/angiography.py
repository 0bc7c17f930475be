"""Vessels of a CT angiography: arteries of neck and circle of Willis with branches, and the dural sinuses."""

from itertools import pairwise

import numpy as np

from hemosweep.phantom.fields import Array, ModelGrid

Knots = tuple[tuple[float, float, float, float], ...]  # x, y, z, radius (template millimetres)

_PAIRED: tuple[Knots, ...] = (
    # Internal carotid: neck, petrous part, siphon, top.
    (
        (30, -8, -116, 3.0),
        (27, -6, -80, 2.8),
        (24, 2, -58, 2.6),
        (14, 8, -46, 2.5),
        (11, 18, -36, 2.4),
        (11, 14, -26, 2.2),
    ),
    # Middle cerebral artery with two trunks over the insula and their branches.
    ((11, 14, -26, 2.0), (24, 17, -23, 1.8), (36, 18, -18, 1.7)),
    ((36, 18, -18, 1.5), (39, 10, -6, 1.4), (40, -6, 2, 1.3), (56, -16, 12, 1.1), (60, -34, 24, 0.9)),
    ((36, 18, -18, 1.4), (41, 22, -8, 1.3), (50, 28, 8, 1.1), (52, 20, 36, 0.9)),
    ((40, -6, 2, 1.2), (55, -2, 20, 1.0), (52, -6, 44, 0.8)),
    # Anterior cerebral artery over the corpus callosum.
    ((11, 14, -26, 1.5), (2, 22, -22, 1.4), (2, 44, -8, 1.3), (2, 54, 10, 1.2), (2, 36, 32, 1.1), (2, 0, 38, 0.9)),
    # Posterior communicating and posterior cerebral arteries.
    ((11, 14, -26, 0.9), (8, 2, -24, 0.9)),
    ((1, 8, -26, 1.6), (15, 0, -22, 1.5), (20, -16, -16, 1.3), (14, -44, -6, 1.1), (10, -70, 4, 0.8)),
    # Vertebral artery.
    ((22, -30, -116, 2.2), (22, -30, -80, 2.2), (14, -30, -70, 2.1), (2, 2, -50, 2.0)),
    # Transverse and sigmoid sinus into the jugular vein.
    (
        (0, -86, -26, 3.8),
        (40, -68, -30, 3.8),
        (57, -38, -36, 3.8),
        (44, -24, -56, 3.8),
        (36, -14, -80, 4.2),
        (38, -14, -116, 4.5),
    ),
    # External carotid in the neck.
    ((34, 2, -116, 2.0), (38, 6, -90, 1.6)),
)
_SINGLE: tuple[Knots, ...] = (
    ((0, 3, -50, 2.0), (0, 9, -38, 1.9), (0, 8, -26, 1.8)),  # basilar artery
    # Superior sagittal sinus under the vault, and straight sinus.
    (
        (0, 78, 14, 1.6),
        (0, 62, 46, 2.4),
        (0, 26, 68, 3.0),
        (0, -24, 68, 3.4),
        (0, -64, 44, 3.6),
        (0, -79, 8, 3.8),
        (0, -83, -26, 4.0),
    ),
    ((0, -26, -4, 2.2), (0, -60, -14, 2.4), (0, -83, -26, 2.6)),
)


def paint_vessels(hu_DHW: Array, grid: ModelGrid, peak_hu: float, rng: np.random.Generator) -> Array:
    """Paint contrast-filled vessels of `peak_hu` into a copy of the head and return it.

    Every vessel is a chain of balls; its course bends by a few millimetres from case to case, on both sides alike.
    """
    bend = rng.normal(0.0, 1.2, (64, 3))
    courses = [*_SINGLE]
    for knots in _PAIRED:
        courses += [knots, tuple((-x, y, z, radius) for x, y, z, radius in knots)]
    contrast = np.zeros(grid.shape_DHW, dtype=np.float32)
    for knots in courses:
        for (x0, y0, z0, r0), (x1, y1, z1, r1) in pairwise(knots):
            length = float(np.hypot(np.hypot(x1 - x0, y1 - y0), z1 - z0))
            num_balls = max(2, int(length / max(0.5 * min(r0, r1), 0.5 * grid.step_mm)))
            for t in np.linspace(0.0, 1.0, num_balls):
                x, y, z, radius = ((1.0 - t) * np.array((x0, y0, z0, r0)) + t * np.array((x1, y1, z1, r1))).tolist()
                wave = bend[int(abs(y) / 9.0) % 64] * min(t, 1.0 - t) * 2.0
                _ball(contrast, grid, x + np.sign(x) * wave[0], y + wave[1], z + wave[2], radius)
    return hu_DHW + contrast * (np.float32(peak_hu) - hu_DHW)


def _ball(contrast: Array, grid: ModelGrid, x: float, y: float, z: float, radius: float) -> None:
    """Raise `contrast` to the volume fraction of a ball in its bounding box."""
    axes = []
    for centre, axis in zip((z, y, x), (grid.z_D11, grid.y_1H1, grid.x_11W), strict=True):
        line = axis.ravel()
        reach = radius + grid.step_mm
        first, last = np.searchsorted(line, (centre - reach, centre + reach))
        axes.append((slice(int(first), int(last)), line[first:last] - np.float32(centre)))
    (along_d, dz), (along_h, dy), (along_w, dx) = axes
    box = contrast[along_d, along_h, along_w]
    if box.size:
        distance = np.sqrt(dz[:, None, None] ** 2 + dy[None, :, None] ** 2 + dx[None, None, :] ** 2)
        fraction = np.clip(np.float32(0.5) - (distance - np.float32(radius)) / np.float32(grid.step_mm), 0.0, 1.0)
        np.maximum(box, fraction, out=box)
