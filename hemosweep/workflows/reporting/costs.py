"""Facts of a report about what its arms cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from hemosweep.runs import RunRecord
from hemosweep.workflows.reporting.source import ReportSource


def differ_in_cost(source: ReportSource, chosen: Mapping[str, Sequence[RunRecord]]) -> bool:
    """True for arms that differ in their network, their patch or their number of channels, by their configurations.

    They are compared as they are recorded, so that a lab's own components count, too.

    Args:
        chosen: the finished runs of each arm.
    """
    configs = [source.store.config(runs[0].run_id) for runs in chosen.values()]
    return len({_decisive(config) for config in configs if config is not None}) > 1


def _decisive(config: Mapping[str, Any]) -> str:
    """Choices of an arm that its cost depends on."""
    preprocessing, sampling = config.get("preprocessing", {}), config.get("sampling", {})
    symmetric, angiography = preprocessing.get("symmetric"), preprocessing.get("angiography")
    further = len(preprocessing.get("ct_channels") or ())
    num_channels = 1 + (symmetric not in (None, "none")) + bool(angiography) + further
    return repr((config.get("network"), sampling.get("patch_HWD"), num_channels))
