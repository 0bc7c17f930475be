"""Protocol of an importer, and of the options that its command takes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hemosweep.errors import BadInput
from hemosweep.importers.layouts import Layout
from hemosweep.plugins import is_frozen

if TYPE_CHECKING:
    from hemosweep.data.parallel import Progress
    from hemosweep.importers.writer import ImportSummary

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TAKEN = ("source", "data", "out", "progress", "help")
"""Names of what every importer takes."""


def _anything(value: Any) -> None:
    """Every value will do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportOption:
    """Option of an import command: `lesion_label` is typed as `--lesion-label`.

    `kind` is the type of a value: int, float, str, bool or Path. `help` is its line in the command's help. `check` gets
    a value that a user typed, and raises BadInput where it cannot be used.
    """

    name: str
    kind: type
    help: str
    default: Any = None
    check: Callable[[Any], None] = _anything


class Importer(Protocol):
    """Import of one layout of a folder as a data set, by the command `hemosweep data import-NAME`.

    An importer is a frozen dataclass in a file of its own, which names an instance `IMPORTER` (or several,
    `IMPORTERS`). The file lies in `hemosweep/importers/`, or in an installed package whose entry point of the group
    `hemosweep.importers` is the instance. It is imported to list the commands, so what takes long (numpy, nibabel) is
    imported inside its functions. `hemosweep.testing.importers.ImporterContract` tests it.
    """

    @property
    def name(self) -> str:
        """Name in the command: lower-case letters, digits and hyphens."""

    @property
    def help(self) -> str:
        """First line of the command's help."""

    @property
    def layout(self) -> Layout:
        """Layout by which a folder of this kind is known."""

    @property
    def options(self) -> tuple[ImportOption, ...]:
        """Options of the command beyond SOURCE and DATA."""

    def run(self, source: Path, out: Path, *args: Any, **keywords: Any) -> "ImportSummary":
        """Write the cases in `source` as a data set into `out`, with `hemosweep.importers.writer.write_dataset`.

        It takes the keyword `progress` (`hemosweep.data.parallel.Progress` or None) and each of `options` by its name.
        Each has a default.

        Raises:
            BadInput: `source` is not in this layout (`find_root`), or `out` cannot take a data set.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionImporter:
    """Importer that is a function of `source` and `out`: its options are the function's keywords of the same names.

    An option that the user does not give keeps the function's own default.
    """

    name: str
    help: str
    layout: Layout
    function: Callable[..., "ImportSummary"]
    options: tuple[ImportOption, ...] = ()

    def run(self, source: Path, out: Path, *, progress: "Progress | None" = None, **options: Any) -> "ImportSummary":
        given = {name: value for name, value in options.items() if value is not None}
        return self.function(source, out, progress=progress, **given)


def importer_fault(value: Any) -> str | None:
    """Reason why an object is no importer, in a few words; None where it is one."""
    if not is_frozen(value):
        return "is no instance of a frozen dataclass"
    missing = [name for name in ("name", "help", "layout", "options", "run") if not hasattr(value, name)]
    if missing:
        return f"lacks {', '.join(missing)}"
    if not isinstance(value.name, str) or not _NAME.fullmatch(value.name):
        return f"has the name {value.name!r}, which is no word of lower-case letters, digits and hyphens"
    if not isinstance(value.help, str) or len(value.help.splitlines()) != 1:
        return "has a help that is not one line"
    if not isinstance(value.layout, Layout):
        return "has a layout that is no Layout"
    if not isinstance(value.options, tuple) or not all(isinstance(option, ImportOption) for option in value.options):
        return "has options that are no tuple of ImportOption"
    names = [option.name for option in value.options]
    odd = next((name for name in names if not name.isidentifier() or name in _TAKEN or names.count(name) > 1), None)
    if odd is not None:
        return f"has an option {odd!r}, which is taken or no Python name"
    return None if callable(value.run) else "has a run that cannot be called"


def check_label(label: int) -> None:
    """Refuse the value of the background.

    Raises:
        BadInput: the label is below 1.
    """
    if label < 1:
        raise BadInput(f"label {label}: 0 is background; give a value of at least 1")


LESION_LABEL = ImportOption(
    name="lesion_label",
    kind=int,
    help="Value of the lesion in masks that hold several. Default: masks of 0 and 1.",
    check=check_label,
)
IVH_LABEL = ImportOption(
    name="ivh_label", kind=int, help="Value of intraventricular hemorrhage in the label maps.", check=check_label
)
