"""The GPU's part of the benchmark: one script of a few minutes on a machine with PyTorch, numpy and scipy alone.

    python -m hemosweep.bench gpu --to FILE.json

It measures the GPU's ceilings, climbs the ladder from PyTorch's layers to what hemosweep runs, trains one epoch of the
paper's final configuration, segments one case, takes peers along in the same run, and runs the GPU tests.
"""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hemosweep.bench.cases import NATIVE_DHW, noise_case, random_centres
from hemosweep.bench.ceilings import BATCH, PATCH_DHW, bound_ms, measure_ceilings, time_convolutions
from hemosweep.bench.gpu_tests import gpu_tests
from hemosweep.bench.ladder import RUNGS, Given, build, climb, count_waits, make_step, noise_batch
from hemosweep.bench.peers import monai_batches, plain_batches
from hemosweep.bench.profile import kernel_shares
from hemosweep.bench.rows import BenchResult, BenchRow, Say, make_result, skipped
from hemosweep.bench.timing import cuda_ms
from hemosweep.inference.sliding_window import predict_probability
from hemosweep.model.device import Device, choose_device
from hemosweep.model.losses.soft_dice import dice_ce_loss
from hemosweep.sampling.bank import PatchBank
from hemosweep.scores.score_case import score_case
from hemosweep.training.compiled import compiled_forward
from hemosweep.training.loop import forward_of, train_epoch, validate

NUM_CASES, PATCHES_PER_CASE, VALIDATION_CASES = 61, 3000, 12
"""The paper's final training: 61 cases, 183,000 patches an epoch, and as many cases to validate as a fifth of them."""
WORKERS = (0, 4, 12)
"""Worker counts that the peers' data loaders are tried with."""

_ROWS = (
    ("copy", "TB/s"),
    ("bf16 matrix product", "TFLOP/s"),
    ("training, full network, 32x32x16x2", "patches/s"),
    ("share of the bound of the ladder's ceilings", "%"),
    ("waits of the host in 20 steps", ""),
    ("epoch of the final configuration, 183,000 patches", "s"),
    ("validation against training, time a patch", "times faster"),
    ("patches to the device, no network", "patches/s"),
    ("inference of a 512x512x34 case", "s"),
    ("scores of that case, warm", "s"),
    ("GPU memory at the peak", "GB"),
    ("against a plain PyTorch loop, training", "times"),
    ("against MONAI's pipeline, training", "times"),
    ("GPU tests passed", "of all"),
)


def run(
    *, quick: bool = False, say: Say = print, keep: Callable[[BenchResult], None] = lambda result: None
) -> BenchResult:
    """Measure all rows; without a CUDA device each is skipped by name.

    Args:
        quick: leave out convolutions one by one, peers and tests.
        say: called with a line about each step, for the user.
        keep: called with the result so far after each part: a borrowed machine may be taken back.
    """
    rows: list[BenchRow] = []
    details: dict[str, Any] = {}
    profile: dict[str, float] = {}
    if not torch.cuda.is_available():
        rows += skipped(_ROWS, "no CUDA device")
        return make_result("gpu", "no GPU", rows, details)
    device = choose_device()
    begun = time.perf_counter()
    parts: list[tuple[str, Callable[[], Iterator[BenchRow]]]] = [
        ("ceilings and ladder", lambda: _ladder(device, details, profile, say, quick=quick)),
        ("epoch", lambda: _epoch(device, details, say)),
        ("case", lambda: _case(device, details)),
    ]
    if not quick:
        parts += [("peers", lambda: _peers(device, details, say)), ("tests", lambda: gpu_tests(details))]
    for name, part in parts:
        say(f"[{time.perf_counter() - begun:5.0f} s] {name}")
        try:
            torch.cuda.empty_cache()
            for row in part():
                rows.append(row)
        except Exception as error:  # The other parts are worth their time on a machine that is only lent.
            traceback.print_exc()
            rows.append(BenchRow(what=name, value=None, unit="", note=f"failed: {type(error).__name__}: {error}"[:200]))
        details["seconds"] = round(time.perf_counter() - begun, 1)
        keep(make_result("gpu", device.name, rows, details, profile=profile))
    return make_result("gpu", device.name, rows, details, profile=profile)


