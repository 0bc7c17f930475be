"""Smooth fields that the phantom is made of: the model grid, soft edges, random textures, tubes."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.floating[Any]]  # float32 wherever it is large

# Template millimetres: x to the right, y to the front, z up; the origin is the middle of the brain.
LATTICE_SIZE, LATTICE_BLUR = 48, 2.0
HEAD_LOW_Z_MM, NECK_LOW_Z_MM = -86.0, -116.0
MODEL_LOW_HW_MM = (-112.0, -92.0)
MODEL_HIGH_DHW_MM = (96.0, 114.0, 92.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelGrid:
    """Isotropic grid of head coordinates; `z_D11`, `y_1H1` and `x_11W` broadcast to its shape (millimetres)."""

    step_mm: float
    z_D11: Array
    y_1H1: Array
    x_11W: Array

    @property
    def shape_DHW(self) -> tuple[int, int, int]:
        return self.z_D11.size, self.y_1H1.size, self.x_11W.size

    @property
    def origin_DHW_mm(self) -> tuple[float, float, float]:
        return float(self.z_D11[0, 0, 0]), float(self.y_1H1[0, 0, 0]), float(self.x_11W[0, 0, 0])


def model_grid(step_mm: float, *, with_neck: bool) -> ModelGrid:
    """Grid over the head, and over the upper neck where asked for."""
    lows = (NECK_LOW_Z_MM if with_neck else HEAD_LOW_Z_MM, *MODEL_LOW_HW_MM)
    z, y, x = (
        np.arange(low, high, step_mm, dtype=np.float32) for low, high in zip(lows, MODEL_HIGH_DHW_MM, strict=True)
    )
    return ModelGrid(step_mm=step_mm, z_D11=z[:, None, None], y_1H1=y[None, :, None], x_11W=x[None, None, :])


def inside(distance_mm: Array, width_mm: float) -> Array:
    """Volume fraction of a structure, 1 where `distance_mm` is well below 0, ramping over `width_mm` at its edge."""
    fraction = np.multiply(distance_mm, -1.0 / width_mm, dtype=np.float32)
    fraction += np.float32(0.5)
    return np.clip(fraction, 0.0, 1.0, out=fraction)


def step_up(value: Array, low: float, high: float) -> Array:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = np.asarray(np.clip((value - np.float32(low)) / np.float32(high - low), 0.0, 1.0), dtype=np.float32)
    return t * t * (np.float32(3.0) - np.float32(2.0) * t)


def paint(image: Array, fraction: Array, hu: float | Array) -> None:
    """Mix `hu` into `image` in place by volume fraction."""
    change = np.subtract(hu, image, dtype=np.float32)
    change *= fraction
    image += change


def texture(rng: np.random.Generator, blur_mm: float, z_D11: Array, y_1H1: Array, x_11W: Array) -> Array:
    """Random field of unit standard deviation on a grid: noise blurred by a Gaussian of `blur_mm`, (D, H, W).

    Interpolated linearly, axis by axis, from a lattice whose size is fixed: the field is the same on every grid.
    """
    field = random_lattice(rng)
    for axis, line in enumerate((z_D11.ravel(), y_1H1.ravel(), x_11W.ravel())):
        position = line * np.float32(LATTICE_BLUR / blur_mm)
        before = np.floor(position)
        shape = [1, 1, 1]
        shape[axis] = line.size
        weight = (position - before).astype(np.float32).reshape(shape)
        index = before.astype(np.intp) % LATTICE_SIZE
        low = field.take(index, axis=axis)
        field = field.take((index + 1) % LATTICE_SIZE, axis=axis)
        field -= low
        field *= weight
        field += low
    return field


def texture_at(rng: np.random.Generator, blur_mm: float, z: Array, y: Array, x: Array) -> Array:
    """As `texture`, but at any list of points."""
    scale = np.float32(LATTICE_BLUR / blur_mm)
    points = np.stack((z, y, x)) * scale
    field: Array = ndimage.map_coordinates(random_lattice(rng), points, order=1, mode="grid-wrap", output=np.float32)
    return field


def random_lattice(rng: np.random.Generator) -> Array:
    """Periodic cube of white noise blurred by a Gaussian of `LATTICE_BLUR` points, of unit standard deviation."""
    white = rng.standard_normal((LATTICE_SIZE,) * 3, dtype=np.float32)
    lattice: Array = ndimage.gaussian_filter(white, LATTICE_BLUR, mode="wrap")
    lattice /= lattice.std()
    return lattice


def tube(z: Array, y: Array, x: Array, knots: list[tuple[float, float, float, float]]) -> Array:
    """Distance in millimetres to a chain of tapered capsules through `knots` (x, y, z, radius); negative inside."""
    nearest = np.full(z.shape, 1e3, dtype=np.float32)
    for (x0, y0, z0, r0), (x1, y1, z1, r1) in pairwise(knots):
        dx, dy, dz = x1 - x0, y1 - y0, z1 - z0
        length2 = dx * dx + dy * dy + dz * dz
        px, py, pz = x - np.float32(x0), y - np.float32(y0), z - np.float32(z0)
        t = np.clip((px * np.float32(dx) + py * np.float32(dy) + pz * np.float32(dz)) / np.float32(length2), 0.0, 1.0)
        px -= t * np.float32(dx)
        py -= t * np.float32(dy)
        pz -= t * np.float32(dz)
        distance = np.sqrt(px * px + py * py + pz * pz) - (np.float32(r0) + t * np.float32(r1 - r0))
        np.minimum(nearest, distance, out=nearest)
    return nearest


def ellipsoid(
    z: Array, y: Array, x: Array, centre: tuple[float, float, float], radii: tuple[float, float, float]
) -> Array:
    """Approximate distance in millimetres to an ellipsoid given by `centre` and `radii` (x, y, z); negative inside."""
    kx, ky, kz = (
        (axis - np.float32(middle)) / np.float32(radius)
        for axis, middle, radius in zip((x, y, z), centre, radii, strict=True)
    )
    distance: Array = (np.sqrt(kx * kx + ky * ky + kz * kz) - np.float32(1.0)) * np.float32(min(radii))
    return distance
