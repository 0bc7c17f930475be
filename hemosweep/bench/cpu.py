"""The processors' part of the benchmark: training, data path, inference and scores beside peers, and start-up times.

Peers do the same work in the same process and take turns with ours; a row is the ratio of the medians.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hemosweep.arrays import Mask
from hemosweep.bench.cases import noise_case, random_centres
from hemosweep.bench.commands import start_up, whole_sweep
from hemosweep.bench.ladder import Given, Rung, build, make_step
from hemosweep.bench.peers import Batches, monai_batches, plain_batches
from hemosweep.bench.profile import operation_shares
from hemosweep.bench.rows import BenchResult, BenchRow, Say, make_result
from hemosweep.bench.timing import interleaved_s
from hemosweep.config import ArmConfig
from hemosweep.executors.machine import Bystanders
from hemosweep.inference.sliding_window import predict_probability
from hemosweep.model.device import Device, choose_device
from hemosweep.preprocessing.record import PreprocessedCase
from hemosweep.sampling.bank import PatchBank
from hemosweep.scores.score_case import score_case
from hemosweep.sweeps.base import paper_network
from hemosweep.training.step import Step

DEMO_NATIVE_DHW, DEMO_CROP_DHW = (24, 240, 240), (24, 214, 178)
"""About a phantom's head on the demo profile's grid."""
NUM_CASES = 10
PATCHES_PER_CASE = 64
WORKERS = (0, 1, 2)
NO_MONAI = "MONAI is not installed: make setup"
OURS = Rung(name="hemosweep", own_norm=True, own_pool=True, own_input=True)
PYTORCH = Rung(name="PyTorch's layers")


def run(config: ArmConfig, *, quick: bool = False, say: Say = print) -> BenchResult:
    """Measure all rows on the processors.

    Args:
        config: the demo profile's: its patches, width and batches are trained.
        quick: few repeats, and no whole sweep.
        say: called with a line about each step, for the user.
    """
    device = _cpu()
    details: dict[str, Any] = {"torch_threads": device.num_threads}
    busy_before = _others_busy()
    rows: list[BenchRow] = []
    profile: dict[str, float] = {}
    parts: tuple[tuple[str, Callable[[], Iterator[BenchRow]]], ...] = (
        ("training and data path", lambda: _training(config, device, details, profile, rounds=3 if quick else 9)),
        ("inference", lambda: _inference(config, device, details, rounds=3 if quick else 9)),
        ("scores", lambda: _scores(details)),
        ("start-up", lambda: start_up(details, repeats=3 if quick else 7)),
        ("a whole sweep", lambda: whole_sweep(quick=quick)),
    )
    for name, part in parts:
        say(name)
        rows += part()
    busy = round(max(busy_before, _others_busy()), 2)
    return make_result("cpu", processor_name(), rows, details, profile=profile, num_busy=busy)


def _cpu() -> Device:
    chosen = choose_device()
    if chosen.torch_device.type == "cpu":
        return chosen
    return Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=chosen.num_threads)


def _others_busy() -> float:
    """Number of processors that other programs keep busy while this one waits. Its own children count as others."""
    bystanders = Bystanders()
    time.sleep(1.0)
    return bystanders.num_busy()


def processor_name() -> str:
    """Name of the processor's model, as the system reports it."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(": ", 1)[1] for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.is_file()
        else []
    )
    return names[0] if names else "processor of unknown name"


