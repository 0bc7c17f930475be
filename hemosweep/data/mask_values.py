"""Values of mask files to labels: colours and probabilities, where they have one meaning."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemosweep.arrays import Mask
from hemosweep.errors import BadInput

THRESHOLD = 0.5
"""Least probability of a voxel that belongs to the mask."""
MAX_LISTED = 5
COLOUR = "is a colour picture"
"""Beginning of what is said of colours."""


class Probabilities(BadInput):
    """Values from 0 to 1 that cannot be told apart at 0.5."""


def is_colour(array_IJKC: NDArray[Any]) -> bool:
    """True if an array as it is stored holds colours: RGB or RGBA records, or 8-bit volumes of 3 or 4 channels."""
    if array_IJKC.dtype.names:
        return array_IJKC.dtype.names[:3] == ("R", "G", "B")
    return array_IJKC.dtype == np.uint8 and array_IJKC.ndim > 3 and array_IJKC.shape[-1] in (3, 4)


def single_colour(array_IJKC: NDArray[Any]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Mask of the only colour besides black, with a warning that says so.

    The opacity of RGBA does not count. Values of 0 and 1 alone are labels in channels of their own, which are refused.

    Args:
        array_IJKC: as `is_colour` takes it; axes of length 1 before the channels are dropped.

    Returns:
        0 and 1 in (i, j, k).

    Raises:
        BadInput: there are several colours, or none: the channels are labels.
    """
    channels = (
        [array_IJKC[name] for name in array_IJKC.dtype.names]
        if array_IJKC.dtype.names
        else [array_IJKC[..., channel] for channel in range(array_IJKC.shape[-1])]
    )
    _check_colours(channels)
    red, green, blue = channels[:3]
    code = (red.astype(np.uint32) << 16) | (green.astype(np.uint32) << 8) | blue
    if code.ndim > 3 and code.size == np.prod(code.shape[:3]):
        code = code.reshape(code.shape[:3])
    colours = [f"({value >> 16}, {value >> 8 & 255}, {value & 255})" for value in np.unique(code).tolist() if value]
    if len(colours) > 1:
        listed = ", ".join(colours[:MAX_LISTED]) + (", ..." if colours[MAX_LISTED:] else "")
        raise BadInput(
            f"{COLOUR} of {len(colours)} colours ({listed}), and which of them is the lesion is not known; "
            "save it as a label map of numbers"
        )
    words = (f"{COLOUR}: its only colour {colours[0]} is taken as the mask",) if colours else ()
    return (code != 0).astype(np.uint8), words


def _check_colours(channels: Sequence[NDArray[Any]]) -> None:
    """Refuse channels that are labels: of zeros and ones alone, or a fourth with voxels of its own."""
    way_out = f"save it as one label map of numbers (0 to {len(channels)})"
    if 0 < max(channel.max() for channel in channels) <= 1:
        raise BadInput(f"has {len(channels)} channels of zeros and ones, which are labels and no colours; {way_out}")
    for opacity in channels[3:]:
        opacities = opacity[(channels[0] == 0) & (channels[1] == 0) & (channels[2] == 0)]
        if opacities.size and opacities.min() != opacities.max():
            raise BadInput(f"has voxels in its fourth channel alone, which is then no opacity of colours; {way_out}")


def voxels_of(labels_DHW: NDArray[Any], label: int | None) -> Mask:
    """Voxels of a label; of 1 where none is chosen."""
    return np.asarray(labels_DHW == (1 if label is None else label))


def as_labels(values_DHW: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Labels of a mask: whole numbers as they are, probabilities cut at 0.5 with a warning that says so.

    Raises:
        Probabilities: none reaches 0.5, or some are 0.5 exactly and so neither in nor out.
        BadInput: other values that are no labels, or negative ones. The message begins with "has".
    """
    if values_DHW.dtype.kind in "bu":
        return values_DHW, ()
    whole = values_DHW.dtype.kind == "i" or bool((values_DHW == np.rint(values_DHW)).all())  # NaN is not
    if whole and values_DHW.min() >= 0:
        return values_DHW, ()
    if whole or not (values_DHW.min() >= 0 and values_DHW.max() <= 1):
        raise BadInput("has values that are no labels (0, 1, 2 ...); is it the mask?")
    highest, num_ties = float(values_DHW.max()), int(np.count_nonzero(values_DHW == THRESHOLD))
    if highest < THRESHOLD:
        raise Probabilities(f"holds probabilities up to {highest:.2g}, and none reaches {THRESHOLD}; binarise it")
    if num_ties:
        raise Probabilities(
            f"has values other than 0 and 1 ({THRESHOLD}): {num_ties} voxels are neither in nor out; binarise it"
        )
    text = f"holds probabilities: voxels of at least {THRESHOLD} are taken as the mask"
    return (values_DHW >= THRESHOLD).astype(np.uint8), (text,)
