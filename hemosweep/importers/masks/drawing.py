"""A file with drawn labels, and the choice of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hemosweep.errors import BadInput
from hemosweep.ids import canonical_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hemosweep.arrays import Mask
    from hemosweep.data.nifti import Volume


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A label of a file: a segment, a structure, or a value of a label map. `name` is empty where it has none."""

    number: int
    name: str = ""

    def __str__(self) -> str:
        return f"{' '.join(self.name.split())} ({self.number})" if self.name else str(self.number)


class Drawing(Protocol):
    """A drawing: labels, each of which is a mask on a CT."""

    @property
    def labels(self) -> tuple[Label, ...]:
        """All labels, in the file's order."""

    def onto(self, ct: "Volume", label: Label) -> "tuple[Mask, tuple[str, ...]]":
        """Mask of a label on the CT's grid, and warnings about how it got there, one sentence each.

        Raises:
            BadInput: the label does not lie on the CT, or cannot be read.
        """


class NoSuchLabel(BadInput):
    """A label that a file does not have."""


class ChoiceNeeded(BadInput):
    """A file with several labels, of which none was chosen."""


def nothing_on_ct(ct: "Volume", drawn_3N: "NDArray[np.float64]") -> BadInput:
    """The reason why a drawing has no voxel on a CT: it lies elsewhere, or is smaller than a voxel.

    Args:
        drawn_3N: (d, h, w) of points of the drawing, in voxels of the CT.
    """
    import numpy as np

    ends_31 = np.array(ct.array_DHW.shape)[:, None] - 0.5
    if ((drawn_3N >= -0.5) & (drawn_3N <= ends_31)).all(axis=0).any():
        return BadInput("is smaller than a voxel of the CT: it holds the centre of none; draw it on this CT")
    return BadInput("does not overlap the CT: is it of another scan or case?")


def choose(labels: Sequence[Label], choice: str | None, option: str) -> Label:
    """The label that a user means by its name, in capitals or not, or by its number; the only one without a choice.

    Args:
        option: the option that the choice is made with, for messages.

    Raises:
        ChoiceNeeded: there are several and no choice.
        NoSuchLabel: there is none of that name or number.
        BadInput: there is none at all, or several are meant.
    """
    listed = ", ".join(map(str, labels))
    if not labels:
        raise BadInput("has no label: nothing is drawn in it")
    if choice is None:
        if len(labels) > 1:
            raise ChoiceNeeded(f"has the labels {listed}; choose one with {option}, by its name or number")
        return labels[0]
    meant = [one for one in labels if one.name and folded(one.name) == folded(choice)]
    if not meant and choice.strip().isdecimal():
        meant = [one for one in labels if one.number == int(choice)]
    if not meant:
        raise NoSuchLabel(f"has no label {choice}; it has {listed}")
    if len(meant) > 1:
        raise BadInput(f"has {len(meant)} labels {choice} ({', '.join(map(str, meant))}); make it one in the program")
    return meant[0]


def folded(name: str) -> str:
    """A label's name in the form in which names are compared."""
    return canonical_id(name.strip()).casefold()
