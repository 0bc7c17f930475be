"""Surface of a mask between eight neighbouring voxels.

Marching cubes (Lorensen and Cline, Computer Graphics 1987;21(4):163-169) lays a surface half-way between voxels inside
and outside. Which triangles pass between eight voxels depends on which of the eight are inside: 256 codes, each with
an area for a given spacing. With these areas as weights, distances are averaged over surface in mm², not over voxels
(Nikolov et al., J Med Internet Res 2021;23(7):e26151, the surface Dice).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hemosweep.arrays import Mask, Spacing

CORNERS = tuple(product((0, 1), repeat=3))
"""Offsets (D, H, W) of the eight voxels; the bit of corner k of a code is 1 << k."""

Edge = tuple[int, int]
MOST_TRIANGLES = 4


def neighbour_codes(mask_DHW: Mask) -> NDArray[np.uint8]:
    """The code between every eight voxels of a mask, outside of which nothing is, `(D + 1, H + 1, W + 1)`.

    Element (d, h, w) lies between voxels d - 1 and d, and so on: half a voxel before voxel (d, h, w).
    """
    import numpy as np

    code: NDArray[np.uint8] = np.pad(mask_DHW, 1).view(np.uint8)
    code = code[:, :, :-1] | (code[:, :, 1:] << np.uint8(1))
    code = code[:, :-1] | (code[:, 1:] << np.uint8(2))
    code = code[:-1] | (code[1:] << np.uint8(4))
    return code


def element_areas_mm2(spacing_DHW_mm: Spacing) -> NDArray[np.float64]:
    """Area of the surface of each of the 256 codes; 0 for codes 0 and 255, all outside and all inside."""
    import numpy as np

    depth, height, width = spacing_DHW_mm
    areas: NDArray[np.float64] = np.linalg.norm(
        _triangle_vectors() * (height * width, depth * width, depth * height), axis=2
    ).sum(axis=1)
    return areas


@cache
def _triangle_vectors() -> NDArray[np.float64]:
    """Each code's triangles as vectors, normal to the triangle and as long as its area on a grid of spacing 1.

    `(256, MOST_TRIANGLES, 3)`, filled up with zeros.
    """
    import numpy as np

    vectors = np.zeros((256, MOST_TRIANGLES, 3))
    for code in range(128):
        triangles = [triangle for polygon in _polygons(code) for triangle in _triangles(polygon)]
        vectors[code, : len(triangles)] = np.reshape(triangles, (-1, 3))
        vectors[255 - code] = vectors[code]  # the complement's
    return vectors


def _triangles(polygon: NDArray[np.float64]) -> NDArray[np.float64]:
    """A polygon's triangles as vectors, `(corners - 2, 3)`.

    All triangles meet in one corner of the polygon. Where it is not flat, the corner matters: the one of the largest
    area makes the edge of the lesion's steps sharp, as it is in the tables in use.
    """
    import numpy as np

    fans = []
    for first in range(len(polygon)):
        spokes = np.roll(polygon, -first, axis=0)[1:] - polygon[first]
        fans.append(np.cross(spokes[:-1], spokes[1:]) / 2.0)
    areas = [float(np.linalg.norm(fan, axis=1).sum()) for fan in fans]
    return fans[int(np.argmax(areas))]


def _polygons(code: int) -> list[NDArray[np.float64]]:
    """The closed lines in which a code's surface meets the cube's faces; their corners are middles of its edges."""
    import numpy as np

    neighbours: dict[Edge, list[Edge]] = {}
    for one, other in _segments(code):
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    polygons = []
    while neighbours:
        line = [next(iter(neighbours))]
        while line[-1] in neighbours:
            nearest = neighbours.pop(line[-1])
            line += [edge for edge in nearest if edge in neighbours][:1]
        middles = [np.add(CORNERS[one], CORNERS[other]) / 2.0 for one, other in line]
        polygons.append(np.array(middles))
    return polygons


def _segments(code: int) -> Iterator[tuple[Edge, Edge]]:
    """The lines in which a code's surface meets the faces of the cube, each between two edges of the cube.

    A face whose corners are inside and outside in turn can be cut in two ways. As in the original method, the minority
    of the eight corners is kept apart, so that a mask and its complement have the same surface.
    """
    inside = [bool(code >> corner & 1) for corner in range(8)]
    minority = sum(inside) <= 4
    for ring in _faces():
        edges = [_edge(ring[side], ring[side - 1]) for side in range(4)]  # edges[side] ends at ring[side]
        cut = [edge for edge in edges if inside[edge[0]] != inside[edge[1]]]
        if len(cut) == 2:
            yield cut[0], cut[1]
        elif len(cut) == 4:
            for side in range(4):
                if inside[ring[side]] is minority:
                    yield edges[side], edges[(side + 1) % 4]


def _faces() -> Iterator[tuple[int, int, int, int]]:
    """The corners of each face of the cube, in the order around it."""
    for axis, side in product((1, 2, 4), (0, 1)):
        one, other = (step for step in (1, 2, 4) if step != axis)
        first = axis * side
        yield first, first + one, first + one + other, first + other


def _edge(one: int, other: int) -> Edge:
    return min(one, other), max(one, other)
