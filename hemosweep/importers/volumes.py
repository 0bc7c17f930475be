"""Reading a public set's CT with the label map that was drawn on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput
from hemosweep.importers.source import Scan
from hemosweep.importers.writer import ImportedCase

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hemosweep.arrays import Mask
    from hemosweep.data.file_grid import FileGrid
    from hemosweep.data.nifti import Volume

ACUTE_BLOOD_HU = (40.0, 90.0)
"""Range of the median of a mask's voxels if it is drawn around acute blood."""

UNPLACED = "the header of the mask does not place it on the CT; it is taken to lie there voxel by voxel"
MERGED = (
    "the masks merge all types of hemorrhage, blood in the ventricles too: the lesion is not IPH alone, and ivh is n/a"
)
"""Type that is written for a data set whose masks do not tell the types apart."""


def read_scan(scan: Scan, *, binary: bool = False) -> "tuple[Volume, NDArray[np.generic], tuple[str, ...]]":
    """Read a scan's CT as it is stored, its label map on the CT's grid, and warnings about oddities and corrections.

    Raises:
        BadInput: as `read_ct` and `read_labels`, or the scan has no label map.
    """
    ct = read_ct(scan.case_id, scan.ct_path)
    labels_DHW, warnings = read_labels(scan.case_id, scan.labels_path, scan.ct_path, ct, binary=binary)
    return ct, labels_DHW, (*ct.warnings, *warnings)


def read_ct(case_id: str, path: Path | None) -> "Volume":
    """Read a CT as it is stored.

    Raises:
        BadInput: there is no file, it is unreadable, or holds non-finite voxels.
    """
    import numpy as np

    from hemosweep.data.images import read_image

    if path is None:
        raise BadInput(f"case {case_id}: there is a mask but no CT of that name; add it or remove the mask")
    ct = read_image(path)
    if not np.isfinite(ct.array_DHW).all():
        raise BadInput(f"case {case_id}: {path.name} has non-finite voxels; convert the CT again")
    return ct


def read_labels(
    case_id: str, path: Path | None, ct_path: Path | None, ct: "Volume", *, binary: bool = False
) -> "tuple[NDArray[np.generic], tuple[str, ...]]":
    """Read a label map onto its CT's grid, with warnings about corrections.

    A label map that differs from its CT only in the header takes the place of the CT: its header has no place, or one
    of the two has no sform while shape, voxel size and axes agree.

    Args:
        binary: the mask has one label, so that probabilities may be cut at 0.5.

    Raises:
        BadInput: there is no file, it is unreadable, lies elsewhere than the CT, or has values that are no labels.
    """
    from hemosweep.data.images import read_image
    from hemosweep.data.mask_values import COLOUR, as_labels
    from hemosweep.data.reading import MAX_VOXELS_APART, voxels_apart

    if path is None or ct_path is None:
        raise BadInput(f"case {case_id}: there is a CT but no mask of that name; add it or remove the CT")
    labels = read_image(path, as_mask=True)
    warnings = tuple(text for text in labels.warnings if text.startswith(COLOUR))
    if labels.array_DHW.shape != ct.array_DHW.shape or voxels_apart(ct, labels) > MAX_VOXELS_APART:
        if not header_noise(ct, labels):
            raise BadInput(
                f"case {case_id}: CT {ct_path.name} ({_size(ct)} voxels) and mask {path.name} ({_size(labels)}) lie on "
                "different grids; take the image that the mask was drawn on"
            )
        labels = voxel_by_voxel(ct, labels)
        warnings += (UNPLACED,)
    try:
        values_DHW, cut = as_labels(labels.array_DHW)
    except BadInput as error:
        raise BadInput(f"case {case_id}: {path.name} {error}") from None
    if cut and not binary:
        raise BadInput(f"case {case_id}: {path.name} holds probabilities; a label map (0, 1, 2 ...) is wanted")
    return values_DHW, (*warnings, *cut)


