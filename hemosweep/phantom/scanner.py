"""The scan: the head in its pose, sampled on the scanner's grid with its slice profile, head holder and noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import Spacing
from hemosweep.phantom.fields import Array, ModelGrid, inside, paint
from hemosweep.phantom.head import AIR_HU

# Blur of white noise (standard deviations in mm, equal shares of the variance) that gives the autocorrelation measured
# on real scans, 0.8 at one and 0.3 at three pixels of 0.49 mm; no less than half a pixel on coarse grids.
NOISE_BLUR_MM = (0.39, 0.98)
HOLDER_RADIUS_MM, HOLDER_MM, HOLDER_TOP_MM = 99.0, 4.0, 30.0  # its arms reach up to y = -30 mm


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadPose:
    """Head in the scanner: turn in the axial plane about z, then roll about the front-back axis (degrees), then moved
    by `offset_XYZ_mm`; `size` scales the template."""

    rotation_deg: float
    roll_deg: float
    offset_XYZ_mm: tuple[float, float, float]
    size: float = 1.0

    @property
    def to_head_DHW(self) -> NDArray[np.float64]:
        """Matrix from scanner directions to template directions, both in (D, H, W) order."""
        turn, roll = np.deg2rad(self.rotation_deg), np.deg2rad(self.roll_deg)
        about_z = np.array([[1, 0, 0], [0, np.cos(turn), np.sin(turn)], [0, -np.sin(turn), np.cos(turn)]])
        about_y = np.array([[np.cos(roll), 0, -np.sin(roll)], [0, 1, 0], [np.sin(roll), 0, np.cos(roll)]])
        return np.asarray(np.einsum("ij,jk->ik", about_z.T, about_y.T) / self.size)

    @property
    def head_to_world(self) -> NDArray[np.float64]:
        """4 x 4 from template millimetres (x, y, z; the mid-sagittal plane is x = 0) to the world millimetres (RAS+) of
        a scan of the head in this pose."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.linalg.inv(self.to_head_DHW)[::-1, ::-1]
        matrix[:3, 3] = self.offset_XYZ_mm
        return matrix


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanGrid:
    """Grid of a scan; the volume is centred on (0, 0, `centre_z_mm`) of the scanner.

    A gantry tilted by `tilt_deg` turns the image plane about the x axis (positive: the front goes up); slices still
    follow each other along z, the table's way.
    """

    shape_DHW: tuple[int, int, int]
    spacing_DHW_mm: Spacing
    centre_z_mm: float
    tilt_deg: float = 0.0

    @property
    def steps_DHW_mm(self) -> NDArray[np.float64]:
        """Matrix from scan indices to scanner millimetres, both in (D, H, W) order."""
        steps = np.diag(self.spacing_DHW_mm)
        tilt = np.deg2rad(self.tilt_deg)
        steps[:2, 1] = self.spacing_DHW_mm[1] * np.sin(tilt), self.spacing_DHW_mm[1] * np.cos(tilt)
        return steps

    @property
    def origin_DHW_mm(self) -> NDArray[np.float64]:
        half = np.einsum("ij,j->i", self.steps_DHW_mm, (np.asarray(self.shape_DHW) - 1) / 2)
        return np.asarray((self.centre_z_mm, 0.0, 0.0) - half, dtype=np.float64)

    @property
    def affine(self) -> NDArray[np.float64]:
        affine = np.eye(4)
        affine[:3, :3] = self.steps_DHW_mm[::-1, ::-1]
        affine[:3, 3] = self.origin_DHW_mm[::-1]
        return affine


def scan(field_DHW: Array, model: ModelGrid, pose: HeadPose, grid: ScanGrid, *, outside: float) -> Array:
    """Sample a field of the model grid on a scan's grid; `outside` fills what lies beyond the model.

    The model is first averaged over the slice thickness and, where the pixels are coarser than it, over a pixel.
    """
    widths = [max(1, round(spacing / (model.step_mm * pose.size))) for spacing in grid.spacing_DHW_mm]
    blurred = ndimage.uniform_filter(field_DHW, size=widths, mode="nearest")
    matrix, offset = _to_model(model, pose, grid)
    return ndimage.affine_transform(
        blurred, matrix, offset, output_shape=grid.shape_DHW, output=np.float32, order=1, mode="constant", cval=outside
    )


def _to_model(model: ModelGrid, pose: HeadPose, grid: ScanGrid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix and offset from scan indices to model indices, both in (D, H, W) order."""
    to_head = pose.to_head_DHW
    start = np.einsum("ij,j->i", to_head, grid.origin_DHW_mm - np.asarray(pose.offset_XYZ_mm[::-1]))
    matrix = np.einsum("ij,jk->ik", to_head, grid.steps_DHW_mm) / model.step_mm
    return matrix, (start - np.asarray(model.origin_DHW_mm)) / model.step_mm


def finish(
    hu_DHW: Array, grid: ScanGrid, noise_sd_hu: float, rng: np.random.Generator, *, holder_gap_mm: float | None = None
) -> NDArray[np.int16]:
    """Add the head holder and noise, and round to whole HU, not below -1024.

    `holder_gap_mm` is that between holder and scalp; None leaves the holder about the scanner's axis.
    """
    _add_holder(hu_DHW, grid, holder_gap_mm)
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


def _add_holder(hu_DHW: Array, grid: ScanGrid, gap_mm: float | None) -> None:
    """A thin shell of carbon fibre over foam behind the head, the same in every slice."""
    _, num_h, num_w = grid.shape_DHW
    steps = grid.steps_DHW_mm
    y = (grid.origin_DHW_mm[1] + steps[1, 1] * np.arange(num_h)).astype(np.float32)[:, None]
    x = (grid.origin_DHW_mm[2] + steps[2, 2] * np.arange(num_w)).astype(np.float32)[None, :]
    if gap_mm is not None:
        y = y - np.float32(_gap_mm(hu_DHW, y, x) - gap_mm)
    soft = grid.spacing_DHW_mm[1]
    radius = np.sqrt(x * x + y * y) - np.float32(HOLDER_RADIUS_MM)
    sector = inside(y + np.float32(HOLDER_TOP_MM), soft)
    for inner, outer, shell_hu in ((0.0, HOLDER_MM, -820.0), (0.0, 1.2, 90.0), (HOLDER_MM - 1.2, HOLDER_MM, 90.0)):
        shell = inside(np.maximum(inner - radius, radius - outer), soft) * sector
        empty_DHW = (hu_DHW < AIR_HU / 2) * shell
        paint(hu_DHW, empty_DHW, shell_hu)


def _gap_mm(hu_DHW: Array, y_H1: Array, x_1W: Array) -> float:
    """Smallest height of the scalp above a holder about the scanner's axis, over all slices (negative: below it)."""
    tissue_HW = (hu_DHW > AIR_HU / 2).any(axis=0)
    surface_W = np.where(tissue_HW, y_H1, np.inf).min(axis=0) - (y_H1[1, 0] - y_H1[0, 0]) / 2
    holder_W = -np.sqrt(np.maximum(HOLDER_RADIUS_MM**2 - x_1W[0] ** 2, 0.0))
    return float((surface_W - holder_W)[holder_W < -HOLDER_TOP_MM].min())
