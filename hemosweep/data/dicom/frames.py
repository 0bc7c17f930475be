"""Frames of an enhanced CT object, each seen as the data set of a single slice.

Their attributes lie in functional groups (PS3.3, C.7.6.16): one item for each frame, and one that the frames share. An
object that was converted from single slices keeps the rest in groups of unassigned attributes (C.7.6.16.2.25).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

ENHANCED_CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
"""SOP classes of enhanced CT, and of what was converted to it."""
GROUPS = {
    "ImagePositionPatient": ("PlanePositionSequence", "ImagePositionPatient"),
    "ImageOrientationPatient": ("PlaneOrientationSequence", "ImageOrientationPatient"),
    "PixelSpacing": ("PixelMeasuresSequence", "PixelSpacing"),
    "ImageType": ("CTImageFrameTypeSequence", "FrameType"),
    "ConvolutionKernel": ("CTReconstructionSequence", "ConvolutionKernel"),
    "RescaleSlope": ("PixelValueTransformationSequence", "RescaleSlope"),
    "RescaleIntercept": ("PixelValueTransformationSequence", "RescaleIntercept"),
    "RescaleType": ("PixelValueTransformationSequence", "RescaleType"),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber"),
    "AcquisitionDateTime": ("FrameContentSequence", "FrameAcquisitionDateTime"),
    "StackID": ("FrameContentSequence", "StackID"),
    "TemporalPositionIndex": ("FrameContentSequence", "TemporalPositionIndex"),
}
"""Attributes of a single slice, with the functional group of an enhanced object and their name in it."""
UNASSIGNED = ("UnassignedPerFrameConvertedAttributesSequence", "UnassignedSharedConvertedAttributesSequence")
FRAME_TAGS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "ContrastBolusAgentSequence")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, `number` of them counted from 0."""

    data: "Dataset"
    number: int

    def get(self, keyword: str) -> Any:
        """Value of an attribute: the frame's own, that which the frames share, or the object's; None where it has
        none."""
        if keyword == "ContrastBolusAgent":
            return self._agent()
        if keyword == "BodyPartExamined":
            regions = [region for item in self._items("FrameAnatomySequence") for region in _regions(item)]
            return " ".join(regions) or self.data.get(keyword)
        places = [GROUPS[keyword]] if keyword in GROUPS else []
        places += [(sequence, keyword) for sequence in UNASSIGNED]
        values = (item.get(name) for sequence, name in places for item in self._items(sequence))
        return next((value for value in values if value is not None), self.data.get(keyword))

    def _items(self, sequence: str) -> "list[Dataset]":
        """Items of a functional group: the frame's, or those that the frames share."""
        each, shared = self.data.get(FRAME_TAGS[1]) or [], self.data.get(FRAME_TAGS[0]) or []
        for groups in (each[self.number : self.number + 1], shared[:1]):
            for group in groups:
                if items := group.get(sequence):
                    return list(items)
        return []

    def _agent(self) -> str:
        """Names of the agents; empty where there is none, or the frame says that none was given."""
        usage = [str(item.get("ContrastBolusAgentAdministered")) for item in self._items("ContrastBolusUsageSequence")]
        if usage and set(usage) == {"NO"}:
            return ""
        agents = [str(item.get("CodeMeaning") or "agent") for item in self.data.get(FRAME_TAGS[2]) or []]
        old = [item.get("ContrastBolusAgent") for sequence in UNASSIGNED for item in self._items(sequence)]
        old.append(self.data.get("ContrastBolusAgent"))
        return " ".join(agents or [str(agent) for agent in old if agent][:1])


def as_slices(data: "Dataset") -> "tuple[Dataset | Frame, ...]":
    """The frames of an enhanced CT object, and another object itself. An object that does not describe each of its
    frames has none."""
    if str(data.get("SOPClassUID")) not in ENHANCED_CT:
        return (data,)
    num_frames = int(data.get("NumberOfFrames") or 1)
    if len(data.get(FRAME_TAGS[1]) or []) != num_frames:
        return ()
    return tuple(Frame(data, number) for number in range(num_frames))


def _regions(item: "Dataset") -> list[str]:
    return [str(region.get("CodeMeaning") or "") for region in item.get("AnatomicRegionSequence") or []]
