"""Reading of the image files that a CT or a mask may come in: NIfTI, MetaImage, NRRD and Analyze."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hemosweep.data.file_grid import FileGrid, matrix
from hemosweep.data.image_names import META_SUFFIXES, PAIR_SUFFIX
from hemosweep.data.nifti import UNREADABLE, Volume, checked_volume, read_volume
from hemosweep.errors import BadInput

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
STANDARD_ERROR = 2
_one_silence = Lock()
"""Two threads that silence and restore one descriptor at once could leave it silent."""
MILLIMETRES = 2
"""NIfTI's code of the unit."""
NO_ORIENTATION = "the header says nothing about orientation: left and right are a guess; check them"


def read_image(path: Path, *, as_mask: bool = False) -> Volume:
    """Read an image file into RAS+ array order.

    An Analyze header has no orientation: its axes are taken as left, anterior and superior, as SPM and FSL take them,
    with a warning.

    Args:
        as_mask: as in `read_volume`.

    Raises:
        BadInput: as `read_volume`, or the file is of another format.
    """
    name = path.name.lower()
    if name.endswith(META_SUFFIXES):
        return _read_meta(path, as_mask=as_mask)
    return _read_pair(path, as_mask=as_mask) if name.endswith(PAIR_SUFFIX) else read_volume(path, as_mask=as_mask)


def load_meta(path: Path) -> Any:
    """SimpleITK's image of a MetaImage or NRRD file.

    Raises:
        BadInput: it is missing, unreadable or damaged.
    """
    import SimpleITK

    reader = "MetaImageIO" if path.suffix.lower() in (".mha", ".mhd") else "NrrdImageIO"
    try:
        with path.open("rb"):  # SimpleITK does not tell why it cannot open a file
            pass
        with _silenced():
            return SimpleITK.ReadImage(str(path), imageIO=reader)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the file and its mode") from error
    except (RuntimeError, MemoryError) as error:
        raise BadInput(f"{path}: not a readable {path.suffix[1:].upper()} file; export or copy it again") from error


@contextmanager
def _silenced() -> Iterator[None]:
    """Context in which the process's standard error is closed to the lines that ITK's readers write there in C++."""
    with _one_silence, ExitStack() as stack:
        with suppress(OSError):  # no standard error, nothing to silence
            before = os.dup(STANDARD_ERROR)
            stack.callback(os.close, before)
            with open(os.devnull, "wb") as nothing:
                os.dup2(nothing.fileno(), STANDARD_ERROR)
            stack.callback(os.dup2, before, STANDARD_ERROR)
        yield


def meta_affine(image: Any) -> NDArray[np.float64]:
    """Matrix from (i, j, k) of SimpleITK's image to RAS+ millimetres."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return cast("NDArray[np.float64]", LPS_TO_RAS @ affine)


def meta_warnings(image: Any) -> tuple[str, ...]:
    """Warning of an NRRD file that names no space: nobody knows then which way its axes run."""
    named = not _is_nrrd(image) or image.HasMetaDataKey("NRRD_space")
    return () if named else (NO_ORIENTATION,)


def _is_nrrd(image: Any) -> bool:
    key = "ITK_InputFilterName"
    return bool(image.HasMetaDataKey(key) and image.GetMetaData(key) == "NrrdImageIO")


def _read_meta(path: Path, *, as_mask: bool) -> Volume:
    import SimpleITK

    image = load_meta(path)
    array = SimpleITK.GetArrayFromImage(image)
    if image.GetDimension() != 3:
        raise BadInput(f"{path}: has {image.GetDimension()} dimensions, not one 3D volume; export a single series")
    array_IJK = array.transpose(2, 1, 0, *range(3, array.ndim))
    affine, warnings = meta_affine(image), meta_warnings(image)
    placed = partial(_grid, affine, code=0 if warnings else 1)
    return checked_volume(path, array_IJK, affine, warnings, file_grid=placed, as_mask=as_mask)


def _read_pair(path: Path, *, as_mask: bool) -> Volume:
    """Read a header and its .img. nibabel has the orientation of NIfTI and, where SPM left a .mat file, of Analyze."""
    import nibabel as nib

    voxels = next((one for one in (path.with_suffix(".img"), path.with_suffix(".IMG")) if one.is_file()), None)
    if voxels is None:
        raise BadInput(f"{path}: the .img file of its voxels is not beside it; copy both")
    try:
        image: Any = nib.load(path)
        array_IJK, affine = np.asanyarray(image.dataobj), np.asarray(image.affine, dtype=np.float64)
        nifti = isinstance(image, nib.Nifti1Pair)
        known = nifti or not np.allclose(affine, image.header.get_base_affine())
    except (*UNREADABLE, AttributeError) as error:
        raise BadInput(f"{path}: not a readable Analyze file; export or copy it again") from error
    if known:
        return checked_volume(path, array_IJK, affine, (), file_grid=partial(_grid, affine, code=1), as_mask=as_mask)
    text = "an Analyze file says nothing of left and right: its first axis is taken to run to the left; check that"
    return checked_volume(path, array_IJK, affine, (text,), file_grid=partial(_grid, affine, code=0), as_mask=as_mask)


def _grid(affine: NDArray[np.float64], shape: tuple[int, ...], *, code: int) -> FileGrid:
    """The grid of a file that is not NIfTI. `code` is 0 where the header gives no place."""
    i, j, k = shape
    return FileGrid(
        shape_IJK=(int(i), int(j), int(k)),
        affine=matrix(affine),
        sform=matrix(affine) if code else None,
        sform_code=code,
        qform=None,
        qform_code=0,
        units=MILLIMETRES,
    )
