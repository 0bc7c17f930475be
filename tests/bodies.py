"""Scans of what is no head, made by code: for the tests that all of them are refused."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hemosweep.data.nifti import Volume
from hemosweep.phantom.case import make_phantom

Hu = NDArray[np.float32]
AIR_HU, FAT_HU, MUSCLE_HU, LUNG_HU, BONE_HU, MARROW_HU = -1000.0, -100.0, 50.0, -800.0, 1100.0, -60.0
SPACING_DHW_MM = (5.0, 2.5, 2.5)
SHAPE_DHW = (24, 200, 200)
NOISE_SD_HU = 6.0


class _Canvas:
    """A scan to paint ellipses into: centres and half-axes in millimetres from the middle, one for every slice."""

    def __init__(self) -> None:
        self.hu_DHW: Hu = np.full(SHAPE_DHW, AIR_HU, dtype=np.float32)
        z, y, x = (
            (mm * (np.arange(size) - (size - 1) / 2)).astype(np.float32)
            for mm, size in zip(SPACING_DHW_MM, SHAPE_DHW, strict=True)
        )
        self.z_D11, self.y_H1, self.x_W = z[:, None, None], y[:, None], x

    def ellipse(self, hu: float, half_YX: tuple[float, float], centre_YX: tuple[float, float] = (0, 0)) -> None:
        """Paint an elliptic cylinder that tapers upwards by a tenth, as bodies do."""
        taper_D11 = 1.0 - 0.05 * self.z_D11 / float(self.z_D11.max())
        across = ((self.y_H1 - centre_YX[0]) / half_YX[0]) ** 2 + ((self.x_W - centre_YX[1]) / half_YX[1]) ** 2
        self.hu_DHW[np.broadcast_to(across[None] < taper_D11**2, SHAPE_DHW)] = hu

    def cylinder(self, hu: float, radius_mm: float, centre_YX: tuple[float, float] = (0, 0)) -> None:
        """Paint a straight cylinder."""
        across = (self.y_H1 - centre_YX[0]) ** 2 + (self.x_W - centre_YX[1]) ** 2
        self.hu_DHW[:, across < radius_mm**2] = hu

    def table(self) -> None:
        """A hollow shell of carbon fibre with foam in it, below everything else."""
        for hu, top, bottom, half in ((60.0, -210, -240, 220), (-900.0, -213, -237, 217)):
            self.hu_DHW[:, ((self.y_H1 < top) & (self.y_H1 > bottom)) & (np.abs(self.x_W) < half)] = hu


def torso() -> _Canvas:
    """A chest of 420 x 300 mm: fat rim, ribs, sternum and spine, lungs, heart."""
    canvas = _Canvas()
    canvas.ellipse(FAT_HU, (150, 210))
    canvas.ellipse(MUSCLE_HU, (130, 190))
    for degrees in range(0, 360, 30):  # ribs, cut at an angle
        angle = np.deg2rad(degrees)
        canvas.ellipse(BONE_HU, (9, 22), (120 * np.sin(angle), 178 * np.cos(angle)))
    for side in (-1, 1):
        canvas.ellipse(LUNG_HU, (95, 65), (10, side * 95))
    canvas.ellipse(MUSCLE_HU, (60, 55), (30, 15))
    _spine(canvas, -95.0)
    return canvas


def child_torso() -> _Canvas:
    """A child's belly, no larger than a head: 250 x 180 mm."""
    canvas = _Canvas()
    canvas.ellipse(FAT_HU, (90, 125))
    canvas.ellipse(MUSCLE_HU, (84, 118))
    for degrees in range(15, 360, 30):
        angle = np.deg2rad(degrees)
        canvas.ellipse(BONE_HU, (4, 12), (76 * np.sin(angle), 108 * np.cos(angle)))
    _spine(canvas, -55.0)
    return canvas


def pelvis() -> _Canvas:
    """A pelvis of 360 x 240 mm, whose bones go round two thirds of the way."""
    canvas = _Canvas()
    canvas.ellipse(FAT_HU, (120, 180))
    canvas.ellipse(MUSCLE_HU, (100, 160))
    for side in (-1, 1):
        canvas.ellipse(BONE_HU, (70, 15), (-10, side * 110))
    canvas.ellipse(BONE_HU, (18, 70), (-80, 0))
    return canvas


