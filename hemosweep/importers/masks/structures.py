"""Structures of radiotherapy: contours in the planes of slices, filled on the CT's grid."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hemosweep.errors import BadInput
from hemosweep.importers.masks.drawing import Label, nothing_on_ct
from hemosweep.importers.masks.grid import SAME_PLANE_MM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hemosweep.arrays import Mask
    from hemosweep.data.nifti import Volume

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
MAX_OFF_PLANE = 0.25
"""Distance of a contour from a slice, in slices, that is rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StructureDrawing:
    """Structures by their number. A contour is an array of points (x, y, z) in RAS+ millimetres."""

    contours: "Mapping[Label, Sequence[NDArray[np.float64]]]"

    @classmethod
    def of(cls, data: Any) -> "StructureDrawing":
        """Structures of a pydicom data set of the modality RTSTRUCT; those without a closed contour are left out."""
        import numpy as np

        names = {int(one.ROINumber): str(one.get("ROIName", "")) for one in data.StructureSetROISequence}
        contours: dict[Label, list[NDArray[np.float64]]] = {}
        for structure in data.get("ROIContourSequence", ()):
            number = int(structure.ReferencedROINumber)
            label = Label(number=number, name=names.get(number, ""))
            for contour in structure.get("ContourSequence", ()):
                if contour.get("ContourGeometricType") in CLOSED:
                    points_N3 = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
                    contours.setdefault(label, []).append(points_N3 * (-1.0, -1.0, 1.0))
        return cls(contours=contours)

    @property
    def labels(self) -> tuple[Label, ...]:
        """Structures that have a closed contour."""
        return tuple(self.contours)

    def onto(self, ct: "Volume", label: Label) -> "tuple[Mask, tuple[str, ...]]":
        """Fill the contours plane by plane: a voxel is inside if its centre is inside an odd number of contours.

        A slice takes the nearest plane with contours, of two that are as near the lower one. Where planes lie between
        slices or are thinner than they, that is told; planes far apart reach up to half their distance.

        Raises:
            BadInput: the contours do not lie in the planes of the CT's slices, or beside the CT, or hold no voxel.
        """
        import numpy as np

        num_slices, *shape_HW = ct.array_DHW.shape
        outlines = []
        for points_N3 in _each_once(self.contours[label]):
            w, h, d = np.linalg.solve(ct.affine, np.vstack([points_N3.T, np.ones(len(points_N3))]))[:3]
            if np.ptp(d) > 2 * MAX_OFF_PLANE:
                raise BadInput("its contours do not lie in the planes of the CT's slices; export it as DICOM SEG")
            outlines.append((float(d.mean()), w, h))
        places = _drawn_planes([place for place, _, _ in outlines], SAME_PLANE_MM / ct.spacing_DHW_mm[0])
        planes: dict[float, Mask] = {}
        for place, (_, w, h) in zip(places, outlines, strict=True):
            planes[place] = planes.get(place, np.False_) ^ _filled(w, h, shape_HW)
        on_slices = len({round(place) for place in planes}) == len(planes) and all(
            abs(place - round(place)) <= MAX_OFF_PLANE for place in planes
        )
        mask_DHW = np.zeros(ct.array_DHW.shape, dtype=bool)
        reach = 0.5 if on_slices else max(0.5, _pitch(planes) / 2)
        for index in range(num_slices):
            away, place = min((round(abs(place - index), 2), place) for place in planes)
            if away <= reach:
                mask_DHW[index] = planes[place]
        if not mask_DHW.any():
            raise nothing_on_ct(ct, np.hstack([(d * np.ones(len(w)), h, w) for d, w, h in outlines]))
        return mask_DHW, tuple(_warnings(mask_DHW, planes, on_slices))


def _each_once(contours: "Sequence[NDArray[np.float64]]") -> "Iterator[NDArray[np.float64]]":
    """Contours without copies of earlier ones, which would make holes of them."""
    known = set()
    for points_N3 in contours:
        if points_N3.tobytes() not in known:
            known.add(points_N3.tobytes())
            yield points_N3


def _drawn_planes(places: Sequence[float], apart: float) -> list[float]:
    """For each contour the place of its plane, which is that of the plane's lowest contour.

    Args:
        places: of the contours, in slices.
        apart: distance of contours, in slices, up to which they are in one plane.
    """
    planes: dict[float, float] = {}
    plane = -float("inf")
    for place in sorted(places):
        plane = plane if place - plane <= apart else place
        planes[place] = plane
    return [planes[place] for place in places]


def _warnings(mask_DHW: "Mask", planes: "Mapping[float, Mask]", on_slices: bool) -> "list[str]":
    import numpy as np

    texts = []
    if not on_slices:
        texts.append("drawn between the CT's slices: each slice takes the nearest contours")
    outside = [place for place in planes if not -0.5 <= place <= len(mask_DHW) - 0.5]
    if outside:
        texts.append(f"contours in {len(outside)} of {len(planes)} planes lie outside the CT and are cut off")
    steps = np.diff(np.flatnonzero(mask_DHW.any(axis=(1, 2))))
    if len(steps) and np.median(steps) > 1:
        texts.append(f"contours lie on every {np.median(steps):g} slices only; the slices between them stay empty")
    return texts


def _pitch(planes: "Mapping[float, Mask]") -> float:
    """Least distance of two planes with contours, in slices of the CT."""
    places = sorted(planes)
    return min((b - a for a, b in pairwise(places)), default=1.0)


def _filled(w: "NDArray[np.float64]", h: "NDArray[np.float64]", shape_HW: Sequence[int]) -> "Mask":
    """Pixels whose centres lie inside one contour, by matplotlib's test of points."""
    import numpy as np
    from matplotlib.path import Path

    filled_HW = np.zeros(shape_HW, dtype=bool)
    first_h, first_w = max(0, int(np.floor(h.min()))), max(0, int(np.floor(w.min())))
    last_h, last_w = min(shape_HW[0] - 1, int(np.ceil(h.max()))), min(shape_HW[1] - 1, int(np.ceil(w.max())))
    if last_h < first_h or last_w < first_w:
        return filled_HW
    rows, columns = np.mgrid[first_h : last_h + 1, first_w : last_w + 1]
    outline = Path(np.column_stack([w, h]), closed=False)
    inside = outline.contains_points(np.column_stack([columns.ravel(), rows.ravel()]))
    filled_HW[first_h : last_h + 1, first_w : last_w + 1] = inside.reshape(rows.shape)
    return filled_HW
