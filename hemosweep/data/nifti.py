"""NIfTI files to arrays and back; the one place where voxel order is decided.

On disk a voxel is (i, j, k) in whatever orientation the scanner or converter chose. In memory every volume is
`array_DHW` in RAS+ order: D runs inferior to superior, H posterior to anterior, W left to right.
"""

import gzip
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import OrientationError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from hemosweep.errors import BadInput

_UNREADABLE = (
    ImageFileError,
    HeaderDataError,
    OrientationError,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    zlib.error,
    gzip.BadGzipFile,
)
"""What nibabel lets through when a file is no NIfTI file, or a damaged one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """A 3D image with its place in the patient.

    `affine` is 4 x 4 and maps the RAS+ voxel index (w, h, d) to millimetres.
    """

    array_DHW: NDArray[np.generic]
    affine: NDArray[np.float64]

    @property
    def spacing_DHW_mm(self) -> tuple[float, float, float]:
        w, h, d = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(d), float(h), float(w)

    @property
    def voxel_ml(self) -> float:
        return float(np.prod(self.spacing_DHW_mm)) / 1000.0


def read_volume(path: Path) -> Volume:
    """Read a NIfTI file into RAS+ array order.

    Raises:
        BadInput: the file is missing, truncated, not NIfTI, not a single 3D volume, or does not say how large its
            voxels are and where they lie.
    """
    if not os.path.isfile(path):  # pathlib's own raises where a path may not be looked at
        raise BadInput(f"{path}: no such file; check the data set's folder")
    try:
        image = nib.load(path)
        canonical = nib.as_closest_canonical(image)
        array_WHD = np.asanyarray(canonical.dataobj)
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"{path}: not a readable NIfTI file ({reason}); convert or copy it again") from error
    if array_WHD.ndim != 3 or array_WHD.size == 0:
        raise BadInput(f"{path}: has shape {array_WHD.shape}, not one 3D volume; export a single series")
    if array_WHD.dtype.kind not in "biuf":
        raise BadInput(f"{path}: has voxels of type {array_WHD.dtype}, not plain numbers; export the original series")
    affine = np.asarray(canonical.affine, dtype=np.float64)
    volume = Volume(array_DHW=np.ascontiguousarray(array_WHD.transpose(2, 1, 0)), affine=affine)
    if not np.isfinite(affine).all() or not 1e-3 < min(volume.spacing_DHW_mm) <= max(volume.spacing_DHW_mm) < 1e3:
        raise BadInput(f"{path}: its header gives no usable voxel size and place; convert the original series again")
    return volume


def write_volume(path: Path, volume: Volume) -> None:
    """Write a volume as NIfTI in RAS+ orientation, whole or not at all."""
    image = nib.Nifti1Image(np.ascontiguousarray(volume.array_DHW.transpose(2, 1, 0)), volume.affine)
    image.header.set_xyzt_units("mm")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{path.name}")
    nib.save(image, temporary)
    temporary.replace(path)
