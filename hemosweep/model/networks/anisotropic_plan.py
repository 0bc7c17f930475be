"""Sizes by nnU-Net's rules (Isensee et al. 2021) for slices that lie much further apart than the pixels.

For pixels of 0.45 mm and slices of 3 to 5 mm the first two levels see a slice alone, and the first two halvings are in
plane: then the spacings are alike.
"""

Triple = tuple[int, int, int]

NUM_LEVELS_IN_PLANE = 2
WIDEST = 10
"""Channels of the widest level, in those of the first one."""


def kernels(num_levels: int) -> tuple[Triple, ...]:
    """Kernel of each level along D, H and W."""
    return tuple((1, 3, 3) if level < NUM_LEVELS_IN_PLANE else (3, 3, 3) for level in range(num_levels))


def widths(width: int, num_levels: int) -> tuple[int, ...]:
    """Channels of each level."""
    return tuple(min(width * 2**level, width * WIDEST) for level in range(num_levels))


def multiple_of(strides: tuple[Triple, ...]) -> Triple:
    """The numbers by which D, H and W of a patch must be divisible."""
    depth = height = width = 1
    for stride in strides:
        depth, height, width = depth * stride[0], height * stride[1], width * stride[2]
    return depth, height, width
