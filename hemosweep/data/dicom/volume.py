"""The pixels of a series to a volume in HU."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import INT16, Mask
from hemosweep.data.dicom.frames import Frame
from hemosweep.data.dicom.header import quiet_pydicom
from hemosweep.data.dicom.series import DicomSeries
from hemosweep.data.hounsfield import to_hounsfield
from hemosweep.data.nifti import Volume, to_ras
from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

AIR_BELOW_HU, NO_TISSUE_FROM_HU = -900.0, 32_768.0
"""A padding value below the first is air or less, and one beyond the second a negative number in an unsigned file:
wherever they lie, no tissue has them."""
RIM_SHARE = 0.5
"""Share of the voxels of a padding value in the tissue's range that lie in the rim of the picture, if it pads."""
PADDING_HU = -3024
"""Written where a slice has its padding value: below any HU, so that it is told from tissue whatever the intercept."""


def read_series(series: DicomSeries) -> Volume:
    """Read one series in HU (float32), RAS+ order, as scanned: a tilted gantry leaves the affine sheared.

    Slope, intercept and padding value are taken slice by slice. Uneven slices are interpolated onto an even grid at
    their smallest step. `Volume.warnings` names everything unusual or corrected.

    Raises:
        BadInput: the series was refused when it was listed, a slice cannot be decoded or is cut off, or only some of
            the slices have an intercept.
    """
    if series.stack is None:
        raise BadInput(f"{series.name}: {series.refusal}")
    header, stack = series.header, series.stack
    values_DHW: NDArray[np.generic] = np.empty((len(series.paths), header.rows, header.columns), dtype=np.int16)
    padded_DHW = np.zeros(values_DHW.shape, dtype=bool)
    has_intercept, padding = [], None
    opened: dict[Path, Dataset] = {}
    for index, (path, frame, place) in enumerate(zip(series.paths, series.frames, series.places, strict=True)):
        where = f"{series.name}, slice {index + 1} of {len(series.paths)} ({place})"
        hu_HW, padded_HW, with_intercept = _read_slice(path, frame, opened, where)
        has_intercept.append(with_intercept)
        if hu_HW.shape != values_DHW.shape[1:]:
            raise BadInput(f"{where}: has another number of pixels than its header says; copy the series again")
        if values_DHW.dtype == np.int16 and not _fits_int16(hu_HW):
            values_DHW = values_DHW.astype(np.float32)
        values_DHW[index] = hu_HW
        if padded_HW.any():
            padded_DHW[index] = padded_HW
            padding = float(hu_HW[padded_HW].max()) if padding is None else max(padding, float(hu_HW[padded_HW].max()))
    if any(has_intercept) != all(has_intercept):
        num_missing = len(has_intercept) - sum(has_intercept)
        raise BadInput(
            f"{series.name}: {num_missing} of {len(has_intercept)} slices lack the rescale intercept; export it again"
        )
    of_padding = _put_padding(values_DHW, padded_DHW, padding)
    volume = to_ras(values_DHW.transpose(2, 1, 0), stack.affine)
    hu_DHW, warnings = to_hounsfield(volume.array_DHW)
    if stack.at_D is not None:
        hu_DHW = _interpolated(hu_DHW, stack.at_D)
    return Volume(array_DHW=hu_DHW, affine=volume.affine, warnings=(*stack.warnings, *of_padding, *warnings))


def _put_padding(values_DHW: NDArray[np.generic], padded_DHW: Mask, padding: float | None) -> tuple[str, ...]:
    """Write `PADDING_HU` in place where the scanner saw nothing.

    A padding value that tissue has as well is one only in the rim of the picture: there it reaches the border.

    Args:
        padding: the largest value of a padded voxel in HU; None where there is none.

    Returns a warning where the padding value is that of tissue, and most of its voxels lie inside.
    """
    if padding is None:
        return ()
    if padding <= AIR_BELOW_HU or padding >= NO_TISSUE_FROM_HU:
        values_DHW[padded_DHW] = PADDING_HU
        return ()
    rim_DHW = np.zeros(padded_DHW.shape, dtype=bool)
    for rim_HW, padded_HW in zip(rim_DHW, padded_DHW, strict=True):
        border_HW = padded_HW.copy()
        border_HW[1:-1, 1:-1] = False
        rim_HW[:] = ndimage.binary_propagation(border_HW, mask=padded_HW)
    if rim_DHW.sum() >= RIM_SHARE * padded_DHW.sum():
        values_DHW[rim_DHW] = PADDING_HU
        return ()
    return (f"its padding value is {padding:g} HU, which tissue has inside the picture, too: it is taken for tissue",)


def _read_slice(
    path: Path, frame: int | None, opened: "dict[Path, Dataset]", where: str
) -> tuple[NDArray[np.float32], Mask, bool]:
    """Values of one slice with slope and intercept applied, its padded voxels, and whether there was an intercept.

    Args:
        opened: the file that was read last, which is kept for its other frames.

    Raises:
        BadInput: it cannot be decoded or is cut off, or its slope is zero.
    """
    import pydicom
    from pydicom.pixels.utils import pixel_array

    try:
        with quiet_pydicom():
            if path not in opened:
                opened.clear()
                opened[path] = pydicom.dcmread(path, force=True)  # without a mark it was told for DICOM when listed
            data = opened[path]
            stored_HW: NDArray[np.integer] = pixel_array(data, index=frame or 0)
            one = data if frame is None else Frame(data, frame)
            slope, intercept = one.get("RescaleSlope"), one.get("RescaleIntercept")
            hu_HW = stored_HW * np.float32(1.0 if slope is None else slope)
            hu_HW += np.float32(0.0 if intercept is None else intercept)
            padded_HW = _padded(one, stored_HW)
    except Exception as error:  # decoders pass on any error that a damaged file causes; texts may hold values
        raise BadInput(
            f"{where}: its pixels cannot be decoded ({type(error).__name__}), it is cut off or damaged; copy it again"
        ) from None
    if slope is not None and float(slope) == 0.0:
        raise BadInput(f"{where}: its rescale slope is 0, which makes every voxel the same; export it again")
    return hu_HW.astype(np.float32, copy=False), padded_HW, intercept is not None


def _padded(data: "Dataset | Frame", stored_HW: NDArray[np.integer]) -> Mask:
    """Voxels in which the scanner saw nothing, as PixelPaddingValue and PixelPaddingRangeLimit say."""
    ends = [data.get(tag) for tag in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    given = [int(end) for end in ends if isinstance(end, int)]
    if not given:
        return np.zeros(stored_HW.shape, dtype=bool)
    return np.asarray((stored_HW >= min(given)) & (stored_HW <= max(given)))


def _fits_int16(values_HW: NDArray[np.float32]) -> bool:
    inside = INT16.min <= values_HW.min() and values_HW.max() <= INT16.max
    return bool(inside and (values_HW == np.rint(values_HW)).all())


def _interpolated(hu_DHW: NDArray[np.float32], at_D: NDArray[np.float64]) -> NDArray[np.float32]:
    """Linear between neighbouring slices, in whole HU."""
    below_D = np.minimum(at_D.astype(int), len(hu_DHW) - 2)
    even_DHW = np.empty((len(at_D), *hu_DHW.shape[1:]), dtype=np.float32)
    for index, (below, at) in enumerate(zip(below_D, at_D, strict=True)):
        share = np.float32(at - below)
        even_DHW[index] = np.rint((1 - share) * hu_DHW[below] + share * hu_DHW[below + 1])
    return even_DHW
