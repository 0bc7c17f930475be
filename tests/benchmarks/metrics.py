"""Time all scores of one case of 512 x 512 x 40 voxels on one processor, for a good prediction and bad ones.

    python tests/benchmarks/metrics.py --json

The reference is a lesion of 55 mL that has broken through into both lateral ventricles. Each time is the shortest of
`--repeats`; `cpu_s` is what the processor spent on it, which a busy machine changes less. The surface elements' areas,
computed once a process, are timed apart.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Iterator

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import ndimage

from hemosweep.arrays import Mask
from hemosweep.scores.marching_cubes import element_areas_mm2
from hemosweep.scores.score_case import score_case

SHAPE_DHW = (40, 512, 512)
SPACING_DHW_MM = (4.5, 0.45, 0.45)

Field = NDArray[np.float32]


def ellipsoid(centre_DHW_mm: tuple[float, float, float], radii_DHW_mm: tuple[float, float, float]) -> Field:
    """Below 1 inside, above 1 outside; the image's middle is the origin."""
    square = np.zeros(SHAPE_DHW, dtype=np.float32)
    for axis, (size, mm) in enumerate(zip(SHAPE_DHW, SPACING_DHW_MM, strict=True)):
        place_mm = (np.arange(size, dtype=np.float32) - (size - 1) / 2) * np.float32(mm)
        part = ((place_mm - centre_DHW_mm[axis]) / radii_DHW_mm[axis]) ** 2
        square += part.reshape([-1 if number == axis else 1 for number in range(3)])
    return np.sqrt(square)


def noise(rng: np.random.Generator, blur_mm: float) -> Field:
    """Smooth noise of standard deviation 1."""
    white = rng.standard_normal(SHAPE_DHW, dtype=np.float32)
    smooth: Field = ndimage.gaussian_filter(white, [blur_mm / mm for mm in SPACING_DHW_MM], truncate=3.0)
    return smooth / smooth.std()


def make_masks() -> Iterator[tuple[str, Mask, Mask]]:
    """Name, prediction and reference."""
    rng = np.random.default_rng(0)
    distance = np.minimum.reduce(
        [
            ellipsoid((5, 10, 30), (20, 23, 20)),  # the hematoma
            ellipsoid((12, 0, 10), (14, 30, 5)),  # the lateral ventricles
            ellipsoid((12, 0, -12), (12, 26, 4)),
            ellipsoid((-8, 0, 0), (10, 8, 3)),  # the third ventricle
        ]
    ) + 0.1 * noise(rng, 4.0)
    reference = distance < 1.0
    good = distance + 0.08 * noise(rng, 3.0) < 1.02
    brain = ellipsoid((0, 0, 0), (65, 85, 70)) < 1.0
    blobs = brain & (noise(rng, 1.5) > 1.9)
    voxels = brain & (rng.random(SHAPE_DHW) < 0.01)
    corner = np.zeros(SHAPE_DHW, dtype=bool)
    corner[0, 0, 0] = corner[-1, -1, -1] = True
    yield "good", good, reference
    yield "good, blobs all over the brain", good | blobs, reference
    yield "good, 1% of the brain's voxels", good | voxels, reference
    yield "the whole brain", brain, reference
    yield "two corners of the image", corner, reference
    yield "blobs against voxels", blobs, voxels
    yield "nothing", np.zeros(SHAPE_DHW, dtype=bool), reference


def time_scores(prediction: Mask, reference: Mask, repeats: int) -> tuple[dict[str, float | None], float, float]:
    """The scores, and the shortest time and processor time that they took, in seconds."""
    times_s = []
    for _ in range(repeats):
        begun, begun_cpu = time.perf_counter(), time.process_time()
        scores = score_case(prediction, reference, spacing_DHW_mm=SPACING_DHW_MM)
        times_s.append((time.perf_counter() - begun, time.process_time() - begun_cpu))
    return scores, min(wall_s for wall_s, _ in times_s), min(cpu_s for _, cpu_s in times_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    begun = time.perf_counter()
    element_areas_mm2(SPACING_DHW_MM)
    areas_s = time.perf_counter() - begun
    predictions = {}
    for name, prediction, reference in make_masks():
        scores, wall_s, cpu_s = time_scores(prediction, reference, options.repeats)
        predictions[name] = {
            "s": round(wall_s, 3),
            "cpu_s": round(cpu_s, 3),
            "reference_ml": round(scores["reference_ml"], 1),
            "predicted_ml": round(scores["predicted_ml"], 1),
            "dsc": None if scores["dsc"] is None else round(scores["dsc"], 3),
            "nsd": None if scores["nsd"] is None else round(scores["nsd"], 3),
            "hd95_mm": None if scores["hd95_mm"] is None else round(scores["hd95_mm"], 2),
        }
    report = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "shape_DHW": SHAPE_DHW,
        "spacing_DHW_mm": SPACING_DHW_MM,
        "areas_s": round(areas_s, 3),
        "predictions": predictions,
    }
    if options.json:
        print(json.dumps(report, indent=1))
        return
    print(f"{' x '.join(map(str, SHAPE_DHW[::-1]))} voxels, one processor, surface elements {areas_s:.3f} s")
    for name, row in predictions.items():
        print(f"{name:>32} {row['s']:6.3f} s  ({row['cpu_s']:.3f} s of the processor)  DSC {row['dsc']:.3f}")


if __name__ == "__main__":
    main()
