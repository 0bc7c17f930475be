"""Importers that there are: those of this package's modules, and those of installed packages."""

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module

import hemosweep.importers
from hemosweep.errors import BadInput
from hemosweep.importers.protocol import Importer, importer_fault
from hemosweep.plugins import installed

GROUP = "hemosweep.importers"
"""Group of the entry points."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalogue:
    """Importers by name, in the order of the names; `warnings` name each entry point that cannot be used."""

    importers: Mapping[str, Importer]
    warnings: tuple[str, ...] = ()


def find_importers() -> Catalogue:
    """Every importer.

    Raises:
        BadInput: two of them have one name, or one of this package's modules has an object that is no importer.
    """
    warnings: list[str] = []
    found: dict[str, tuple[str, Importer]] = {}
    for place, importer in (*_of_this_package(), *_installed(warnings)):
        if importer.name in found:
            other, _ = found[importer.name]
            raise BadInput(f"two importers are named {importer.name!r}, of {other} and of {place}; remove one of them")
        found[importer.name] = place, importer
    return Catalogue(importers={name: found[name][1] for name in sorted(found)}, warnings=tuple(warnings))


def _of_this_package() -> Iterator[tuple[str, Importer]]:
    for place in sorted(info.name for info in pkgutil.iter_modules(hemosweep.importers.__path__, f"{GROUP}.")):
        if place == __name__:
            continue
        module = import_module(place)
        for importer in (
            *getattr(module, "IMPORTERS", ()),
            *([module.IMPORTER] if hasattr(module, "IMPORTER") else []),
        ):
            fault = importer_fault(importer)
            if fault is not None:
                raise BadInput(f"{place}: its importer {fault}; mend it")
            yield place, importer


def _installed(warnings: list[str]) -> Iterator[tuple[str, Importer]]:
    for one in installed(GROUP):
        try:
            importer = one.load()
        except BadInput as error:
            warnings.append(str(error))
            continue
        fault = importer_fault(importer)
        if fault is None:
            yield one.place, importer
        else:
            warnings.append(f"{one.place}: {fault}, so it is no importer; mend or remove the package")
