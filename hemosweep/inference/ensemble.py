"""The fold ensemble of one arm: the networks of its fold runs, applied to a case without a reference."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hemosweep.config import ArmConfig
from hemosweep.errors import BadInput
from hemosweep.foldrun.seal import is_finished, sealed_content
from hemosweep.foldrun.spec import CHECKPOINT_NAME, SPEC_NAME, WEIGHTS_NAME, FoldRunSpec
from hemosweep.identity.trusted import read_trusted
from hemosweep.inference.sliding_window import predict_case, seen_volume
from hemosweep.model.checkpoint import UnreadableCheckpoint, unpack_checkpoint
from hemosweep.model.device import Device, choose_device
from hemosweep.preprocessing.record import PreprocessedCase

AGAIN = "run its sweep again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ensemble:
    """The networks of an arm's folds, each with the weights of its best validation loss, and their fold runs."""

    specs: tuple[FoldRunSpec, ...]
    models: tuple[nn.Module, ...]
    device: Device

    @property
    def config(self) -> ArmConfig:
        return self.specs[0].config


def load_ensemble(folders: Sequence[Path], *, project: Path | None = None) -> Ensemble:
    """Load the networks of fold runs of one arm, at least one.

    Args:
        folders: a fold run's folder each.
        project: where the user's project of the arm's components is now; None for the place that is recorded.

    Raises:
        BadInput: a fold run is not done, its files are gone or damaged, or other code than this wrote them.
    """
    specs = tuple(_read_spec(folder, project) for folder in folders)
    device = choose_device(deterministic=specs[0].config.training.deterministic)
    models = tuple(_load_model(folder, spec, device) for folder, spec in zip(folders, specs, strict=True))
    return Ensemble(specs=specs, models=models, device=device)


def predict_ensemble(
    ensemble: Ensemble, case: PreprocessedCase, *, on_fold: Callable[[], None] = lambda: None
) -> NDArray[np.float32]:
    """Mean lesion probability over the folds, `(D, H, W)` of the image that `seen_volume` gives.

    Each network sees the case as its test cases (`predict_case`).

    Args:
        on_fold: called after each network.
    """
    config = ensemble.config
    _, seen_DHW = seen_volume(case, config.sampling.restriction)
    total_DHW = np.zeros(seen_DHW.shape, dtype=np.float32)
    for model in ensemble.models:
        total_DHW += predict_case(model, case, config, ensemble.device)
        on_fold()
    return total_DHW / np.float32(len(ensemble.models))


class EnsembleCases:
    """The cases that an ensemble was trained, validated or tested on, recognised by their brain masks.

    A brain mask follows thousands of noisy voxels, so that two scans never share one to the voxel, while the same scan
    gives the same mask under any name, with or without its lesion mask. `seen` has the digest of each mask, and the
    number of folds that trained or stopped on its case.
    """

    def __init__(self, ensemble: Ensemble, seen: Mapping[str, int] | None = None) -> None:
        """
        Args:
            seen: as the attribute, where the cases are not here; None to read them.
        """
        self.seen: dict[str, int] = dict(seen or {})
        self.num_missing = 0
        if seen is not None:
            return
        paths = {case.path for spec in ensemble.specs for case in (*spec.train, *spec.validation, *spec.test)}
        for path in paths:
            brain = _packed_brain(Path(path))
            if brain is None:
                self.num_missing += 1
                continue
            self.seen[_digest(brain)] = sum(
                path in {case.path for case in (*spec.train, *spec.validation)} for spec in ensemble.specs
            )

    def num_folds_that_saw(self, case: PreprocessedCase) -> int | None:
        """Number of folds that trained or stopped on the case; None for a case that is not among them."""
        return self.seen.get(_digest(np.packbits(case.brain_DHW).tobytes()))


def _digest(packed: bytes) -> str:
    return hashlib.sha256(packed).hexdigest()


def _packed_brain(path: Path) -> bytes | None:
    """Read the brain mask of a saved case without its images; None where the file is missing."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return bytes(arrays["brain"].tobytes())
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _read_spec(folder: Path, project: Path | None) -> FoldRunSpec:
    if not is_finished(folder, SPEC_NAME, owner=folder.name):
        raise BadInput(f"{folder}: this fold run is not done, or its folder is gone; {AGAIN}")
    return read_trusted(folder, project=project, must_be_current=False, with_metrics=False)


def _load_model(folder: Path, spec: FoldRunSpec, device: Device) -> nn.Module:
    # An earlier version kept the weights in the checkpoint of the last epoch.
    name = WEIGHTS_NAME if (folder / WEIGHTS_NAME).exists() else CHECKPOINT_NAME
    try:
        weights = unpack_checkpoint(sealed_content(folder, name), name, spec.digest)["best"]
        model = build_model(spec.config, weights)
    except FileNotFoundError:
        raise BadInput(f"{folder / WEIGHTS_NAME}: no such file; {AGAIN}") from None
    except (UnreadableCheckpoint, OSError, KeyError, RuntimeError, TypeError) as error:
        reason = str(error) if isinstance(error, UnreadableCheckpoint) else f"{name} is of another network"
        raise BadInput(f"{folder}: {reason}; delete this folder and {AGAIN}") from error
    return device.place(model)


def build_model(config: ArmConfig, weights: Mapping[str, Tensor]) -> nn.Module:
    """The network of a configuration with weights, on the CPU.

    Raises:
        RuntimeError: they are of another network.
    """
    model = config.network.build(in_channels=len(config.preprocessing.channels))
    model.load_state_dict(weights)
    return model
