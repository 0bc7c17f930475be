"""Reading a public set's CT with the label map that was drawn on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hemosweep.errors import BadInput
from hemosweep.importers.source import Scan
from hemosweep.importers.writer import ImportedCase

if TYPE_CHECKING:
    import numpy as np
    from nibabel.spatialimages import SpatialImage
    from numpy.typing import NDArray

    from hemosweep.arrays import Mask
    from hemosweep.data.nifti import Volume

ACUTE_BLOOD_HU = (40.0, 90.0)
"""Range of the median of a mask's voxels if it is drawn around acute blood."""

MERGED = (
    "the masks merge all types of hemorrhage, blood in the ventricles too: the lesion is not IPH alone, and ivh is n/a"
)
"""Type that is written for a data set whose masks do not tell the types apart."""


def read_scan(scan: Scan) -> "tuple[Volume, NDArray[np.generic], tuple[str, ...]]":
    """Read a scan's CT as it is stored, its label map on the CT's grid, and warnings about oddities and corrections.

    Raises:
        BadInput: as `read_ct` and `read_labels`, or the scan has no label map.
    """
    ct = read_ct(scan.case_id, scan.ct_path)
    labels_DHW, warnings = read_labels(scan.case_id, scan.labels_path, scan.ct_path, ct)
    return ct, labels_DHW, (*ct.warnings, *warnings)


def read_ct(case_id: str, path: Path | None) -> "Volume":
    """Read a CT as it is stored.

    Raises:
        BadInput: there is no file, it is unreadable, or holds non-finite voxels.
    """
    import numpy as np

    from hemosweep.data.nifti import read_volume

    if path is None:
        raise BadInput(f"case {case_id}: there is a mask but no CT of that name; add it or remove the mask")
    ct = read_volume(path)
    if not np.isfinite(ct.array_DHW).all():
        raise BadInput(f"case {case_id}: {path.name} has non-finite voxels; convert the CT again")
    return ct


def read_labels(
    case_id: str, path: Path | None, ct_path: Path | None, ct: "Volume"
) -> "tuple[NDArray[np.generic], tuple[str, ...]]":
    """Read a label map onto its CT's grid, with warnings about corrections.

    A label map that differs from its CT only in the header takes the place of the CT: its header has no place, or one
    of the two has no sform while shape, voxel size and axes agree.

    Raises:
        BadInput: there is no file, it is unreadable, lies elsewhere than the CT, or has values that are no labels.
    """
    import nibabel as nib
    import numpy as np

    from hemosweep.data.nifti import read_volume, to_ras
    from hemosweep.data.reading import MAX_VOXELS_APART, voxels_apart

    if path is None or ct_path is None:
        raise BadInput(f"case {case_id}: there is a CT but no mask of that name; add it or remove the CT")
    labels = read_volume(path)
    warnings: tuple[str, ...] = ()
    if labels.array_DHW.shape != ct.array_DHW.shape or voxels_apart(ct, labels) > MAX_VOXELS_APART:
        ct_file, file = cast("SpatialImage", nib.load(ct_path)), cast("SpatialImage", nib.load(path))
        if not _header_noise(ct_file, file):
            raise BadInput(
                f"case {case_id}: CT {ct_path.name} ({_size(ct)} voxels) and mask {path.name} ({_size(labels)}) lie on "
                "different grids; take the image that the mask was drawn on"
            )
        labels = to_ras(
            np.asanyarray(file.dataobj).reshape(file.shape[:3]), np.asarray(ct_file.affine, dtype=np.float64)
        )
        warnings = ("the header of the mask does not place it on the CT; it is taken to lie there voxel by voxel",)
    values_DHW = labels.array_DHW
    whole = values_DHW.dtype.kind in "biu" or bool((values_DHW == np.rint(values_DHW)).all())  # NaN is not
    if not whole or values_DHW.min() < 0:
        raise BadInput(f"case {case_id}: {path.name} has values that are no labels (0, 1, 2 ...); is it the mask?")
    return values_DHW, warnings


def _size(volume: "Volume") -> str:
    return " x ".join(str(size) for size in volume.array_DHW.shape[::-1])


def _header_noise(ct: "SpatialImage", labels: "SpatialImage") -> bool:
    """True if two files that seem to lie apart were one grid before a header was lost."""
    import nibabel as nib
    import numpy as np

    if ct.shape != labels.shape:
        return False
    if _says_no_place(labels):
        return True
    ct_mm, labels_mm = (np.linalg.norm(image.affine[:3, :3], axis=0) for image in (ct, labels))
    return (
        0 in (_code(ct, "sform_code"), _code(labels, "sform_code"))
        and np.allclose(ct_mm, labels_mm, rtol=0.01)
        and nib.aff2axcodes(ct.affine) == nib.aff2axcodes(labels.affine)
    )


def _says_no_place(image: "SpatialImage") -> bool:
    import numpy as np

    identity = np.allclose(np.abs(image.affine[:3, :3]), np.eye(3))
    return bool(identity) or _code(image, "sform_code") == _code(image, "qform_code") == 0


def _code(image: "SpatialImage", name: str) -> int | None:
    from nibabel.nifti1 import Nifti1Header

    return int(image.header[name]) if isinstance(image.header, Nifti1Header) else None


def read_binary_case(
    scan: Scan, *, patient_id: str, ivh: bool | None = None, columns: Mapping[str, str], warnings: tuple[str, ...] = ()
) -> ImportedCase:
    """Read a case of a set whose masks have one label.

    Raises:
        BadInput: as `read_scan`, or the mask has several labels.
    """
    ct, labels_DHW, mended = read_scan(scan)
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