def _training(
    config: ArmConfig, device: Device, details: dict[str, Any], profile: dict[str, float], *, rounds: int
) -> Iterator[BenchRow]:
    patch_DHW, batch_size = config.sampling.patch_DHW, config.training.batch_size
    cases = [
        noise_case(f"noise {number}", native_DHW=DEMO_NATIVE_DHW, crop_DHW=DEMO_CROP_DHW) for number in range(NUM_CASES)
    ]
    centres = [random_centres(case, PATCHES_PER_CASE) for case in cases]
    bank = PatchBank(zip(cases, centres, strict=True), patch_DHW, device.torch_device)
    batches = list(torch.randperm(len(bank)).split(batch_size)[:8])
    loaders: dict[str, Batches] = {}
    note = ""
    for workers in WORKERS:
        loaders[f"plain PyTorch, {workers} workers"] = plain_batches(cases, centres, patch_DHW, batch_size, workers)
        try:
            loader = monai_batches(cases, patch_DHW, batch_size, workers, samples_per_case=8)
            next(loader)
            loaders[f"MONAI, {workers} workers"] = loader
        except ImportError:
            note = NO_MONAI
    num_patches = len(batches) * batch_size

    def gather_all() -> None:
        for batch_B in batches:
            bank.gather(batch_B)

    def draw(loader: Batches) -> Callable[[], object]:
        return lambda: list(islice(loader, len(batches)))

    data_s = interleaved_s(
        {"hemosweep": gather_all} | {name: draw(loader) for name, loader in loaders.items()}, rounds=rounds
    )
    network = paper_network(config)
    width, dropout = network.width, network.dropout
    step = make_step(OURS, build(OURS, device, width=width, dropout=dropout), device)
    layouts = {", channels last": device, "": replace(device, channels_last=False)}
    peer_steps = {
        name: make_step(PYTORCH, build(PYTORCH, placed, width=width, dropout=dropout), placed)
        for name, placed in layouts.items()
    }

    def train_ours() -> None:
        for batch_B in batches:
            step(bank, batch_B)

    def train(loader: Batches, peer_step: Step) -> Callable[[], object]:
        def train_all() -> None:
            for x_BCDHW, label_BDHW in islice(loader, len(batches)):
                peer_step(Given(x_BCDHW, label_BDHW), torch.arange(len(x_BCDHW)))

        return train_all

    peers = {
        f"{name}{layout}": train(loader, of_peer)
        for name, loader in loaders.items()
        for layout, of_peer in peer_steps.items()
    }
    train_s = interleaved_s({"hemosweep": train_ours} | peers, rounds=rounds)
    for key, seconds in (("data_patches_per_s", data_s), ("training_patches_per_s", train_s)):
        details[key] = {name: round(num_patches / value) for name, value in seconds.items()}
    profile |= operation_shares(train_ours, num_steps=1)
    yield BenchRow(what="training, demo profile", value=num_patches / train_s["hemosweep"], unit="patches/s")
    yield _against("training against MONAI's pipeline", train_s, "MONAI", 2.0, note)
    yield _against("training against a plain PyTorch loop", train_s, "plain PyTorch", None, "")
    yield BenchRow(what="data path alone, demo profile", value=num_patches / data_s["hemosweep"], unit="patches/s")
    yield _against("data path against MONAI's", data_s, "MONAI", 10.0, note)


def _against(what: str, seconds: dict[str, float], peer: str, goal: float | None, note: str) -> BenchRow:
    """Ratio of a peer's time, at its best, to ours."""
    peer_seconds = [value for name, value in seconds.items() if name.startswith(peer)]
    return BenchRow(
        what=what,
        value=min(peer_seconds) / seconds["hemosweep"] if peer_seconds else None,
        unit="times",
        goal=goal,
        note=note,
    )


