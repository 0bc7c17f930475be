"""One fold run from its spec to its predictions, each of which it hands on to be scored.

It knows neither Optuna nor MLflow: it reads and writes its own folder.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hemosweep.components.context import context_of
from hemosweep.config import WHOLE, ArmConfig
from hemosweep.foldrun.journal import Journal, micro_batch_size, read_journal, seconds_at_work
from hemosweep.foldrun.seal import seal
from hemosweep.foldrun.spec import CHECKPOINT_NAME, DONE_NAME, SCORES_NAME, WEIGHTS_NAME, CaseInput, FoldRunSpec
from hemosweep.model.checkpoint import UnreadableCheckpoint, load_checkpoint, save_checkpoint, set_aside
from hemosweep.model.device import Device, choose_device
from hemosweep.preprocessing.record import PreprocessedCase, load_preprocessed
from hemosweep.sampling.bank import PatchBank
from hemosweep.sampling.centres import Centres, draw_case_centres, middle_centre
from hemosweep.training.cost import begin_peak, count_parameters, peak_memory, window_flops
from hemosweep.training.loop import Epoch, Training, train
from hemosweep.training.testing import Scoring, test_in_order


def derive_seed(seed: int, *purpose: str) -> int:
    """An independent 32-bit seed for each use of chance. Arms share it, so that they differ by nothing else."""
    return int.from_bytes(hashlib.sha256("/".join([str(seed), *purpose]).encode()).digest()[:4], "little")


def centres_seed(spec: FoldRunSpec) -> int:
    """Seed of a fold's patch centres. As in its digest, a fold counts through its cases, not its number."""
    return derive_seed(spec.seed, _split(spec), "centres")


def draw_fold_centres(case: PreprocessedCase, config: ArmConfig, seed: int) -> Centres:
    """A case's centres, picked by a random stream of its own.

    Args:
        seed: `centres_seed` of the fold.
    """
    sampling = config.sampling
    if sampling.centres == WHOLE:
        return middle_centre(case, whole_image=sampling.restriction.leaves_brain)
    rng = np.random.default_rng(derive_seed(seed, case.case_id))
    return draw_case_centres(case, sampling.restriction, sampling.num_patches_per_case, rng, sampling.centres)


def _split(spec: FoldRunSpec) -> str:
    return ",".join(case.case_id for case in spec.test)


def build_bank(
    cases: Sequence[CaseInput], config: ArmConfig, device: Device, journal: Journal, seed: int, *, is_training: bool
) -> PatchBank:
    """Draw every case's centres and put the cases on the device, one after the other.

    Args:
        is_training: whether the patches are augmented and transformed, where the configuration says so.
    """

    def drawn() -> Iterator[tuple[PreprocessedCase, Centres]]:
        for case_input in cases:
            case = load_preprocessed(Path(case_input.path))
            centres = draw_fold_centres(case, config, seed)
            if centres.empty:
                journal.write("empty_region", case_id=case.case_id, regions=centres.empty)
            yield case, centres

    sampling = config.sampling
    bank = PatchBank(
        drawn(),
        sampling.patch_DHW,
        device.torch_device,
        augment=sampling.augment and is_training,
        context_DHW=context_of(config.network),
        weight_map=config.training.weight_map,
        transforms=[transform.build() for transform in sampling.transforms] if is_training else (),
    )
    if bank.on_host:
        journal.write("cases_on_host", num_cases=len(cases))
    return bank