def _ladder(
    device: Device, details: dict[str, Any], profile: dict[str, float], say: Say, *, quick: bool
) -> Iterator[BenchRow]:
    ceilings = measure_ceilings()
    bound = bound_ms(ceilings)
    yield BenchRow(what="copy", value=ceilings.copy_bytes_per_s / 1e12, unit="TB/s")
    yield BenchRow(what="bf16 matrix product", value=ceilings.product_flop_per_s / 1e12, unit="TFLOP/s")
    if not quick:
        details["convolutions"] = time_convolutions(ceilings)
    details["bound_ms"] = round(bound, 3)
    details["ladder"] = rungs = []
    for rung in climb(device, bound_ms=bound):
        say(f"{rung['rung']}: {rung['ms']:.2f} ms, {rung['patches_per_s']} patches/s")
        rungs.append(rung)
    best = rungs[-1]
    profile |= kernel_shares(best["kernels"], best["ms"])
    goal = 8000 if "H100" in device.name else 9000
    yield BenchRow(what="training, full network, 32x32x16x2", value=best["patches_per_s"], unit="patches/s", goal=goal)
    yield BenchRow(
        what="share of the bound of the ladder's ceilings", value=100 * best["share_of_bound"], unit="%", goal=60
    )
    step = make_step(RUNGS[-1], build(RUNGS[-1], device), device)
    bank, numbers = noise_batch(device), torch.arange(BATCH)
    for _ in range(5):
        step(bank, numbers)
    details["waits"] = waits = count_waits(lambda: step(bank, numbers))
    yield BenchRow(
        what="waits of the host in 20 steps",
        value=float(waits != "none"),
        unit="",
        goal=0,
        at_least=False,
        note="" if waits == "none" else waits,
    )


def _epoch(device: Device, details: dict[str, Any], say: Say) -> Iterator[BenchRow]:
    torch.cuda.reset_peak_memory_stats()
    torch.backends.cudnn.benchmark = True
    case = noise_case("noise")
    centres = random_centres(case, PATCHES_PER_CASE)

    def bank(num_cases: int) -> PatchBank:
        return PatchBank(((case, centres) for _ in range(num_cases)), PATCH_DHW, device.torch_device)

    training, validation = bank(NUM_CASES), bank(VALIDATION_CASES)
    numbers = torch.arange(BATCH, device=device.torch_device)
    gather_ms = cuda_ms(lambda: training.gather(numbers), repeats=200)
    model = build(RUNGS[-1], device)
    step = make_step(RUNGS[-1], model, device)
    for _ in range(5):
        step(training, numbers)
    torch.cuda.synchronize()
    begun = time.perf_counter()
    order = torch.Generator().manual_seed(0)
    train_epoch(model, step, training, BATCH, device, order)
    train_s = time.perf_counter() - begun
    say(f"an epoch of {len(training)} patches took {train_s:.1f} s")
    events: list[str] = []
    forward = compiled_forward(forward_of(model, device), BATCH, lambda event, **fields: events.append(event))
    small = PatchBank([(case, random_centres(case, 2 * BATCH))], PATCH_DHW, device.torch_device)
    validate(model, dice_ce_loss, small, BATCH, device, forward)  # It compiles.
    begun = time.perf_counter()
    validate(model, dice_ce_loss, validation, BATCH, device, forward)
    validate_s = time.perf_counter() - begun
    per_patch = train_s / len(training), validate_s / len(validation)
    details["epoch"] = {
        "train_s": round(train_s, 2),
        "validate_s": round(validate_s, 2),
        "validation_patches": len(validation),
        "gather_ms": round(gather_ms, 4),
        "bank_gb": round((training.num_bytes + validation.num_bytes) / 1e9, 2),
        "forward": events or ["compiled"],
    }
    yield BenchRow(
        what="epoch of the final configuration, 183,000 patches", value=train_s, unit="s", goal=25, at_least=False
    )
    yield BenchRow(
        what="validation against training, time a patch", value=per_patch[0] / per_patch[1], unit="times faster", goal=3
    )
    yield BenchRow(
        what="patches to the device, no network", value=1e3 * BATCH / gather_ms, unit="patches/s", goal=100_000
    )
    peak = torch.cuda.max_memory_allocated() / 1e9
    yield BenchRow(what="GPU memory at the peak", value=peak, unit="GB", goal=12, at_least=False)
    details["patch_s"] = {"training": per_patch[0], "validation": per_patch[1]}


