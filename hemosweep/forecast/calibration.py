"""Time and memory of a training step on this machine, measured once and kept in the output folder.

Timing needs torch, and importing torch takes longer than planning a thousand fold runs. Kept steps are read without it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hemosweep.components.record import as_json, types_in
from hemosweep.config import ArmConfig
from hemosweep.digest import digest_json
from hemosweep.executors.machine import machine_digest
from hemosweep.files import replacing, system_message
from hemosweep.forecast.step_cost import Calibration
from hemosweep.identity.stages import TIMED_STEPS, Code

FILE_NAME = "calibrations.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibrations:
    """The steps of some configurations on one device, the number of GPUs, and the memory of the first GPU.

    `num_kept` steps were timed by an earlier call. `not_kept` is the reason if the steps timed now could not be kept.
    """

    device: str
    num_gpus: int
    steps: Mapping[ArmConfig, Calibration]
    gpu_bytes: int | None = None
    num_kept: int = 0
    not_kept: str | None = None


def calibrate(
    configs: Iterable[ArmConfig], out: Path, project: Path | None = None, *, num_threads: int | None = None
) -> Calibrations:
    """Return the training step of each configuration. Configurations with the same network, patch and batch share one.

    A step is timed if none is kept for this machine, torch and source code. It is timed again if other programs
    disturbed the kept one, or if memory did not hold its batch. Of two times of a disturbed step the shorter one is
    kept.

    Args:
        out: the output folder; `calibrations.json` is written there, whole or not at all.
        project: root of the user's project, where configurations have components of it.
        num_threads: threads of a fold run on the CPU; by default as many as there are processors.

    Raises:
        OutOfMemory: the GPU does not hold the smallest micro-batch.
    """
    path, machine, code = out / FILE_NAME, machine_digest(), Code(project=project, cache_in=out)
    present = _code_digest(code)
    record = _Machine.from_stored(_read(path).get(machine), present)
    names = {config: _step_digest(config, code, num_threads) for config in configs}
    to_time = {name: config for config, name in names.items() if record is None or not record.settles(name, config)}
    not_kept = None
    if record is None or to_time:
        # Imported where it is needed: it takes longer than all the rest.
        from hemosweep.forecast.timed_step import time_steps

        timed = time_steps(tuple(to_time.values()), num_threads=num_threads)
        stored = _read(path)  # Another forecast may have kept its steps meanwhile.
        latest = _Machine.from_stored(stored.get(machine), present)
        known = {
            name: step
            for known_record in (record, latest)
            if known_record is not None
            for name, step in known_record.steps.items()
        }
        for name, step in zip(to_time, timed.steps, strict=True):
            # A disturbance only adds time, so the shorter time counts; an undisturbed later step settles it.
            known[name] = replace(step, patch_s=min(step.patch_s, known.get(name, step).patch_s))
        record = _Machine(
            code=present,
            device=timed.device,
            num_gpus=timed.num_gpus,
            gpu_bytes=timed.gpu_bytes,
            steps=known,
        )
        not_kept = _write(path, stored | {machine: asdict(record)})
    return Calibrations(
        device=record.device,
        num_gpus=record.num_gpus,
        gpu_bytes=record.gpu_bytes,
        steps={config: record.steps[name] for config, name in names.items()},
        num_kept=len(set(names.values()) - to_time.keys()),
        not_kept=not_kept,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Machine:
    """The record of one machine. `code` is the digest of the code that the steps were timed with; `steps` has the
    digest of each step as key."""

    code: str
    device: str
    num_gpus: int
    steps: Mapping[str, Calibration]
    gpu_bytes: int | None = None

    @classmethod
    def from_stored(cls, stored: Any, code: str) -> "_Machine | None":
        """Return the stored record; None where there is none, or one of other code, or a damaged one."""
        try:
            steps = {name: Calibration(**values) for name, values in stored["steps"].items()}
            machine = cls(**stored | {"steps": steps})
        except (KeyError, TypeError, AttributeError):
            return None
        whole = (
            type(machine.device) is str
            and machine.device.isprintable()
            and _within(machine.num_gpus, int, 0, 1e3)
            and (machine.gpu_bytes is None or _within(machine.gpu_bytes, int, 1, 1e15))
        )
        return machine if whole and all(map(_is_whole, steps.values())) and machine.code == code else None

    def settles(self, name: str, config: ArmConfig) -> bool:
        """True if the step of a configuration need not be timed again."""
        step = self.steps.get(name)
        return step is not None and not step.disturbed and step.batch_at_once == config.training.batch_size


def _is_whole(step: Calibration) -> bool:
    """True if each value has the type and range that it must have; the file may come from anywhere."""
    return (
        _within(step.patch_s, float, 1e-9, 1e6)
        and _within(step.memory_bytes, int, 1, 1e15)
        and _within(step.batch_at_once, int, 1, 1e9)
        and _within(step.weight_bytes, int, 1, 1e15)
        and (step.num_busy is None or _within(step.num_busy, float, 0, 1e6))
        and type(step.timed_on) is str
        and re.fullmatch(r"\d{4}-\d\d-\d\d", step.timed_on, re.ASCII) is not None
    )


def _within(value: object, kind: type, low: float, high: float) -> bool:
    return type(value) is kind and low <= value <= high  # type: ignore[operator]  # NaN is nowhere


def _step_digest(config: ArmConfig, code: Code, num_threads: int | None) -> str:
    """Digest of all that the time and memory of a step depend on."""
    network, loss = as_json(config.network), as_json(config.training.loss)
    channels, batch_size = config.preprocessing.channels, config.training.batch_size
    components = [*types_in(network), *types_in(loss)]
    code_digest = code.of(TIMED_STEPS, components)
    return digest_json([network, loss, channels, config.sampling.patch_HWD, batch_size, num_threads, code_digest])


def _code_digest(code: Code) -> str:
    return digest_json([code.of(TIMED_STEPS), version("torch")])


def _read(path: Path) -> dict[str, Any]:
    """The records of all machines; empty where the file is missing or damaged."""
    if not path.is_file():  # a pipe would be waited for
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _write(path: Path, stored: Mapping[str, Any]) -> str | None:
    """Write the records. Return the reason if that failed, else None: a forecast does not fail for it."""
    try:
        with replacing(path, shared=True) as temporary:
            temporary.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        return system_message(error)
    return None