def run_fold(
    spec: FoldRunSpec,
    folder: Path,
    journal: Journal,
    scoring: Scoring,
    should_pause: Callable[[], bool] = lambda: False,
) -> None:
    """Train, then test once, and seal the folder. Goes on from what an earlier process left there.

    Args:
        scoring: scores the test cases, and keeps the scores of each before the next one.
        should_pause: asked before each epoch and each test case.

    Raises:
        Paused: `should_pause` said so; the same call goes on, and nothing is done twice.
    """
    begun = time.perf_counter()
    earlier = read_journal(journal.path)
    seconds_before = seconds_at_work(earlier)
    config = spec.config
    device = choose_device(deterministic=config.training.deterministic)
    journal.write(
        "started",
        device=device.name,
        threads=device.num_threads,
        precision="bf16" if device.bf16 else "float32",
        torch=torch.__version__,
    )
    if (folder / DONE_NAME).exists():  # Half-written, or an earlier version's: who asks again takes it for no seal.
        journal.write("result_damaged")
        (folder / DONE_NAME).unlink()
    torch.manual_seed(derive_seed(spec.seed, _split(spec), "weights"))
    in_channels = len(config.preprocessing.channels)
    model = device.place(config.network.build(in_channels=in_channels))
    begin_peak(device)
    outcome = _trained_before(model, spec, folder, journal)
    if outcome is None:
        outcome = _train(model, spec, device, folder, journal, earlier, should_pause)
        _write_peak(journal, device)
        keep_weights(folder, model, spec, outcome, micro_batch=micro_batch_size(read_journal(journal.path)))
    (folder / CHECKPOINT_NAME).unlink(missing_ok=True)  # Nothing reads its optimiser state and last weights again.
    journal.write("stopped", reason=outcome.reason, best_epoch=outcome.best_epoch)
    if all(event["event"] != "network" for event in earlier):
        flops = window_flops(model, device, in_channels=in_channels, patch_DHW=config.sampling.patch_DHW)
        journal.write("network", parameters=count_parameters(model), window_flops=flops)
    # While a GPU predicts the processors are free; a network on the CPU needs them itself.
    beside = device.torch_device.type != "cpu"
    test_in_order(spec, model, device, folder, journal, scoring, should_pause, score_beside=beside)
    _write_peak(journal, device)
    seconds = seconds_before + time.perf_counter() - begun
    journal.write("done", seconds=seconds)
    seal(folder, digest=spec.digest, seconds=seconds, test_case_ids=[case.case_id for case in spec.test])


def _write_peak(journal: Journal, device: Device) -> None:
    owner, num_bytes = peak_memory(device)
    journal.write("peak_memory", of=owner, bytes=num_bytes)


def keep_weights(
    folder: Path, model: torch.nn.Module, spec: FoldRunSpec, outcome: Training, *, micro_batch: int | None
) -> None:
    """Write the weights that a training ended with, and what its end was."""
    state = {
        "run": spec.digest,
        "best": model.state_dict(),
        "best_epoch": outcome.best_epoch,
        "num_epochs": outcome.num_epochs,
        "reason": outcome.reason,
        "micro_batch": micro_batch,
    }
    save_checkpoint(folder / WEIGHTS_NAME, state)


def _trained_before(model: torch.nn.Module, spec: FoldRunSpec, folder: Path, journal: Journal) -> Training | None:
    """End of the training of an earlier process, whose weights the model then holds; None where it did not end."""
    path = folder / WEIGHTS_NAME
    try:
        state = load_checkpoint(path, spec.digest)
    except UnreadableCheckpoint as error:
        journal.write("checkpoint_unreadable", reason=str(error), kept_as=set_aside(path).name)
        return None
    if state is None:
        return None
    model.load_state_dict(state["best"])
    smaller = {} if state["micro_batch"] is None else {"micro_batch": state["micro_batch"]}
    journal.write("resumed", epoch=state["num_epochs"], **smaller)
    return Training(best_epoch=state["best_epoch"], num_epochs=state["num_epochs"], reason=state["reason"])


def _train(
    model: torch.nn.Module,
    spec: FoldRunSpec,
    device: Device,
    folder: Path,
    journal: Journal,
    earlier: Sequence[dict[str, Any]],
    should_pause: Callable[[], bool],
) -> Training:
    """Train from the folder's checkpoint on. `earlier` are the events of the processes before."""
    config, sampling_seed = spec.config, centres_seed(spec)

    def on_epoch(epoch: Epoch) -> None:
        (folder / SCORES_NAME).unlink(missing_ok=True)  # Of other weights, if there are any.
        journal.write(
            "epoch",
            epoch=epoch.epoch,
            train_loss=epoch.train_loss,
            val_loss=epoch.val_loss,
            val_dsc=epoch.val_dsc,
            seconds=epoch.seconds,
        )

    without_graph = next((event for event in earlier if event["event"] == "no_graph"), None)
    if without_graph is not None:
        journal.write("no_graph", reason=without_graph["reason"])
    return train(
        model,
        config.training.loss.build(),
        build_bank(spec.train, config, device, journal, sampling_seed, is_training=True),
        build_bank(spec.validation, config, device, journal, sampling_seed, is_training=False),
        config.training,
        device,
        seed=derive_seed(spec.seed, _split(spec), "training"),
        run=spec.digest,
        checkpoint=folder / CHECKPOINT_NAME,
        on_epoch=on_epoch,
        on_event=journal.write,
        should_pause=should_pause,
        graph=without_graph is None,
    )
