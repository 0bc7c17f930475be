"""The brain mask against the phantom's own: overlap, bone in it, blood kept, distance at the skull base, and time.

    python -m tests.benchmarks.brain_mask [--cases 3] [--json]

Each row is a kind of scan: the demo's grid, the small phantom's, slices of 5 mm, 1 mm and 0.625 mm, a gantry tilt, a
craniotomy, blood along the skull, ranges cut at the base or reaching into the neck, and exports through a window, also
one whose floor hides the CSF. Printed is the worst of the cases: the smallest DSC and share of the lesion, the largest
share of bone (voxels above 95 HU that are neither lesion nor deep inside), of distances between both surfaces below
the tentorium (mean and 95th percentile, mm), and of seconds, head mask included.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import Mask, Spacing
from hemosweep.phantom.case import PhantomCase, make_phantom
from hemosweep.phantom.variant import PhantomVariant
from hemosweep.preprocessing.brain import brain_mask
from hemosweep.preprocessing.tilt import straighten
from hemosweep.scores.overlap import dice
from hemosweep.scores.surface import average_distance_mm, hausdorff95_mm, surface_distances

FULL_HU = (-1024.0, 3071.0)
BONE_HU = 95.0
DEEP_VOXELS = 3
BASE_BELOW_MM = -15.0
"""Height in the head's own millimetres under which floor, foramen and the fossae lie."""


@dataclass(frozen=True)
class Kind:
    """One kind of scan."""

    name: str
    size: str
    variant: PhantomVariant
    window_hu: tuple[float, float] = FULL_HU


@dataclass(frozen=True)
class Scores:
    """Scores of one mask."""

    dsc: float
    bone: float
    lesion: float
    base_mean_mm: float
    base_95_mm: float
    seconds: float


def kinds() -> list[Kind]:
    """All kinds of scans, by name."""

    def paper(name: str, **variant: float | bool) -> Kind:
        return Kind(name, "paper", PhantomVariant(**{"slice_mm": 5.0, **variant}))  # type: ignore[arg-type]

    plain = PhantomVariant(slice_mm=5.0)
    return [
        Kind("demo", "demo", PhantomVariant()),
        Kind("small", "small", PhantomVariant()),
        Kind("small, craniotomy", "small", PhantomVariant(craniotomy=True)),
        Kind("small, blood on the skull", "small", PhantomVariant(crescent=True)),
        paper("5 mm"),
        paper("5 mm, tilt of 20 degrees", gantry_tilt_deg=20.0),
        paper("5 mm, tilt of -15 degrees", gantry_tilt_deg=-15.0),
        paper("5 mm, craniotomy", craniotomy=True),
        paper("5 mm, blood on the skull", crescent=True),
        paper("5 mm, base cut off", range_shift_mm=25.0),
        paper("5 mm, into the neck", range_shift_mm=-12.0),
        Kind("5 mm, window -20 to 100", "paper", plain, (-20.0, 100.0)),
        Kind("5 mm, window 0 to 80", "paper", plain, (0.0, 80.0)),
        Kind("5 mm, window 14 to 94", "paper", plain, (14.0, 94.0)),
        paper("1 mm", slice_mm=1.0),
        paper("1 mm, craniotomy and blood", slice_mm=1.0, craniotomy=True, crescent=True),
        paper("0.625 mm", slice_mm=0.625),
    ]


def measure(case: PhantomCase, window_hu: tuple[float, float]) -> Scores:
    """Make the mask of one phantom as preprocessing does, and compare it with the phantom's own."""
    ct, moved = straighten(case.ct)
    truth, lesion = case.brain.array_DHW == 1, case.lesion.array_DHW == 1
    if moved is not None:
        truth, lesion = moved.apply(truth, fill=False), moved.apply(lesion, fill=False)
    hu_DHW = ct.array_DHW.astype(np.float32)
    begun = time.perf_counter()
    found = brain_mask(np.clip(hu_DHW, *window_hu), ct.spacing_DHW_mm)
    seconds = time.perf_counter() - begun
    dsc = dice(found, truth)
    assert dsc is not None
    deep = np.stack([ndimage.binary_erosion(plane, iterations=DEEP_VOXELS) for plane in truth])
    base = slice(0, _first_slice_above_base(ct.affine, case.head_to_ct, len(truth)))
    mean_mm, most_mm = _base_distances(found[base], truth[base], ct.spacing_DHW_mm)
    return Scores(
        dsc=dsc,
        bone=np.count_nonzero(found & (hu_DHW > BONE_HU) & ~lesion & ~deep) / np.count_nonzero(found),
        lesion=np.count_nonzero(found & lesion) / np.count_nonzero(lesion),
        base_mean_mm=mean_mm,
        base_95_mm=most_mm,
        seconds=seconds,
    )


def _first_slice_above_base(affine: NDArray[np.float64], head_to_ct: NDArray[np.float64], depth: int) -> int:
    """Number of slices below the base's top, at the middle of the head."""
    z_mm = (head_to_ct @ np.array([0.0, 0.0, BASE_BELOW_MM, 1.0]))[2]
    return int(np.clip((z_mm - affine[2, 3]) / affine[2, 2], 0, depth))


def _base_distances(found: Mask, truth: Mask, spacing_DHW_mm: Spacing) -> tuple[float, float]:
    """Mean and 95th percentile; NaN where the scan does not reach the base."""
    if not (found.any() and truth.any()):
        return float("nan"), float("nan")
    distances = surface_distances(found, truth, spacing_DHW_mm)
    return average_distance_mm(distances), hausdorff95_mm(distances)


def worst(scores: Sequence[Scores]) -> Scores:
    """The worst value of each score."""
    return Scores(
        dsc=min(one.dsc for one in scores),
        bone=max(one.bone for one in scores),
        lesion=min(one.lesion for one in scores),
        base_mean_mm=float(np.nanmax([one.base_mean_mm for one in scores])),
        base_95_mm=float(np.nanmax([one.base_95_mm for one in scores])),
        seconds=max(one.seconds for one in scores),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=3, help="phantoms of each kind")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    rows = {}
    if not options.json:
        print(f"{'':28} {'DSC':>7} {'bone':>6} {'lesion':>7} {'base mean, 95%':>15} {'time':>7}")
    for kind in kinds():
        phantoms = [
            make_phantom(index, size=kind.size, seed=1, cta_share=0.0, variant=kind.variant)
            for index in range(options.cases)
        ]
        rows[kind.name] = row = worst([measure(phantom, kind.window_hu) for phantom in phantoms])
        if not options.json:
            base = f"{row.base_mean_mm:.2f}, {row.base_95_mm:.2f} mm"
            print(
                f"{kind.name:28} {row.dsc:7.4f} {row.bone:6.2%} {row.lesion:7.2%} {base:>15} {row.seconds:5.2f} s",
                flush=True,
            )
    if options.json:
        report = {"python": platform.python_version(), "processors": os.cpu_count(), "cases": options.cases}
        print(json.dumps(report | {"worst": {name: asdict(row) for name, row in rows.items()}}, indent=1))


if __name__ == "__main__":
    main()
