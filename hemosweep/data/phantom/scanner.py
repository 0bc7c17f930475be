"""The scan: the head in its pose, sampled on the scanner's grid with its slice profile, head holder and noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.data.phantom.fields import Array, ModelGrid, inside, paint
from hemosweep.data.phantom.head import AIR_HU

# Blur of white noise (standard deviations in mm, equal shares of the variance) that gives the autocorrelation measured
# on real scans, 0.8 at one and 0.3 at three pixels of 0.49 mm; no less than half a pixel on coarse grids.
NOISE_BLUR_MM = (0.39, 0.98)
HOLDER_RADIUS_MM, HOLDER_MM = 99.0, 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pose:
    """Head in the scanner: turn in the axial plane about z, then roll about the front-back axis (degrees), then moved
    by `offset_XYZ_mm`; `size` scales the template."""

    rotation_deg: float
    roll_deg: float
    offset_XYZ_mm: tuple[float, float, float]
    size: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanGrid:
    """Grid of a scan; the volume is centred on (0, 0, `centre_z_mm`) of the scanner."""

    shape_DHW: tuple[int, int, int]
    spacing_DHW_mm: tuple[float, float, float]
    centre_z_mm: float

    @property
    def origin_DHW_mm(self) -> NDArray[np.float64]:
        half = (np.asarray(self.shape_DHW) - 1) / 2 * np.asarray(self.spacing_DHW_mm)
        return np.asarray((self.centre_z_mm, 0.0, 0.0) - half, dtype=np.float64)

    @property
    def affine(self) -> NDArray[np.float64]:
        affine = np.diag([*reversed(self.spacing_DHW_mm), 1.0])
        affine[:3, 3] = self.origin_DHW_mm[::-1]
        return affine


def scan(field_DHW: Array, model: ModelGrid, pose: Pose, grid: ScanGrid, *, outside: float) -> Array:
    """Sample a field of the model grid on a scan's grid; `outside` fills what lies beyond the model.

    The model is first averaged over the slice thickness and, where the pixels are coarser than it, over a pixel.
    """
    widths = [max(1, round(spacing / (model.step_mm * pose.size))) for spacing in grid.spacing_DHW_mm]
    blurred = ndimage.uniform_filter(field_DHW, size=widths, mode="nearest")
    matrix, offset = _to_model(model, pose, grid)
    return ndimage.affine_transform(
        blurred, matrix, offset, output_shape=grid.shape_DHW, output=np.float32, order=1, mode="constant", cval=outside
    )


def _to_model(model: ModelGrid, pose: Pose, grid: ScanGrid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix and offset from scan indices to model indices, both in (D, H, W) order."""
    turn, roll = np.deg2rad(pose.rotation_deg), np.deg2rad(pose.roll_deg)
    about_z = np.array([[1, 0, 0], [0, np.cos(turn), np.sin(turn)], [0, -np.sin(turn), np.cos(turn)]])
    about_y = np.array([[np.cos(roll), 0, -np.sin(roll)], [0, 1, 0], [np.sin(roll), 0, np.cos(roll)]])
    to_head = np.einsum("ij,jk->ik", about_z.T, about_y.T) / pose.size  # scanner to template, rows D, H, W
    start = np.einsum("ij,j->i", to_head, grid.origin_DHW_mm - np.asarray(pose.offset_XYZ_mm[::-1]))
    return to_head * np.asarray(grid.spacing_DHW_mm) / model.step_mm, (
        start - np.asarray(model.origin_DHW_mm)
    ) / model.step_mm


def finish(hu_DHW: Array, grid: ScanGrid, noise_sd_hu: float, rng: np.random.Generator) -> NDArray[np.int16]:
    """Add the head holder and noise, and round to whole HU, not below -1024."""
    _add_holder(hu_DHW, grid)
    hu_DHW += correlated_noise(rng, grid, noise_sd_hu)
    return np.clip(np.rint(hu_DHW), -1024, 3071).astype(np.int16)


def correlated_noise(rng: np.random.Generator, grid: ScanGrid, sd_hu: float) -> Array:
    """Noise of standard deviation `sd_hu`, correlated within slices and independent between them (D, H, W)."""
    total = np.zeros(grid.shape_DHW, dtype=np.float32)
    for blur_mm in NOISE_BLUR_MM:
        sigma = max(blur_mm / grid.spacing_DHW_mm[1], 0.5)
        white = rng.standard_normal(grid.shape_DHW, dtype=np.float32)
        part = ndimage.gaussian_filter(white, (0.0, sigma, sigma), mode="wrap")
        total += part / part.std()
    return total * np.float32(sd_hu / total.std())


def _add_holder(hu_DHW: Array, grid: ScanGrid) -> None:
    """A thin shell of carbon fibre over foam behind the head, the same in every slice."""
    _, num_h, num_w = grid.shape_DHW
    y = (grid.origin_DHW_mm[1] + grid.spacing_DHW_mm[1] * np.arange(num_h)).astype(np.float32)[:, None]
    x = (grid.origin_DHW_mm[2] + grid.spacing_DHW_mm[2] * np.arange(num_w)).astype(np.float32)[None, :]
    soft = grid.spacing_DHW_mm[1]
    radius = np.sqrt(x * x + y * y) - np.float32(HOLDER_RADIUS_MM)
    sector = inside(y + np.float32(30.0), soft)
    for inner, outer, shell_hu in ((0.0, HOLDER_MM, -820.0), (0.0, 1.2, 90.0), (HOLDER_MM - 1.2, HOLDER_MM, 90.0)):
        shell = inside(np.maximum(inner - radius, radius - outer), soft) * sector
        empty_DHW = (hu_DHW < AIR_HU / 2) * shell
        paint(hu_DHW, empty_DHW, shell_hu)
