"""Present code of recorded fold runs: those of other code cannot go on."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.identity.stages import FOLD_RUNS, Code, components_of


class PresentCode:
    """The present code of the fold runs of an output folder. Each set of components is looked up once."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._known: dict[tuple[tuple[str, ...], str | None], str | None] = {}

    def has(self, source: str | None, components: Iterable[str], project: str | None) -> bool:
        """True if a fold run was named with the present code, or without any.

        Args:
            source: digest of the code that it was named with.
            components: types of its arm's components.
            project: root of the project that some of them belong to.
        """
        key = (tuple(components), project)
        if source is None:
            return True
        if key not in self._known:
            code = Code(project=None if project is None else Path(project), cache_in=self._out)
            try:
                self._known[key] = code.of(FOLD_RUNS, key[0])
            except BadInput:  # A module is gone.
                self._known[key] = None
        return self._known[key] == source

    def has_spec(self, spec: Any) -> bool:
        """The same of a fold run's spec, as plain JSON. One that is too damaged to name its code counts as present."""
        source = spec.get("source") if isinstance(spec, dict) else None
        if source is None:
            return True
        try:
            return self.has(source, components_of(spec["config"]), spec.get("project"))
        except (AttributeError, KeyError, TypeError):
            return False
