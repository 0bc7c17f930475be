"""Time the inference of one case beside MONAI's sliding windows on the CPU, and print medians as JSON.

    python tests/benchmarks/inference.py --repeats 9

Network and patches are the demo profile's, on a volume as large as its head, with a brain that fills it or an
ellipsoid. MONAI computes every window, at exactly half an overlap and at just more than half, which is what hemosweep
asks for; both with the network in PyTorch's layout, as MONAI's examples have it, and in channels_last_3d. All take
turns.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from monai.inferers import sliding_window_inference

from hemosweep.evaluation.inference import Shape, predict_probability, window_starts, windows_with_brain
from hemosweep.model.device import choose_device
from hemosweep.model.unet import SEUNet

SHAPE_DHW = (30, 70, 80)
BATCH_SIZE = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    device = choose_device()
    torch.manual_seed(0)
    plain = SEUNet(in_channels=1, width=8).eval()
    network = SEUNet(in_channels=1, width=8).eval()
    network.load_state_dict(plain.state_dict())
    network = device.place(network)
    image_CDHW = np.random.default_rng(0).uniform(-1.0, 1.0, (1, *SHAPE_DHW)).astype(np.float16)
    x_BCDHW = torch.from_numpy(image_CDHW)[None].float()
    squares = np.meshgrid(*[np.linspace(-1.0, 1.0, length) ** 2 for length in SHAPE_DHW], indexing="ij")
    brains = {"full": np.ones(SHAPE_DHW, dtype=bool), "ellipsoid": sum(squares) <= 1.0}

    def ours(brain: str, patch_DHW: Shape) -> None:
        predict_probability(
            network,
            image_CDHW,
            brains[brain],
            patch_DHW=patch_DHW,
            overlap=0.5,
            batch_size=BATCH_SIZE,
            device=device,
        )

    def monai(model: SEUNet, overlap: float, patch_DHW: Shape) -> None:
        with torch.inference_mode():
            torch.softmax(sliding_window_inference(x_BCDHW, patch_DHW, BATCH_SIZE, model, overlap=overlap), dim=1)

    sides: dict[str, Callable[[Shape], None]] = {
        "hemosweep, full": lambda patch_DHW: ours("full", patch_DHW),
        "hemosweep, ellipsoid": lambda patch_DHW: ours("ellipsoid", patch_DHW),
        "monai 0.5": lambda patch_DHW: monai(plain, 0.5, patch_DHW),
        "monai 0.51": lambda patch_DHW: monai(plain, 0.51, patch_DHW),
        "monai 0.5, channels_last_3d": lambda patch_DHW: monai(network, 0.5, patch_DHW),
        "monai 0.51, channels_last_3d": lambda patch_DHW: monai(network, 0.51, patch_DHW),
    }
    report: dict[str, object] = {"torch": torch.__version__, "threads": device.num_threads}
    for patch_DHW in ((8, 16, 16), (4, 12, 12)):
        depth, height, width = (window_starts(n, size, 0.5) for n, size in zip(SHAPE_DHW, patch_DHW, strict=True))
        times: dict[str, list[float]] = {name: [] for name in sides}
        for repeat in range(repeats + 1):  # The first one warms up.
            for name, run in sides.items():
                begun = time.perf_counter()
                run(patch_DHW)
                if repeat:
                    times[name].append(time.perf_counter() - begun)
        report["x".join(map(str, patch_DHW))] = {
            "windows": {
                name: int(windows_with_brain(brain, (depth, height, width), patch_DHW).sum())
                for name, brain in brains.items()
            },
            "ms": {name: round(1000.0 * statistics.median(seconds), 1) for name, seconds in times.items()},
        }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
