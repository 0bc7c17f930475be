"""Time the preparation of one case of 512 x 512 x 40 voxels with its angiography, step by step, and its peak memory.

    python tests/benchmarks/preprocessing.py --json

Another process makes the phantom, so that the peak is the preparation's own. First the whole of `preprocess_case` and
saving, then every step alone; each time is the shortest of `--repeats`. The whole also
reads the mask and windows the channels.
"""

import argparse
import json
import math
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
import SimpleITK  # noqa: F401, imported here for its second of start-up not to count as a step

from hemosweep.config import PreprocessingConfig
from hemosweep.data.case import Case
from hemosweep.data.nifti import write_volume
from hemosweep.data.reading import read_ct
from hemosweep.phantom.case import scan_model
from hemosweep.phantom.model import make_model
from hemosweep.phantom.variant import PhantomVariant
from hemosweep.preprocessing.angiography import align_angiography
from hemosweep.preprocessing.brain import brain_mask
from hemosweep.preprocessing.head import head_mask
from hemosweep.preprocessing.pipeline import prepare_images, preprocess_case, to_network_grid
from hemosweep.preprocessing.record import save_preprocessed
from hemosweep.preprocessing.symmetry import estimate_mid_plane
from hemosweep.preprocessing.symmetry.plane import reflect_image

NUM_SLICES = 40
CONFIG = PreprocessingConfig(symmetric="plane", angiography=True)
Result = TypeVar("Result")


def make_case(folder: Path, size: str) -> Case:
    """One phantom with angiography on disk; the paper's size gets the slices of the issue's target."""
    model = make_model(1, size=size, seed=0, with_ivh=True, with_cta=True, variant=PhantomVariant())
    if size == "paper":
        _, height, width = model.sizes.shape_DHW
        model = replace(model, sizes=replace(model.sizes, shape_DHW=(NUM_SLICES, height, width)))
    phantom = scan_model(model)
    assert phantom.cta is not None
    case = Case(
        case_id="sub-001",
        patient_id="P001",
        ivh=True,
        ct_path=folder / "ct.nii.gz",
        lesion_path=folder / "lesion.nii.gz",
        cta_path=folder / "cta.nii.gz",
    )
    for name, volume in (("ct", phantom.ct), ("lesion", phantom.lesion), ("cta", phantom.cta)):
        write_volume(folder / f"{name}.nii.gz", volume)
    return case


def time_steps(case: Case, folder: Path) -> dict[str, float]:
    """Seconds of each step by name, each run alone."""
    assert case.cta_path is not None
    seconds: dict[str, float] = {}

    def timed(name: str, step: Callable[[], Result]) -> Result:
        begun = time.perf_counter()
        result = step()
        seconds[name] = time.perf_counter() - begun
        return result

    cta_path = case.cta_path
    ct, _ = timed("read CT", lambda: read_ct(case, case.ct_path))
    cta, _ = timed("read CTA", lambda: read_ct(case, cta_path))
    hu_DHW, spacing_DHW_mm = ct.array_DHW.astype(np.float32, copy=False), ct.spacing_DHW_mm
    head_DHW = timed("head", lambda: head_mask(hu_DHW, spacing_DHW_mm))
    brain_DHW = timed("brain", lambda: brain_mask(hu_DHW, spacing_DHW_mm, head_DHW))
    plane = timed("plane", lambda: estimate_mid_plane(hu_DHW, head_DHW, brain_DHW, spacing_DHW_mm))
    timed("mirror", lambda: reflect_image(hu_DHW, plane, spacing_DHW_mm, fill=-1024.0))
    timed("align CTA", lambda: align_angiography(ct, brain_DHW, cta))
    images = prepare_images(case, CONFIG)
    prepared = timed("resample, crop", lambda: to_network_grid(images, CONFIG))
    timed("save", lambda: save_preprocessed(prepared, folder / "steps.npz"))
    return seconds


def peak_gb() -> float:
    """Most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)  # bytes there, kilobytes elsewhere


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("demo", "paper"), default="paper")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            case = pool.submit(make_case, folder, options.size).result()
        start_gb = peak_gb()
        whole_s = math.inf
        for _ in range(options.repeats):
            begun = time.perf_counter()
            prepared = preprocess_case(case, CONFIG)
            save_preprocessed(prepared, folder / "whole.npz")
            whole_s = min(whole_s, time.perf_counter() - begun)
        whole_gb = peak_gb()
        runs = [time_steps(case, folder) for _ in range(options.repeats)]
        steps = {name: min(run[name] for run in runs) for name in runs[0]}
    report = {
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "shape_DHW": prepared.grid.native_DHW,
        "spacing_DHW_mm": [round(mm, 3) for mm in prepared.native_spacing_DHW_mm],
        "channels": CONFIG.channels,
        "steps_s": {name: round(seconds, 2) for name, seconds in steps.items()},
        "whole_s": round(whole_s, 2),
        "peak_gb": round(whole_gb, 2),
        "peak_before_gb": round(start_gb, 2),
    }
    if options.json:
        print(json.dumps(report, indent=1))
        return
    depth, height, width = prepared.grid.native_DHW
    print(f"{width} x {height} x {depth} voxels, channels {', '.join(CONFIG.channels)}, {os.cpu_count()} processors")
    for name, seconds in (*steps.items(), ("whole", whole_s)):
        print(f"{name:>16} {seconds:6.2f} s")
    print(f"{'peak':>16} {whole_gb:6.2f} GB ({start_gb:.2f} GB of it before the first step)")


if __name__ == "__main__":
    main()
