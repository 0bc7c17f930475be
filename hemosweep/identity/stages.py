"""Stages of a result and the code of each: preprocessed cases, fold runs, timed steps, predictions.

A stage is a tuple of entry modules, from which imports are followed (`hemosweep.identity.code.closure`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemosweep.components.record import type_name, types_in
from hemosweep.config import ArmConfig, PreprocessingConfig, config_as_dict, section_as_dict
from hemosweep.identity.code import closure
from hemosweep.scores.metric import Metric

PREPROCESSED_CASES = ("hemosweep.preprocessing.pipeline", "hemosweep.preprocessing.record")
FOLD_RUNS = ("hemosweep.training.fold_run",)
"""From a preprocessed case to weights and predictions on the scanner's grid. Scores have digests of their own."""
TIMED_STEPS = ("hemosweep.forecast.timed_step",)
_WORKED_WITH = ("sampling", "network", "training", "inference")
"""Parts of a configuration whose components a fold run works with."""
PREDICTIONS = ("hemosweep.prediction.segment",)
"""From a scan to its mask, its numbers and its picture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """Code of hemosweep and of one project, digested by stage.

    `project` is the root of the user's project, None where only components of hemosweep are used. `cache_in` is the
    output folder that keeps digests of files.
    """

    project: Path | None = None
    cache_in: Path | None = None

    def of_fold_runs(self, config: ArmConfig) -> str:
        """Digest of the code that can change the fold runs of an arm.

        Raises:
            BadInput: a module is missing or no Python.
        """
        return self.of(FOLD_RUNS, components_of(config_as_dict(config)))

    def of_preprocessing(self, config: PreprocessingConfig) -> str:
        """Digest of the code that can change preprocessed cases.

        Raises:
            BadInput: as `of_fold_runs`.
        """
        return self.of(PREPROCESSED_CASES, types_in(section_as_dict(config)))

    def of(self, stage: Iterable[str], components: Iterable[str] = ()) -> str:
        """Digest of the code of a stage with components, such as `hemosweep.model.losses.focal.Focal`.

        Raises:
            BadInput: as `of_fold_runs`.
        """
        modules = {name.rpartition(".")[0] for name in components}
        return closure([*stage, *sorted(modules)], project=self.project, cache_in=self.cache_in).digest

    def of_project(self, components: Iterable[str]) -> str | None:
        """Digest of the project's own files alone that these components need; None where they need none.

        Raises:
            BadInput: as `of_fold_runs`.
        """
        modules = sorted({name.rpartition(".")[0] for name in components if not is_own(name)})
        if not modules:
            return None
        return closure(modules, project=self.project, cache_in=self.cache_in).project_digest

    def project_of(self, config: ArmConfig, metrics: Iterable[Metric] = ()) -> str | None:
        """Root of the project where an arm or a metric has components of it; None where they are all hemosweep's."""
        own = all(map(is_own, (*types_in(config_as_dict(config)), *map(type_name, metrics))))
        return None if own or self.project is None else str(self.project)


def is_own(component: str) -> bool:
    """True for a type of hemosweep."""
    return component.startswith("hemosweep.")


def components_of(record: dict[str, Any]) -> tuple[str, ...]:
    """Types of the components of a configuration's record that a fold run works with.

    Those of hemosweep's for preprocessing are left out: they made the cases, whose contents are part of a fold run's
    name. Those of a project stay, since a child imports them, and checks their code before.
    """
    worked_with = {name for part in _WORKED_WITH for name in types_in(record.get(part))}
    return tuple(sorted(worked_with | {name for name in types_in(record.get("preprocessing")) if not is_own(name)}))
