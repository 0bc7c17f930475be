"""Conversion of NIfTI files to arrays and back: the one place that fixes the voxel order.

On disk a voxel is (i, j, k) in the orientation of the scanner or converter. In memory every volume is `array_DHW` in
RAS+ order: D runs inferior to superior, H posterior to anterior, W left to right.
"""

import gzip
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import (
    OrientationError,
    apply_orientation,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from hemosweep.arrays import Spacing
from hemosweep.data.file_grid import FileGrid, matrix
from hemosweep.data.mask_values import is_colour, single_colour
from hemosweep.errors import BadInput
from hemosweep.files import replacing

_HEADER_BEGINS = {struct.pack(order + "i", size) for order in "<>" for size in (348, 540)}
"""First bytes of a NIfTI file, its header's size: NIfTI-1 and NIfTI-2, in either order."""
UNREADABLE = (
    ImageFileError,
    HeaderDataError,
    OrientationError,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    zlib.error,
    MemoryError,  # a damaged header can hold any size
    gzip.BadGzipFile,
)
"""Errors that nibabel lets through when a file is no NIfTI file, or a damaged one."""

RAS = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
"""Orientation of an array whose axes are right, anterior and superior."""
ROUNDING_DEG = 0.5
"""Quaternions of a qform are kept in single precision, and converters round differently."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """A 3D image with its place in the patient.

    `affine` is 4 x 4 and maps the RAS+ voxel index (w, h, d) to millimetres. It may be sheared (gantry tilt).
    `warnings` name oddities and corrections of the source, one sentence each, without names. `file_grid` is that of the
    file that it was read from, None where it comes from elsewhere.
    """

    array_DHW: NDArray[np.generic]
    affine: NDArray[np.float64]
    warnings: tuple[str, ...] = ()
    file_grid: FileGrid | None = None

    @property
    def spacing_DHW_mm(self) -> Spacing:
        """Distances of neighbouring voxels along the grid's axes."""
        w, h, d = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(d), float(h), float(w)

    @property
    def voxel_ml(self) -> float:
        """Of a sheared grid, too."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0


def to_ras(array_IJK: NDArray[np.generic], affine: NDArray[np.float64], warnings: tuple[str, ...] = ()) -> Volume:
    """Turn an array in any orientation, whose `affine` maps (i, j, k) to RAS+ millimetres, into RAS+ order.

    Axes are swapped and flipped, values are not touched; an oblique or sheared grid stays so.
    """
    orientation = io_orientation(affine)
    array_WHD = apply_orientation(array_IJK, orientation)
    return Volume(
        array_DHW=np.ascontiguousarray(array_WHD.transpose(2, 1, 0)),
        affine=np.asarray(affine @ inv_ornt_aff(orientation, array_IJK.shape), dtype=np.float64),
        warnings=warnings,
    )


def read_volume(path: Path, *, as_mask: bool = False) -> Volume:
    """Read a NIfTI file into RAS+ array order.

    The place comes from the sform, or from the qform if there is no sform. `Volume.warnings` has a warning if the two
    contradict each other, or if both are missing. Values keep the type they are stored in; where the header scales
    them, they become float32 or float64.

    Args:
        as_mask: a picture of one colour becomes 0 and 1, with a warning.

    Raises:
        BadInput: the file is missing, truncated, not NIfTI, not a single 3D volume, or does not say how large its
            voxels are and where they lie.
    """
    if not os.path.isfile(path):  # pathlib's own raises where a path may not be looked at
        raise BadInput(f"{path}: no such file; check the data set's folder")
    try:
        image = nib.load(path)
        if not isinstance(image, nib.Nifti1Image):
            raise ImageFileError("another format")
        return checked_volume(
            path,
            _values(image),
            np.asarray(image.affine, dtype=np.float64),
            _place_warnings(image),
            file_grid=partial(_file_grid, image),
            as_mask=as_mask,
        )
    except BadInput:
        raise
    except UNREADABLE as error:
        if path.name.endswith(".gz") and _is_bare(path):
            bare = path.name.removesuffix(".gz")
            raise BadInput(
                f"{path}: not packed, though its name ends in .gz; in its folder: mv {path.name} {bare} && gzip {bare}"
            ) from error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"{path}: not a readable NIfTI file ({reason}); convert or copy it again") from error


def _is_bare(path: Path) -> bool:
    """True for a file that begins with a NIfTI header, and with nothing around it."""
    try:
        with path.open("rb") as file:
            return file.read(4) in _HEADER_BEGINS
    except OSError:
        return False


def checked_volume(
    path: Path,
    array_IJK: NDArray[np.generic],
    affine: NDArray[np.float64],
    warnings: tuple[str, ...],
    *,
    file_grid: Callable[[tuple[int, ...]], FileGrid],
    as_mask: bool,
) -> Volume:
    """Check the voxels and the place that a file holds, and bring them into RAS+ array order.

    Args:
        array_IJK: with the file's axes, and colours or channels last.
        file_grid: from the shape of the three axes to the grid of the file.
        as_mask: as in `read_volume`.

    Raises:
        BadInput: it is not one 3D volume of plain numbers, or has no usable voxel size and place.
    """
    if as_mask and is_colour(array_IJK):
        try:
            array_IJK, colour = single_colour(array_IJK)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        warnings += colour
    if array_IJK.ndim > 3 and array_IJK.size == np.prod(array_IJK.shape[:3]):
        array_IJK = array_IJK.reshape(array_IJK.shape[:3])
    if array_IJK.ndim != 3 or array_IJK.size == 0:
        raise BadInput(f"{path}: has shape {array_IJK.shape}, not one 3D volume; export a single series")
    volume = replace(to_ras(array_IJK, affine, warnings), file_grid=file_grid(array_IJK.shape))
    if array_IJK.dtype.names:
        raise BadInput(f"{path}: is a colour picture, not a scan; export the original series")
    if array_IJK.dtype.kind not in "biuf":
        raise BadInput(f"{path}: has voxels of type {array_IJK.dtype}, not plain numbers; export the original series")
    if (
        not np.isfinite(volume.affine).all()
        or not 1e-3 < min(volume.spacing_DHW_mm) <= max(volume.spacing_DHW_mm) < 1e3
    ):
        raise BadInput(f"{path}: its header gives no usable voxel size and place; convert the original series again")
    return volume


def num_axes(path: Path) -> int:
    """Number of axes of a file that `read_volume` reads: 4 where one of length 1 follows the three of the volume."""
    return len(nib.Nifti1Image.from_filename(path).shape)


def _file_grid(image: nib.Nifti1Image, shape: tuple[int, ...]) -> FileGrid:
    i, j, k = shape
    sform, sform_code = image.header.get_sform(coded=True)
    qform, qform_code = image.header.get_qform(coded=True)
    return FileGrid(
        shape_IJK=(int(i), int(j), int(k)),
        affine=matrix(image.affine),
        sform=None if sform is None else matrix(sform),
        sform_code=int(sform_code),
        qform=None if qform is None else matrix(qform),
        qform_code=int(qform_code),
        units=int(image.header["xyzt_units"]),
    )


def _values(image: nib.Nifti1Image) -> NDArray[np.generic]:
    """The voxels, as stored or scaled; nibabel itself scales to float64, four times the memory of a CT on disk."""
    data = image.dataobj
    assert isinstance(data, ArrayProxy)  # it comes from a file
    stored: NDArray[Any] = np.asanyarray(data.get_unscaled())
    if (data.slope, data.inter) == (1, 0) or stored.dtype.kind not in "biuf":
        return stored
    return np.asarray(stored * np.float32(data.slope) + np.float32(data.inter))


def _place_warnings(image: nib.Nifti1Image) -> tuple[str, ...]:
    """Contradictions between the header's two matrices.

    A sheared sform beside a qform with the shear taken out is what dcm2niix writes for a tilted gantry, and no
    contradiction: a quaternion has no room for shear.
    """
    sform, qform = image.header.get_sform(coded=True)[0], image.header.get_qform(coded=True)[0]
    if sform is None and qform is None:
        return ("the header says nothing about orientation: left and right are a guess; check them",)
    if sform is None or qform is None:
        return ()
    mm_s, mm_q = (np.linalg.norm(matrix[:3, :3], axis=0) for matrix in (sform, qform))
    axes_s, axes_q = sform[:3, :3] / mm_s, qform[:3, :3] / mm_q
    cosines = np.abs(axes_s.T @ axes_s - np.eye(3)).max()
    shear_deg = float(np.rad2deg(np.arcsin(min(1.0, cosines))))
    apart_deg = float(np.rad2deg(np.arccos(np.clip((axes_s * axes_q).sum(axis=0), -1.0, 1.0))).max())
    differences = []
    if np.linalg.det(axes_s) * np.linalg.det(axes_q) < 0:
        differences.append("left and right")
    elif apart_deg > shear_deg + ROUNDING_DEG:
        differences.append(f"orientation (by {apart_deg:.3g} degrees)")
    # The pitch of sheared slices is told along the table or across the slices.
    if (np.abs(mm_s / mm_q - 1.0) > 0.01 + 1.0 - np.cos(np.deg2rad(shear_deg))).any():
        differences.append("voxel size")
    if np.linalg.norm(sform[:3, 3] - qform[:3, 3]) > min(mm_s):
        differences.append("place")
    if not differences:
        return ()
    return (f"the header's sform and qform disagree on {' and '.join(differences)}; the sform is used",)


def write_volume(path: Path, volume: Volume, *, like: FileGrid | None = None) -> None:
    """Write a volume as NIfTI, whole or not at all.

    Args:
        like: the grid of the file that the volume's grid was read from: axes, place, codes and units become its own.
            Without it the axes are RAS+.
    """
    array_WHD = volume.array_DHW.transpose(2, 1, 0)
    if like is None:
        image = nib.Nifti1Image(np.ascontiguousarray(array_WHD), volume.affine)
        image.header.set_xyzt_units("mm")
    else:
        image = _on_file_grid(array_WHD, like)
    with replacing(path) as temporary:
        nib.save(image, temporary)


def in_file_order(array_WHD: NDArray[np.generic], grid: FileGrid) -> NDArray[np.generic]:
    """An array in RAS+ order with the axes (i, j, k) of a file."""
    turn = ornt_transform(RAS, io_orientation(np.array(grid.affine)))
    return np.ascontiguousarray(apply_orientation(array_WHD, turn))


def _on_file_grid(array_WHD: NDArray[np.generic], like: FileGrid) -> nib.Nifti1Image:
    affine = np.array(like.affine)
    array_IJK = in_file_order(array_WHD, like)
    assert array_IJK.shape == like.shape_IJK, f"{array_IJK.shape} is not the file's {like.shape_IJK}"
    header = nib.Nifti1Header()
    header.set_data_dtype(array_IJK.dtype)
    header.set_data_shape(array_IJK.shape)
    header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
    header.set_qform(None if like.qform is None else np.array(like.qform), code=like.qform_code)
    header.set_sform(None if like.sform is None else np.array(like.sform), code=like.sform_code)
    header["xyzt_units"] = like.units
    return nib.Nifti1Image(array_IJK, None, header)
