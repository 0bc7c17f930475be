"""Memory and disk of cases and fold runs, estimated from facts that are cheap to read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hemosweep.arrays import Shape, Spacing
from hemosweep.config import ArmConfig, PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.errors import BadInput
from hemosweep.preprocessing.grid import network_shape
from hemosweep.preprocessing.record import load_facts

HEAD_SHARE = 0.6
"""Share of a scan's box that is left after cropping to the head: 0.38 to 0.73 in eight public scans and in phantoms."""
BYTES_PER_VOXEL = 0.2
"""Size of a preprocessed case's file for each voxel before cropping, and channel: 0.11 to 0.31 in the same cases."""
_BYTES_PER_CENTRE = 16
"""Bytes of a centre in a patch bank: three coordinates and the number of the case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CTGrid:
    """The grid of a CT. The last axis of its file is assumed to be that of the slices, which nearly always holds."""

    shape_DHW: Shape
    spacing_DHW_mm: Spacing


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseSize:
    """Voxels of a case as scanned, and as the network sees it: `crop_DHW`, cropped to the head."""

    native_DHW: Shape
    crop_DHW: Shape


def preprocessed_size(path: Path) -> CaseSize:
    """The size of a saved case, without unpacking its arrays.

    Raises:
        BadInput: the file is missing or damaged.
    """
    facts = load_facts(path)
    return CaseSize(native_DHW=_shape(facts["native_DHW"]), crop_DHW=_shape(facts["crop_DHW"]))


def read_scan(case: Case) -> CTGrid:
    """Read the grid of a case's CT from its header.

    Raises:
        BadInput: there is no such file, or it is no NIfTI file.
    """
    # Imported only here: it takes half of a plan's time, and is not needed when every case is preprocessed.
    import nibabel as nib
    from nibabel.filebasedimages import ImageFileError

    try:
        image = nib.load(case.ct_path)
        if not isinstance(image, nib.Nifti1Image):
            raise ImageFileError("another format")
        width, height, depth = _shape(image.shape[:3])
        w_mm, h_mm, d_mm = (float(mm) for mm in image.header.get_zooms()[:3])
    except (ImageFileError, OSError, EOFError, ValueError) as error:
        raise BadInput(
            f"case {case.case_id}: the header of {case.ct_path.name} cannot be read ({type(error).__name__}); "
            "hemosweep data check names all such cases"
        ) from error
    return CTGrid(shape_DHW=(depth, height, width), spacing_DHW_mm=(d_mm, h_mm, w_mm))


def expected_size(scan: CTGrid, config: PreprocessingConfig) -> CaseSize:
    """The size that a case will have, if the head has its usual share of the scan."""
    full_DHW = network_shape(scan.shape_DHW, scan.spacing_DHW_mm, config)
    depth, height, width = (round(size * HEAD_SHARE ** (1 / 3)) for size in full_DHW)
    return CaseSize(native_DHW=scan.shape_DHW, crop_DHW=(depth, height, width))


def file_bytes(size: CaseSize, config: PreprocessingConfig) -> int:
    """Approximate bytes of a preprocessed case on disk."""
    return round(BYTES_PER_VOXEL * len(config.channels) * math.prod(size.crop_DHW) / HEAD_SHARE)


def resident_bytes(size: CaseSize, config: ArmConfig) -> int:
    """Memory of a case of the training or validation part in a patch bank, for as long as a fold run trains.

    While the bank is built, before the first step, it takes twice as much.
    """
    # Images in float16, labels in one byte, weights in float32.
    voxel_bytes = 2 * len(config.preprocessing.channels) + 1 + 4 * (config.training.weight_map is not None)
    return voxel_bytes * math.prod(size.crop_DHW) + _BYTES_PER_CENTRE * config.sampling.num_patches_per_case


def prediction_bytes(cases: Sequence[Case]) -> int:
    """Approximate bytes of the predictions of these cases on disk: those of their reference masks."""
    masks = [case.lesion_path for case in cases if case.lesion_path is not None]
    return sum(mask.stat().st_size for mask in masks if mask.is_file())


def _shape(values: Sequence[int]) -> Shape:
    depth, height, width = (int(value) for value in values)
    return depth, height, width
