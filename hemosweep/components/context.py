"""Patches and channels that a network takes, and its context: the voxels at the sides of a patch that it sees and does
not label."""

import math
from typing import TYPE_CHECKING

from hemosweep.components.record import place_of
from hemosweep.errors import BadInput

if TYPE_CHECKING:
    from hemosweep.components.protocols import Network

NO_CONTEXT = (0, 0, 0)


def context_of(network: "Network") -> tuple[int, int, int]:
    """Context of a network along D, H and W; none where it has no `context_DHW`.

    Raises:
        BadInput: it is no three whole numbers of at least 0.
    """
    return _three("context_DHW", network, least=0) or NO_CONTEXT


def only_patch_of(network: "Network") -> tuple[int, int, int] | None:
    """The one patch that a network takes; None where it takes others, too.

    Raises:
        BadInput: it is no three whole numbers of at least 1.
    """
    return _three("only_patch_DHW", network, least=1)


def is_slice_wise(network: "Network") -> bool:
    """True for a network that labels each slice by itself, from the slice and its context.

    Raises:
        BadInput: its `slice_wise` is neither true nor false.
    """
    value = getattr(network, "slice_wise", False)
    if not isinstance(value, bool):
        cls = type(network)
        raise BadInput(f"network={cls.__name__} ({place_of(cls)}): slice_wise is {value!r}; give True, or leave it out")
    return value


def least_voxels_of(network: "Network") -> int:
    """The fewest voxels of a patch that a network takes; 1 where any number will do.

    Raises:
        BadInput: it is no whole number of at least 1.
    """
    value = getattr(network, "least_voxels", 1)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        cls = type(network)
        raise BadInput(
            f"network={cls.__name__} ({place_of(cls)}): least_voxels is {value!r}; give a whole number of at least 1"
        )
    return value


def channels_of(network: "Network") -> tuple[str, ...] | None:
    """Names of the input channels that a network is made for; None where it takes any.

    Raises:
        BadInput: they are no tuple of texts.
    """
    value = getattr(network, "channels", None)
    if value is None:
        return None
    if not (isinstance(value, tuple) and value and all(isinstance(name, str) for name in value)):
        cls = type(network)
        raise BadInput(
            f"network={cls.__name__} ({place_of(cls)}): channels is {value!r}; give a tuple of names, such as "
            '("ct", "symmetric")'
        )
    return value


def check_channels(network: "Network", channels: tuple[str, ...]) -> None:
    """Refuse channels that a network is not made for.

    Raises:
        BadInput: it is made for others, or what it says of them is of no use.
    """
    needed = channels_of(network)
    if needed is not None and channels != needed:
        raise BadInput(
            f"network={type(network).__name__}: it is made for the channels {', '.join(needed)}, and this arm has "
            f"{', '.join(channels)}; change preprocessing.ct_channels, symmetric or angiography"
        )


def check_patch(network: "Network", patch_DHW: tuple[int, int, int], *, augment: bool) -> None:
    """Refuse a patch that a network does not take, or of which it labels nothing.

    Args:
        augment: whether patches are rotated, which a context that differs along H and W does not allow.

    Raises:
        BadInput: it does so, or what the network says of its patches is of no use.
    """
    cls, multiple_DHW = type(network), network.patch_multiple
    if not (isinstance(multiple_DHW, tuple) and len(multiple_DHW) == 3 and all(size >= 1 for size in multiple_DHW)):
        raise BadInput(
            f"network={cls.__name__} ({place_of(cls)}): patch_multiple is {multiple_DHW!r}; give three numbers, for D, "
            "H and W, 1 where any size will do"
        )
    patch = f"patch_HWD={_hwd(patch_DHW)}: {cls.__name__}"
    if any(size % multiple for size, multiple in zip(patch_DHW, multiple_DHW, strict=True)):
        depth, height, width = multiple_DHW
        raise BadInput(f"{patch} needs multiples of {height}, {width} and {depth}")
    only_DHW = only_patch_of(network)
    if only_DHW is not None and patch_DHW != only_DHW:
        raise BadInput(f"{patch} takes no other one than {_hwd(only_DHW)}")
    num_voxels, least = math.prod(patch_DHW), least_voxels_of(network)
    if num_voxels < least:
        raise BadInput(f"{patch} needs {least} voxels or more, this one has {num_voxels}")
    is_slice_wise(network)
    context_DHW = context_of(network)
    depth, height, width = context_DHW
    if min(labelled_part(patch_DHW, context_DHW)) < 1:
        raise BadInput(
            f"{patch} labels none of it: its context takes {height}, {width} and {depth} voxels at each side"
        )
    if augment and height != width:
        raise BadInput(
            f"augment: {cls.__name__} has a context of {height} rows and {width} columns; rotations need them alike"
        )


def _hwd(size_DHW: tuple[int, int, int]) -> tuple[int, int, int]:
    depth, height, width = size_DHW
    return height, width, depth


def labelled_part(patch_DHW: tuple[int, int, int], context_DHW: tuple[int, int, int]) -> tuple[int, int, int]:
    """Size of the part of a patch that is labelled: what the context leaves in the middle."""
    depth, height, width = (size - 2 * context for size, context in zip(patch_DHW, context_DHW, strict=True))
    return depth, height, width


def labelled_slices(patch_DHW: tuple[int, int, int], context_DHW: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    """Place of the labelled part in a patch."""
    d, h, w = (slice(context, size - context) for size, context in zip(patch_DHW, context_DHW, strict=True))
    return d, h, w


def _three(name: str, network: "Network", *, least: int) -> tuple[int, int, int] | None:
    value = getattr(network, name, None)
    if value is None:
        return None
    if not (
        isinstance(value, tuple)
        and len(value) == 3
        and all(isinstance(size, int) and not isinstance(size, bool) and size >= least for size in value)
    ):
        cls = type(network)
        raise BadInput(
            f"network={cls.__name__} ({place_of(cls)}): {name} is {value!r}; give three whole numbers of at least "
            f"{least}, for D, H and W"
        )
    depth, height, width = value
    return depth, height, width
