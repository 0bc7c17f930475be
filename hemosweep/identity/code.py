"""Code that can change a result, found by its imports, and the digest of it.

From a few entry modules on, imports are followed inside hemosweep and inside one project of the user. A file counts
with its name and its text (`significant_text`). Packages of others that the project's modules import count with their
versions; hemosweep's own are recorded with each run, and are no part of a name.
"""

import json
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

from hemosweep.components.project import INSTALLED
from hemosweep.digest import digest_json
from hemosweep.errors import BadInput
from hemosweep.files import replacing
from hemosweep.identity.code_text import parse, significant_text
from hemosweep.identity.imports import imported_modules
from hemosweep.identity.opted_out import is_opted_out

PACKAGE = "hemosweep"
CACHE_NAME = "code.json"
"""File in an output folder with the digests of the files that were read, by their sizes and times."""
_RACY_S = 2.0
"""A file that is younger may change again within the resolution of its time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """A file that was read: its size and time then, the digest of its text, and the names that it imports."""

    size: int
    time_ns: int
    text: str
    imports: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Closure:
    """Code that a result depends on: digests of the modules by name, and versions of packages of others."""

    modules: Mapping[str, str]
    packages: Mapping[str, str]

    @property
    def digest(self) -> str:
        return digest_json([sorted(self.modules.items()), sorted(self.packages.items())])

    @property
    def project_digest(self) -> str:
        """Digest of the project's modules alone."""
        return digest_json(sorted((name, text) for name, text in self.modules.items() if not _is_ours(name)))


_files: dict[str, _Read] = {}
"""Files that this process has read."""


def closure(
    entries: Iterable[str], *, project: Path | None = None, cache_in: Path | None = None, package: Path | None = None
) -> Closure:
    """Modules that the entries import, at any time, the entries among them.

    A module that is opted out is neither digested nor followed. The packages that a module lies in count, too, since
    they run before it.

    Args:
        entries: names of modules of hemosweep or of the project.
        project: the folder that the project's modules are named from; None for no project.
        cache_in: the output folder that keeps the digests of files, so that the next process need not read them.
        package: hemosweep's folder; the one of this installation by default.

    Raises:
        BadInput: an entry is no module, or a file is no Python.
    """
    package = Path(__file__).parents[1] if package is None else package
    cached = None if cache_in is None else cache_in / CACHE_NAME
    known = {} if cached is None else _read_cache(cached)
    before = dict(known)
    modules: dict[str, str] = {}
    foreign: set[str] = set()
    left = list(entries)
    if project is not None and project.name in INSTALLED:
        # Among all installed packages, the project is the one that the entries are of.
        tops = frozenset(entry.partition(".")[0] for entry in left if not _is_ours(entry))
    else:
        tops = None
    places = _Places(package=package, project=project, tops=tops)
    for entry in left:
        if places.find(entry) is None:
            raise BadInput(f"module {entry}: no such file in hemosweep or in {project}; give the project's folder")
    seen: set[str] = set()
    while left:
        name = left.pop()
        if name in seen or is_opted_out(name):
            continue
        seen.add(name)
        path = places.find(name)
        if path is None:
            continue
        read = _read_file(path, name, known)
        modules[name] = read.text
        left += [".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)]
        left += read.imports
        if not _is_ours(name):
            others = {top.partition(".")[0] for top in read.imports} - sys.stdlib_module_names - {PACKAGE}
            foreign |= {top for top in others if places.find(top) is None}
    if cached is not None and known != before:
        _write_cache(cached, known)
    return Closure(modules=modules, packages={name: _version(name) for name in foreign})


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] == PACKAGE


@dataclass(frozen=True, kw_only=True, slots=True)
class _Places:
    """Folders in which modules are looked for. `tops` are the packages of the project, None for all in its folder."""

    package: Path
    project: Path | None
    tops: frozenset[str] | None

    def find(self, name: str) -> Path | None:
        """File of a module; None for one of others, and for a name that is no module."""
        top, *parts = name.split(".")
        if top == PACKAGE:
            folder = self.package.joinpath(*parts)
        elif self.project is not None and (self.tops is None or top in self.tops):
            folder = self.project.joinpath(top, *parts)
        else:
            return None
        beside = [folder.with_name(f"{folder.name}.py")] if folder != self.package else []
        return next((path for path in (folder / "__init__.py", *beside) if path.is_file()), None)


def _read_file(path: Path, name: str, known: dict[str, Any]) -> _Read:
    """Read a file, or what is known of it since it had this size and time. What is read is added to `known`."""
    status = path.stat()
    key = str(path.resolve())
    for read in (_files.get(key), _as_read(known.get(key))):
        if read is not None and (read.size, read.time_ns) == (status.st_size, status.st_mtime_ns):
            _files[key] = read
            known[key] = asdict(read) | {"imports": list(read.imports)}
            return read
    try:
        source = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8 text; save it as UTF-8") from None
    tree = parse(source, str(path))
    read = _Read(
        size=status.st_size,
        time_ns=status.st_mtime_ns,
        text=digest_json(significant_text(source, tree)),
        imports=tuple(sorted(imported_modules(tree, name, is_package=path.name == "__init__.py"))),
    )
    if time.time() - status.st_mtime > _RACY_S:
        _files[key] = read
        known[key] = asdict(read) | {"imports": list(read.imports)}
    return read


def _as_read(values: Any) -> _Read | None:
    try:
        return None if values is None else _Read(**values | {"imports": tuple(values["imports"])})
    except (TypeError, KeyError):
        return None


def _read_cache(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def _write_cache(path: Path, known: Mapping[str, Any]) -> None:
    """Keep what was read; where that fails, the next process reads it again."""
    if not path.parent.is_dir():
        return
    try:
        with replacing(path, shared=True) as temporary:
            temporary.write_text(json.dumps(known), encoding="utf-8")
    except OSError:
        return


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _version(package: str) -> str:
    """Version of the installed package that a module belongs to, "absent" where none does."""
    try:
        return version(_distributions().get(package, [package])[0])
    except PackageNotFoundError:
        return "absent"
