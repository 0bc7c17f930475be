"""Specs of fold runs whose components may belong to a project of the user.

A spec may come from anyone. Before anything is imported, the project's code that it names is read and compared
with the digest that it was recorded with, and it must lie where the user keeps code: not in the output folder itself.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hemosweep.components.project import finder
from hemosweep.components.record import types_in
from hemosweep.errors import BadInput
from hemosweep.foldrun.spec import SPEC_NAME, FoldRunSpec, read_json
from hemosweep.identity.stages import FOLD_RUNS, Code, components_of, is_own

CHANGED = "the source code changed after the sweep began; start the same command again"


def read_trusted(
    folder: Path, *, project: Path | None = None, must_be_current: bool = True, with_metrics: bool = True
) -> FoldRunSpec:
    """Read the spec in a fold run's folder.

    Args:
        project: where the user says that the project is now; None for the place that the spec records.
        must_be_current: refuse a spec of other code of hemosweep, too.
        with_metrics: read the sweep's metrics, too.

    Raises:
        BadInput: the code is another one, the project is not there or lies in the output folder, or as
            `FoldRunSpec.read`.
    """
    try:
        record = read_json(folder / SPEC_NAME)
        source, recorded = record["source"], record.get("project")
        components = components_of(record["config"])
        theirs = {"project_source": [name for name in types_in(record["config"]) if not is_own(name)]}
        if with_metrics:
            theirs["metrics_source"] = [name for name in types_in(record.get("metrics", [])) if not is_own(name)]
        named = {part: record.get(part) for part in theirs}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return FoldRunSpec.read(folder, with_metrics=with_metrics)  # It names what is wrong.
    out = folder.parents[1]
    root = _root(folder, recorded, project) if any(theirs.values()) else None
    code = Code(project=root, cache_in=out)
    for part, names in theirs.items():
        if names and named[part] != _present(partial(code.of_project, names)):
            raise BadInput(
                f"{root}: the code of {', '.join(names)} is not the one that this fold run was trained with; take its "
                "earlier version, or run its sweep again"
            )
    if must_be_current and source is not None and source != _present(partial(code.of, FOLD_RUNS, components)):
        raise BadInput(CHANGED)
    return FoldRunSpec.read(folder, finder(root), with_metrics=with_metrics)


def project_in_use(spec: FoldRunSpec, given: Path | None) -> Path | None:
    """The project whose components a spec was read with, at the place that was given or is recorded."""
    return None if spec.project is None else Path(spec.project) if given is None else given.resolve()


def _present(digest: Callable[[], str | None]) -> str | None:
    """A digest of the present code; None where a module of it is missing or no Python."""
    try:
        return digest()
    except BadInput:
        return None


def _root(folder: Path, recorded: Any, given: Path | None) -> Path:
    root = given if given is not None else Path(recorded) if isinstance(recorded, str) else None
    if root is None:
        raise BadInput(f"{folder}: its spec names no project for its components; say with --project where it is")
    if not root.is_dir():
        raise BadInput(f"{root}: the project of this run is not there; say with --project where it went")
    if given is None and root.resolve().is_relative_to(folder.parents[1].resolve()):
        raise BadInput(
            f"{root}: the project of this run lies in its output folder, so a stranger may have put it there; read its "
            "code, and give it with --project if you trust it"
        )
    return root.resolve()
