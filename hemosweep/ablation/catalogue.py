"""Ablations and searches that there are: hemosweep's, those of installed packages, and one in a file of the user's.

A module of `hemosweep.sweeps` offers its `SWEEP`, or several in `SEARCHES`. An installed package offers its own by an
entry point of the group `hemosweep.sweeps`, whose value is a `Sweep` or a `Search`. A user names a file with a `SWEEP`.
"""

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import ParamSpec

from hemosweep.ablation.search import Search
from hemosweep.ablation.sweep import Sweep
from hemosweep.components.project import project_of, read_object, refusal
from hemosweep.config import ArmConfig
from hemosweep.errors import BadInput
from hemosweep.plugins import SWEEPS, installed

P = ParamSpec("P")

OBJECT = "SWEEP"
"""Name of the object in a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """An ablation or a search, the place that it comes from, and the root of its project; None for hemosweep."""

    of: Sweep | Search
    place: str
    project: Path | None = None

    @property
    def name(self) -> str:
        return self.of.name

    @property
    def sweep(self) -> Sweep:
        """The ablation, or the one that the search ends with."""
        return self.of.last_comparison if isinstance(self.of, Search) else self.of

    @property
    def search(self) -> Search | None:
        return self.of if isinstance(self.of, Search) else None


@cache
def own_sweeps() -> Mapping[str, Listed]:
    """Ablations and searches of hemosweep: in the order of the paper's sections, then the others, then the searches.

    Raises:
        BadInput: two of them have one name.
    """
    folder = Path(__file__).parents[1] / "sweeps"
    found = [listed for module in pkgutil.iter_modules([str(folder)]) for listed in listed_in(module.name)]
    found.sort(key=lambda one: (one.search is not None, one.sweep.section or "none", one.place))
    return _by_name(found)


def listed_in(name: str) -> list[Listed]:
    """Ablations and searches of one of hemosweep's modules of sweeps."""
    module = import_module(f"{SWEEPS}.{name}")
    place = f"{SWEEPS.replace('.', '/')}/{name}.py"
    ablations = [module.SWEEP] if hasattr(module, OBJECT) else []
    return [Listed(of=one, place=place) for one in (*ablations, *getattr(module, "SEARCHES", ()))]


@cache
def known_sweeps() -> Mapping[str, Listed]:
    """Those of hemosweep, then those of installed packages.

    Raises:
        BadInput: a package cannot be used, or two sweeps have one name.
    """
    return _by_name([*own_sweeps().values(), *_installed()])


def sweep_names() -> tuple[str, ...]:
    """Names of hemosweep's ablations."""
    return tuple(name for name, listed in own_sweeps().items() if listed.search is None)


def find_sweep(name: str) -> Sweep:
    """The ablation of that name.

    Raises:
        BadInput: there is none, or a search has the name.
    """
    listed = find_listed(name)
    if listed.search is not None:
        raise BadInput(f"{name} is a search, not an ablation")
    return listed.sweep


def find_listed(name: str) -> Listed:
    """The ablation or search of a name, or the one in a file, whose name ends in .py.

    Raises:
        BadInput: there is none, or the file cannot be used.
    """
    if name.endswith(".py"):
        return _in_file(Path(name).expanduser())
    known = known_sweeps()
    if name not in known:
        raise BadInput(
            f"unknown sweep {name!r}{_nearest(name, known)}; there is {', '.join(known)} (hemosweep sweeps), or name "
            "the file of your own, such as lab/tversky.py"
        )
    return known[name]


def _nearest(name: str, known: Iterable[str]) -> str:
    """Question for the known name that a mistyped one is nearest to; empty where none is near."""
    near = get_close_matches(name.lower(), known, n=1)
    return f" (is it {near[0]}?)" if near else ""


def _in_file(file: Path) -> Listed:
    """The sweep of a user's file.

    Raises:
        BadInput: the file cannot be used, or takes the name of another sweep with other arms.
    """
    if file.resolve().parent == (Path(__file__).parents[1] / "sweeps").resolve() and file.stem in own_sweeps():
        return own_sweeps()[file.stem]
    value = read_object(file, OBJECT)
    if not isinstance(value, Sweep | Search):
        raise BadInput(
            f"{file}: its {OBJECT} is a {type(value).__name__}; make it a hemosweep.ablation.sweep.Sweep(...)"
        )
    other = known_sweeps().get(value.name)
    if other is not None and not _same(other, value):
        raise BadInput(f"{file}: takes the name {value.name} of another sweep ({other.place}); give it another name")
    root, _ = project_of(file)
    value = replace(value, configure=_naming_its_place(value.configure, root, file))
    if isinstance(value, Search):
        value = replace(value, base=_naming_its_place(value.base, root, file))
    return Listed(of=value, place=str(file), project=root)


def _naming_its_place(configure: Callable[P, ArmConfig], root: Path, file: Path) -> Callable[P, ArmConfig]:
    """The same function, whose errors name file and line of the user's project."""

    def call(*args: P.args, **kwargs: P.kwargs) -> ArmConfig:
        try:
            return configure(*args, **kwargs)
        except Exception as error:
            raise refusal(root, error, otherwise=file) from error

    return call


def _same(other: Listed, value: Sweep | Search) -> bool:
    if isinstance(other.of, Search) or isinstance(value, Search):
        return other.of == value
    declared = other.of.declaration == value.declaration
    return declared and other.of.arms(ArmConfig()) == value.arms(ArmConfig())


def _installed() -> Iterator[Listed]:
    for one in installed(SWEEPS):
        value = one.load()
        if not isinstance(value, Sweep | Search):
            raise BadInput(f"{one.place}: is a {type(value).__name__}, no Sweep; mend or remove the package")
        module = import_module(one.entry.module)
        root = Path(str(module.__file__)).resolve()
        for _ in range(one.entry.module.count(".") + 1 + (root.name == "__init__.py")):
            root = root.parent
        yield Listed(of=value, place=one.place, project=root)


def _by_name(found: list[Listed]) -> dict[str, Listed]:
    by_name: dict[str, Listed] = {}
    for listed in found:
        other = by_name.setdefault(listed.name, listed)
        if other is not listed:
            raise BadInput(f"two sweeps are named {listed.name!r}, of {other.place} and of {listed.place}; rename one")
    return by_name