def _inference(config: ArmConfig, device: Device, details: dict[str, Any], *, rounds: int) -> Iterator[BenchRow]:
    case = noise_case("noise", native_DHW=DEMO_NATIVE_DHW, crop_DHW=DEMO_CROP_DHW)
    patch_DHW, batch_size = config.sampling.patch_DHW, config.training.batch_size
    model = build(OURS, device, width=paper_network(config).width).eval()
    x_BCDHW = device.arrange(torch.from_numpy(case.image_CDHW)[None].float())

    def ours() -> None:
        predict_probability(
            model,
            case.image_CDHW,
            case.brain_DHW,
            patch_DHW=patch_DHW,
            overlap=config.inference.overlap,
            batch_size=batch_size,
            device=device,
        )

    sides: dict[str, Callable[[], object]] = {"hemosweep": ours}
    note = ""
    try:
        from monai.inferers import sliding_window_inference
    except ImportError:
        note = NO_MONAI
    else:

        def monai(overlap: float) -> Callable[[], object]:
            def infer() -> None:
                with torch.inference_mode():
                    logits = sliding_window_inference(x_BCDHW, patch_DHW, batch_size, model, overlap=overlap)
                    assert isinstance(logits, Tensor)
                    torch.softmax(logits, dim=1)

            return infer

        # hemosweep's windows share more than the overlap asked for, as the paper's do; MONAI's at least as much.
        sides["MONAI, more than half"] = monai(config.inference.overlap + 0.01)
        sides["MONAI, half"] = monai(config.inference.overlap)
    seconds = interleaved_s(sides, rounds=rounds)
    details["inference_s"] = {name: round(value, 4) for name, value in seconds.items()}
    yield BenchRow(what="inference of a case, demo profile", value=seconds["hemosweep"], unit="s")
    for peer in ("more than half", "half"):
        what = f"inference against MONAI's, whose windows share {peer}"
        yield _against(what, seconds, f"MONAI, {peer}", 1.5, note)


def _scores(details: dict[str, Any]) -> Iterator[BenchRow]:
    case = noise_case("noise", native_DHW=(40, 512, 512), crop_DHW=(40, 430, 360))
    reference_DHW = case.reference_DHW
    prediction_DHW = np.roll(reference_DHW, (1, 3, 2), axis=(0, 1, 2))

    def ours() -> None:
        score_case(prediction_DHW, reference_DHW, spacing_DHW_mm=case.native_spacing_DHW_mm)

    seconds = interleaved_s({"hemosweep": ours}, rounds=7)
    note = ""
    try:
        seconds |= interleaved_s({"MONAI": lambda: _monai_scores(case, prediction_DHW)}, rounds=1)
    except ImportError:
        note = NO_MONAI
    surfaces = "surface-distance is not installed"
    try:
        seconds |= interleaved_s({"surface-distance": lambda: _surface_distances(case, prediction_DHW)}, rounds=1)
        surfaces = ""
    except ImportError:
        pass
    details["scores_s"] = {name: round(value, 4) for name, value in seconds.items()}
    yield BenchRow(
        what="all scores of a 512x512x40 case, warm", value=seconds["hemosweep"], unit="s", goal=0.1, at_least=False
    )
    yield _against("scores against MONAI's (Dice, HD95, ASSD, NSD)", seconds, "MONAI", None, note)
    yield _against("scores against surface-distance (HD95, ASSD, NSD)", seconds, "surface-distance", None, surfaces)


def _monai_scores(case: PreprocessedCase, prediction_DHW: Mask) -> None:
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_surface_dice,
    )

    def classes(mask_DHW: Mask) -> Tensor:
        return torch.from_numpy(np.stack([~mask_DHW, mask_DHW])[None]).float()

    ours, truth = classes(prediction_DHW), classes(case.reference_DHW)
    spacing = list(case.native_spacing_DHW_mm)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # MONAI's, about calls of its own.
        compute_dice(ours, truth, include_background=False)
        compute_hausdorff_distance(ours, truth, percentile=95, spacing=spacing)
        compute_average_surface_distance(ours, truth, symmetric=True, spacing=spacing)
        compute_surface_dice(ours, truth, class_thresholds=[2.0], spacing=spacing, use_subvoxels=True)


def _surface_distances(case: PreprocessedCase, prediction_DHW: Mask) -> None:
    import surface_distance

    distances = surface_distance.compute_surface_distances(
        case.reference_DHW, prediction_DHW, case.native_spacing_DHW_mm
    )
    surface_distance.compute_robust_hausdorff(distances, 95)
    surface_distance.compute_average_surface_distance(distances)
    surface_distance.compute_surface_dice_at_tolerance(distances, 2.0)
