"""DICOM segmentations (PS3.3 A.51): frames with a place each, stacked as the slices of the CT are.

Frames that hold nothing may be left out, and a stack may be tilted against its slices or uneven: a frame that lies on a
slice of the CT goes there whatever its neighbours do.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hemosweep.errors import BadInput
from hemosweep.importers.masks.drawing import Label
from hemosweep.importers.masks.grid import SAME_PLANE_MM, onto_ct

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hemosweep.arrays import Mask
    from hemosweep.data.nifti import Volume

    Vectors = NDArray[np.float64]
    Indices = NDArray[np.int64]

MAX_OFF_PLANE = 0.25
"""Distance of a frame from a slice, or from its place in an even stack, in slices, that is rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameDrawing:
    """Segments of a DICOM segmentation.

    `corners_N3` are the centres of the frames' first pixels and `in_plane_32` the ways along a row and along a column
    from pixel to pixel, in RAS+ millimetres. `numbers_N` are the frames' segments, 0 where a frame holds all of them
    as values. `scale` is the value of certainty in a segmentation of probabilities, else 1. `pitch_mm` is the distance
    of slices that the file names, 0 where it names none.
    """

    labels: tuple[Label, ...]
    pixels_NRC: "NDArray[Any]"
    numbers_N: "Indices"
    corners_N3: "Vectors"
    in_plane_32: "Vectors"
    scale: float
    pitch_mm: float

    @classmethod
    def of(cls, data: Any) -> "FrameDrawing":
        """Segments of a pydicom data set of the modality SEG.

        Raises:
            BadInput: its frames lie in planes of several directions.
            AttributeError, KeyError, ValueError: it is not as the standard has it.
        """
        import numpy as np

        to_ras = np.array([-1.0, -1.0, 1.0])
        shared: Any = data.SharedFunctionalGroupsSequence[0] if data.get("SharedFunctionalGroupsSequence") else {}
        frames = data.PerFrameFunctionalGroupsSequence

        def values(group: str, field: str) -> "Vectors":
            items = [frame.get(group) or shared.get(group) for frame in frames]
            if not all(item and item[0].get(field) is not None for item in items):
                raise BadInput(f"cannot be read as DICOM (a frame lacks {field}); export it again")
            return np.array([getattr(item[0], field) for item in items], dtype=np.float64)

        directions_N6 = values("PlaneOrientationSequence", "ImageOrientationPatient")
        spacings_N2 = values("PixelMeasuresSequence", "PixelSpacing")
        if np.ptp(directions_N6, axis=0).max() > 1e-3 or np.ptp(spacings_N2, axis=0).max() > 1e-3:
            raise BadInput("its frames have several directions or pixel sizes; export it as NRRD")
        along_row, along_column = directions_N6[0, :3], directions_N6[0, 3:]
        between_rows, between_columns = spacings_N2[0]
        in_plane_32 = np.column_stack([along_row * between_columns, along_column * between_rows])
        labelmap = data.get("SegmentationType") == "LABELMAP"
        numbers = 0 * values("PlanePositionSequence", "ImagePositionPatient")[:, 0]
        if not labelmap:
            numbers = values("SegmentIdentificationSequence", "ReferencedSegmentNumber")
        measures = (frames[0].get("PixelMeasuresSequence") or shared.get("PixelMeasuresSequence"))[0]
        pixels = data.pixel_array
        return cls(
            labels=tuple(
                Label(number=int(one.SegmentNumber), name=str(one.get("SegmentLabel", "")))
                for one in data.SegmentSequence
            ),
            pixels_NRC=pixels if pixels.ndim == 3 else pixels[None],
            numbers_N=numbers.astype(np.int64),
            corners_N3=values("PlanePositionSequence", "ImagePositionPatient") * to_ras,
            in_plane_32=in_plane_32 * to_ras[:, None],
            scale=float(data.get("MaximumFractionalValue") or 1) if data.SegmentationType == "FRACTIONAL" else 1.0,
            pitch_mm=float(measures.get("SpacingBetweenSlices") or 0),
        )

    def onto(self, ct: "Volume", label: Label) -> "tuple[Mask, tuple[str, ...]]":
        """Mask of a segment on the CT's grid (`onto_ct`); probabilities are cut at 0.5 with a warning.

        Raises:
            BadInput: nothing of it lies on the CT, its frames lie across the CT's slices and make no even stack, or
                its values are no labels.
        """
        import numpy as np

        from hemosweep.data.mask_values import as_labels
        from hemosweep.data.nifti import to_ras

        chosen_N = np.flatnonzero((self.numbers_N == label.number) | (self.numbers_N == 0))
        if not len(chosen_N):
            raise BadInput(f"has no frame of the label {label}: nothing is drawn")
        affine, index_N = self._on_slices(ct, chosen_N) or self._even_stack(chosen_N)
        pixels_NRC = self.pixels_NRC[chosen_N]
        if self.numbers_N[chosen_N[0]] == 0:
            pixels_NRC = pixels_NRC == label.number
        values_NRC, warnings = as_labels(pixels_NRC / np.float32(self.scale) if self.scale != 1 else pixels_NRC)
        stack_IJK = np.zeros((*values_NRC.shape[:0:-1], int(index_N.max()) + 1), dtype=bool)
        for index, values_RC in zip(index_N, values_NRC, strict=True):
            stack_IJK[:, :, index] |= values_RC.T != 0
        mask_DHW, of_grid = onto_ct(ct, to_ras(stack_IJK, affine))
        return mask_DHW, (*warnings, *of_grid)

    def _on_slices(self, ct: "Volume", chosen_N: "Indices") -> "tuple[Vectors, Indices] | None":
        """Grid with the CT's own way from slice to slice, and each frame's place in it; None where frames lie across
        the CT's slices or between them, or several planes of frames would be one slice."""
        import numpy as np

        to_ct = np.linalg.inv(ct.affine)
        _, rows, columns = self.pixels_NRC.shape
        sloping = np.abs(to_ct[2, :3] @ self.in_plane_32) @ (columns, rows)
        place_N = self.corners_N3[chosen_N] @ to_ct[2, :3] + to_ct[2, 3]
        index_N = np.rint(place_N).astype(np.int64)
        if sloping > MAX_OFF_PLANE or np.abs(place_N - index_N).max() > MAX_OFF_PLANE:
            return None
        upwards = np.argsort(place_N)
        apart_mm = np.diff(place_N[upwards]) * ct.spacing_DHW_mm[0]
        if ((apart_mm > SAME_PLANE_MM) & (np.diff(index_N[upwards]) == 0)).any():
            return None
        return self._grid(chosen_N, index_N, ct.affine[:3, 2])

    def _even_stack(self, chosen_N: "Indices") -> "tuple[Vectors, Indices]":
        """Grid through the places of all frames, and the chosen frames' places in it.

        Raises:
            BadInput: the frames are not evenly spaced.
        """
        import numpy as np

        normal = np.cross(self.in_plane_32[:, 0], self.in_plane_32[:, 1])
        normal /= np.linalg.norm(normal)
        along_N = self.corners_N3 @ normal
        gaps = np.diff(np.unique(np.round(along_N, 2)))
        gap = float(gaps.min(initial=np.inf))
        first, last = along_N.argmin(), along_N.argmax()
        if np.isinf(gap):  # all in one plane
            step = normal * (self.pitch_mm or 1.0)
        else:
            gap /= max(1, round(gap / self.pitch_mm)) if self.pitch_mm else 1
            num_steps = round((along_N[last] - along_N[first]) / gap)
            step = (self.corners_N3[last] - self.corners_N3[first]) / num_steps
        index_N = np.rint((along_N - along_N[first]) / (step @ normal)).astype(np.int64)
        grid = self._grid(np.arange(len(along_N)), index_N, step)
        if grid is None:
            raise BadInput("its frames make no even stack and do not lie on the CT's slices; export it as NRRD")
        return grid[0], grid[1][chosen_N]

    def _grid(self, frames_N: "Indices", index_N: "Indices", step: "Vectors") -> "tuple[Vectors, Indices] | None":
        """Grid of frames that are `step` apart for each index, and their indices from 0 on; None where they are not."""
        import numpy as np

        index_N = index_N - index_N.min()
        origins_N3 = self.corners_N3[frames_N] - index_N[:, None] * step
        affine = np.eye(4)
        affine[:3, :2], affine[:3, 2], affine[:3, 3] = self.in_plane_32, step, origins_N3.mean(axis=0)
        apart_3N = np.linalg.solve(affine[:3, :3], (origins_N3 - affine[:3, 3]).T)
        return None if np.abs(apart_3N).max() > MAX_OFF_PLANE else (affine, index_N)
