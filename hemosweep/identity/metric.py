"""Digest of a metric: everything that can change its scores of the same prediction."""

import sys
from dataclasses import is_dataclass
from pathlib import Path

from hemosweep.components.record import as_json, type_name
from hemosweep.digest import digest_json
from hemosweep.errors import BadInput
from hemosweep.identity.code import closure
from hemosweep.identity.stages import is_own
from hemosweep.scores.metric import Metric


def metric_digest(metric: Metric, *, project: Path | None = None) -> str:
    """Digest of a metric's type, its fields and its code: what its module imports inside hemosweep and its project.

    Args:
        project: folder that the metric's module is named from; by default the one that it was imported from.

    Raises:
        BadInput: the metric is no dataclass, has fields that JSON cannot carry, or has no file.
    """
    name, module = type_name(metric), type(metric).__module__
    if not is_dataclass(type(metric)) or isinstance(metric, type):
        raise BadInput(f"metric {metric!r}: not an object of a dataclass; make it one, with frozen=True")
    if project is None and not is_own(name):
        project = _root(module)
    try:
        return digest_json([as_json(metric), closure([module], project=project).digest])
    except TypeError as error:
        raise BadInput(f"metric {name}: fields that JSON cannot carry ({error}); use numbers and texts") from None


def _root(module: str) -> Path:
    """Folder that a module is named from."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        raise BadInput(f"metric of module {module}: no file of it is known; define it in a file that can be imported")
    path = Path(file).resolve()
    depth = module.count(".") + (path.name == "__init__.py")
    return path.parents[depth]