def _case(device: Device, details: dict[str, Any]) -> Iterator[BenchRow]:
    case = noise_case("noise", native_DHW=NATIVE_DHW)
    model = build(replace(RUNGS[-1], compiled=False), device).eval()
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        torch.cuda.synchronize()
        begun = time.perf_counter()
        result = work()
        torch.cuda.synchronize()
        seconds[name] = round(time.perf_counter() - begun, 4)
        return result

    # A network of random weights would make the scores those of noise: the reference, moved, is scored.
    moved_DHW = np.roll(case.reference_DHW, 1, axis=0)

    def infer() -> NDArray[np.float32]:
        return predict_probability(
            model, case.image_CDHW, case.brain_DHW, patch_DHW=PATCH_DHW, overlap=0.5, batch_size=BATCH, device=device
        )

    def score() -> dict[str, float | None]:
        return score_case(moved_DHW, case.reference_DHW, spacing_DHW_mm=case.native_spacing_DHW_mm)

    infer(), score()  # The next time all is warm.
    probability_DHW = timed("inference", infer)
    timed("to the scanner's grid", lambda: case.grid.to_native(probability_DHW) > 0.5)
    timed("scores", score)
    details["case_s"] = seconds
    yield BenchRow(
        what="inference of a 512x512x34 case", value=seconds["inference"], unit="s", goal=0.25, at_least=False
    )
    yield BenchRow(what="scores of that case, warm", value=seconds["scores"], unit="s", goal=0.1, at_least=False)


def _peers(device: Device, details: dict[str, Any], say: Say) -> Iterator[BenchRow]:
    cases = [noise_case(f"noise {number}") for number in range(8)]
    centres = [random_centres(case, PATCHES_PER_CASE) for case in cases]
    ours = PatchBank(zip(cases, centres, strict=True), PATCH_DHW, device.torch_device)
    order = torch.randperm(len(ours), generator=torch.Generator().manual_seed(0)).to(device.torch_device)
    step = make_step(RUNGS[-1], build(RUNGS[-1], device), device)
    batches = order.split(BATCH)[:-1]
    for batch_B in batches[:6]:
        step(ours, batch_B)
    rates = {"hemosweep": _rate(lambda: [step(ours, batch_B) for batch_B in batches[:100]], 100)}
    plain_step = make_step(RUNGS[1], build(RUNGS[1], device), device)
    makers: Mapping[str, Callable[[int], Iterator[tuple[Tensor, Tensor]]]] = {
        "plain PyTorch": lambda workers: plain_batches(cases, centres, PATCH_DHW, BATCH, workers),
        "MONAI": lambda workers: monai_batches(cases, PATCH_DHW, BATCH, workers, samples_per_case=16),
    }
    missing: dict[str, str] = {}
    for name, make in makers.items():
        for workers in WORKERS:
            try:
                loader = make(workers)
                _train_on(loader, plain_step, device, 10)
            except Exception as error:  # Not installed, or too little shared memory for so many workers.
                missing[name] = f"{workers} workers: {type(error).__name__}: {error}"[:150]
                break
            num_steps = 20 if workers == 0 else 60

            def train_all(loader: Iterator[tuple[Tensor, Tensor]] = loader, num_steps: int = num_steps) -> None:
                _train_on(loader, plain_step, device, num_steps)

            rates[f"{name}, {workers} workers"] = _rate(train_all, num_steps)
            say(f"{name}, {workers} workers: {rates[f'{name}, {workers} workers']:.0f} patches/s")
            del loader
    details["training_patches_per_s"] = {name: round(rate) for name, rate in rates.items()}
    for what, name, goal in (
        ("against a plain PyTorch loop, training", "plain PyTorch", None),
        ("against MONAI's pipeline, training", "MONAI", 2.0),
    ):
        peer_rates = [rate for key, rate in rates.items() if key.startswith(name)]
        yield BenchRow(
            what=what,
            value=rates["hemosweep"] / max(peer_rates) if peer_rates else None,
            unit="times",
            goal=goal,
            note=missing.get(name, ""),
        )


def _train_on(loader: Iterator[tuple[Tensor, Tensor]], step: Any, device: Device, num_steps: int) -> None:
    for x_BCDHW, label_BDHW in islice(loader, num_steps):
        x = x_BCDHW.to(device.torch_device, non_blocking=True)
        step(Given(x, label_BDHW.to(device.torch_device, non_blocking=True)), torch.arange(len(x)))


def _rate(work: Callable[[], object], num_steps: int) -> float:
    """Patches a second of so many steps, from beginning to end."""
    torch.cuda.synchronize()
    begun = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return num_steps * BATCH / (time.perf_counter() - begun)