def _size(volume: "Volume") -> str:
    return " x ".join(str(size) for size in volume.array_DHW.shape[::-1])


def voxel_by_voxel(ct: "Volume", labels: "Volume") -> "Volume":
    """The voxels of a label map's file in the place that those of the CT's file have; both have one shape."""
    import numpy as np

    from hemosweep.data.nifti import in_file_order, to_ras

    assert ct.file_grid is not None
    assert labels.file_grid is not None
    array_IJK = in_file_order(labels.array_DHW.transpose(2, 1, 0), labels.file_grid)
    return to_ras(array_IJK, np.array(ct.file_grid.affine))


def header_noise(ct: "Volume", labels: "Volume") -> bool:
    """True if two files that seem to lie apart were one grid before a header was lost."""
    import nibabel as nib
    import numpy as np

    of_ct, of_labels = ct.file_grid, labels.file_grid
    if of_ct is None or of_labels is None or of_ct.shape_IJK != of_labels.shape_IJK:
        return False
    if _says_no_place(of_labels):
        return True
    affines = [np.array(grid.affine) for grid in (of_ct, of_labels)]
    ct_mm, labels_mm = (np.linalg.norm(affine[:3, :3], axis=0) for affine in affines)
    ct_axes, labels_axes = map(nib.aff2axcodes, affines)
    return (
        0 in (of_ct.sform_code, of_labels.sform_code)
        and np.allclose(ct_mm, labels_mm, rtol=0.01)
        and ct_axes == labels_axes
    )


def _says_no_place(grid: "FileGrid") -> bool:
    import numpy as np

    identity = np.allclose(np.abs(np.array(grid.affine)[:3, :3]), np.eye(3))
    return bool(identity) or grid.sform_code == grid.qform_code == 0


def read_binary_case(
    scan: Scan, *, patient_id: str, ivh: bool | None = None, columns: Mapping[str, str], warnings: tuple[str, ...] = ()
) -> ImportedCase:
    """Read a case of a set whose masks have one label.

    Raises:
        BadInput: as `read_scan`, or the mask has several labels.
    """
    ct, labels_DHW, mended = read_scan(scan, binary=True)
    lesion_DHW = _foreground(scan, labels_DHW)
    return ImportedCase(
        case_id=scan.case_id,
        patient_id=patient_id,
        ivh=ivh,
        ct=ct,
        lesion_DHW=lesion_DHW,
        columns=columns,
        warnings=(*warnings, *mended, *odd_blood(ct, lesion_DHW)),
    )


def _foreground(scan: Scan, labels_DHW: "NDArray[np.generic]") -> "Mask":
    """Voxels where a mask of one other value is not 0; of a grey-level picture (up to 255), its bright half."""
    import numpy as np

    values = np.unique(labels_DHW)
    values = values[values != 0]
    if len(values) > 1 and values[-1] != 255:
        listed = ", ".join(f"{value:g}" for value in values[:6])
        raise BadInput(
            f"case {scan.case_id}: the mask has the labels {listed} where one is expected; is it another set?"
        )
    return np.asarray(labels_DHW != 0) if len(values) < 2 else labels_DHW.astype(np.int64) >= 128


def odd_blood(ct: "Volume", lesion_DHW: "Mask") -> tuple[str, ...]:
    """Warning if the lesion's voxels do not look like blood: the label has another meaning, or the mask belongs to
    another scan.

    The values may be stored without their HU intercept (`to_hounsfield`).
    """
    import numpy as np

    from hemosweep.data.hounsfield import to_hounsfield

    if not lesion_DHW.any():
        return ()
    hu_DHW, _ = to_hounsfield(ct.array_DHW)
    median_hu = float(np.median(hu_DHW[lesion_DHW]))
    low_hu, high_hu = ACUTE_BLOOD_HU
    if low_hu <= median_hu <= high_hu:
        return ()
    return (
        f"the lesion's median is {median_hu:g} HU, fresh blood has {low_hu:g} to {high_hu:g}; is it the right label?",
    )
