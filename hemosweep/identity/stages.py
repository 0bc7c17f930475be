"""Stages of a result and the code of each: preprocessed cases, fold runs, scores, timed steps, predictions.

A stage is a tuple of entry modules, from which imports are followed (`hemosweep.identity.code.closure`).
"""

from collections.abc import Iterable
from pathlib import Path

from hemosweep.identity.code import closure

PREPROCESSED_CASES = ("hemosweep.preprocessing.pipeline", "hemosweep.preprocessing.record")
FOLD_RUNS = ("hemosweep.training.fold_run",)
"""From a preprocessed case to weights and predictions on the scanner's grid. Scores have digests of their own."""
TIMED_STEPS = ("hemosweep.forecast.timed_step",)
PREDICTIONS = ("hemosweep.prediction.segment",)
"""From a scan to its mask, its numbers and its picture."""


def code_digest(
    stage: Iterable[str],
    components: Iterable[str] = (),
    *,
    project: Path | None = None,
    cache_in: Path | None = None,
) -> str:
    """Digest of the code of a stage with the components of an arm.

    Args:
        components: types such as `hemosweep.model.losses.focal.Focal`.
        project: folder of the user's project that some of them belong to.
        cache_in: output folder that keeps the digests of files.

    Raises:
        BadInput: as `closure`.
    """
    modules = {name.rpartition(".")[0] for name in components}
    return closure([*stage, *sorted(modules)], project=project, cache_in=cache_in).digest
