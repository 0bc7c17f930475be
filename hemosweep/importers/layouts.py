"""Layouts of folders, and detection of the layout of a folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from hemosweep.data.manifest import TABLE_NAME
from hemosweep.errors import BadInput


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """A layout of a folder: its root is the folder that a user names or one of `roots` below it; it holds all `marks`.
    Both may be glob patterns."""

    name: str
    roots: tuple[str, ...] = ()
    marks: tuple[str, ...]


def find_root(source: Path, layout: Layout) -> Path:
    """The folder of a public set's files, in or below the folder that a user names.

    Raises:
        BadInput: `source` is no folder, or is not in this layout; the message names the layout that it seems to have.
    """
    if not os.path.isdir(source):
        kind = (
            "is a file; unpack it and name the folder" if os.path.isfile(source) else "no such folder; check its name"
        )
        raise BadInput(f"{source}: {kind} of the {layout.name} set")
    root = _root(source, layout)
    if root is not None:
        return root
    missing = [mark for mark in layout.marks if not _holds(source, mark)]
    other = likely_import(source, but=layout)
    if other is not None:
        way_out = f"it looks like {other[1].name}: use hemosweep data {other[0]}"
    elif _holds(source, TABLE_NAME):
        way_out = "it is a data set already and needs no import"
    else:
        way_out = "name the folder that the set was unpacked to"
    raise BadInput(
        f"{source}: not in the layout of {layout.name} (expected {', '.join(layout.marks)}; not there: "
        f"{', '.join(missing)}); {way_out}"
    )


def likely_import(source: Path, *, but: Layout | None = None) -> tuple[str, Layout] | None:
    """Command and layout of the importer that a folder seems to be for, none where it fits none. Of several, the one
    whose marks say most."""
    from hemosweep.importers.catalogue import find_importers  # It imports every importer, and they this module.

    def certainty(other: Layout) -> tuple[int, int]:
        return sum("*" not in mark for mark in other.marks), len(other.marks)

    fitting = [
        (f"import-{importer.name}", importer.layout)
        for importer in find_importers().importers.values()
        if importer.layout != but and _root(source, importer.layout) is not None
    ]
    return max(fitting, key=lambda one: certainty(one[1]), default=None)


def _root(source: Path, layout: Layout) -> Path | None:
    for pattern in (".", *layout.roots):
        for root in [source] if pattern == "." else sorted(source.glob(pattern)):
            if root.name != "__MACOSX" and all(_holds(root, mark) for mark in layout.marks):
                return root
    return None


def _holds(folder: Path, mark: str) -> bool:
    return next(folder.glob(mark), None) is not None