def leg() -> _Canvas:
    """A thigh of 180 mm whose femur is a ring about marrow."""
    canvas = _Canvas()
    canvas.ellipse(FAT_HU, (90, 90))
    canvas.ellipse(MUSCLE_HU, (75, 75))
    canvas.ellipse(BONE_HU, (15, 15))
    canvas.ellipse(MARROW_HU, (8, 8))
    return canvas


def knee() -> _Canvas:
    """The end of a femur of 80 mm, with a thin cortex about spongy bone as dense as brain."""
    canvas = _Canvas()
    canvas.ellipse(FAT_HU, (75, 75))
    canvas.ellipse(MUSCLE_HU, (62, 62))
    canvas.ellipse(BONE_HU, (38, 40))
    canvas.ellipse(40.0, (34, 36))
    return canvas


def neck() -> _Canvas:
    """A neck of 130 mm: spine, airway, muscles."""
    canvas = _Canvas()
    canvas.ellipse(FAT_HU, (65, 65))
    canvas.ellipse(MUSCLE_HU, (60, 60))
    canvas.ellipse(AIR_HU, (9, 9), (25, 0))
    _spine(canvas, -15.0)
    return canvas


def water_phantom(shell_hu: float, *, inserts: bool = False) -> _Canvas:
    """A cylinder of water of 200 mm in a shell of 10 mm."""
    canvas = _Canvas()
    canvas.cylinder(shell_hu, 100)
    canvas.cylinder(0.0, 90)
    if inserts:
        for index, hu in enumerate((-100.0, 120.0, 340.0, 990.0)):
            canvas.cylinder(hu, 10, (60 * np.sin(index * np.pi / 2), 60 * np.cos(index * np.pi / 2)))
    return canvas


def _spine(canvas: _Canvas, y_mm: float) -> None:
    canvas.ellipse(BONE_HU, (14, 20), (y_mm, 0))
    canvas.ellipse(250.0, (11, 17), (y_mm, 0))
    canvas.ellipse(BONE_HU, (12, 16), (y_mm - 20, 0))
    canvas.ellipse(30.0, (8, 9), (y_mm - 20, 0))


def _scan(canvas: _Canvas, *, table: bool = True) -> Volume:
    if table:
        canvas.table()
    noise_DHW = np.random.default_rng(int(abs(canvas.hu_DHW.sum()))).normal(0.0, NOISE_SD_HU, SHAPE_DHW)
    hu_DHW = np.clip(np.rint(canvas.hu_DHW + noise_DHW), -1024, 3071).astype(np.int16)
    return Volume(array_DHW=hu_DHW, affine=np.diag([*reversed(SPACING_DHW_MM), 1.0]))


def stripped(outside_hu: int, *, window_hu: tuple[int, int] = (-1024, 3071), index: int = 0) -> Volume:
    """A demo phantom's brain without skull, `outside_hu` everywhere else."""
    phantom = make_phantom(index, size="small", seed=6, cta_share=0.0)
    hu_DHW = np.where(phantom.brain.array_DHW > 0, phantom.ct.array_DHW.clip(*window_hu), outside_hu)
    return Volume(array_DHW=hu_DHW.astype(np.int16), affine=phantom.ct.affine)


NO_HEADS: Mapping[str, Callable[[], Volume]] = {
    "torso": lambda: _scan(torso()),
    "child's torso": lambda: _scan(child_torso()),
    "pelvis": lambda: _scan(pelvis()),
    "leg": lambda: _scan(leg()),
    "knee": lambda: _scan(knee()),
    "neck": lambda: _scan(neck()),
    "water in PMMA": lambda: _scan(water_phantom(125.0)),
    "water with inserts": lambda: _scan(water_phantom(125.0, inserts=True)),
    "water in Teflon": lambda: _scan(water_phantom(950.0)),
    "bare plastic": lambda: _scan(water_phantom(0.0)),
    "stripped, air outside": lambda: stripped(-1024),
    "stripped, 0 outside": lambda: stripped(0, index=1),
    "stripped, cut to 0-100": lambda: stripped(0, window_hu=(0, 100), index=2),
    "table": lambda: _scan(_Canvas()),
    "air": lambda: _scan(_Canvas(), table=False),
}
