"""Digest of a metric: everything that can change its scores of the same prediction."""

import sys
from dataclasses import asdict, is_dataclass
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

from hemosweep.components.project import INSTALLED
from hemosweep.digest import digest_json
from hemosweep.errors import BadInput
from hemosweep.identity.code import PACKAGE, closure
from hemosweep.identity.code_text import parse, significant_text
from hemosweep.identity.imports import imported_modules
from hemosweep.scores.metric import Metric


def metric_digest(metric: Metric, *, project: Path | None = None, cache_in: Path | None = None) -> str:
    """Digest of a metric's type, its fields and its code.

    The code is what its module imports inside hemosweep and the project. Of an installed package all files count, with
    its version and what it imports of hemosweep.

    Args:
        project: folder that the metric's module is named from; by default the one that it was imported from.
        cache_in: output folder that keeps the digests of files.

    Raises:
        BadInput: the metric is no dataclass, has fields that JSON cannot carry, or has no file.
    """
    kind = type(metric)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if not is_dataclass(kind) or isinstance(metric, type):
        raise BadInput(f"metric {name}: not an object of a dataclass; make it one, with frozen=True")
    try:
        return digest_json([name, asdict(metric), _code(kind.__module__, project, cache_in)])
    except TypeError as error:
        raise BadInput(f"metric {name}: fields that JSON cannot carry ({error}); use numbers and texts") from None


def _code(module: str, project: Path | None, cache_in: Path | None) -> str:
    if module.partition(".")[0] == PACKAGE:
        return closure([module], cache_in=cache_in).digest
    root = _root(module) if project is None else project
    return _installed(module, root) if root.name in INSTALLED else closure([module], project=root).digest


def _root(module: str) -> Path:
    """Folder that a module is named from."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        raise BadInput(f"metric of module {module}: no file of it is known; define it in a file that can be imported")
    path = Path(file).resolve()
    depth = module.count(".") + (path.name == "__init__.py")
    return path.parents[depth]


@cache
def _installed(module: str, root: Path) -> str:
    """Digest of the installed package that a module belongs to."""
    top = module.partition(".")[0]
    files = sorted((root / top).rglob("*.py")) or [root / f"{top}.py"]
    texts, ours = [], set()
    for path in files:
        source = path.read_text(encoding="utf-8")
        tree = parse(source, str(path))
        texts.append([path.relative_to(root).as_posix(), significant_text(source, tree)])
        ours |= {name for name in imported_modules(tree, top, is_package=False) if name.startswith(f"{PACKAGE}.")}
    known = sorted(name for name in ours if _is_module(name))
    versions = sorted(f"{name}=={version(name)}" for name in packages_distributions().get(top, ()))
    return digest_json([texts, versions, closure(known).digest])


def _is_module(name: str) -> bool:
    path = Path(__file__).parents[1].joinpath(*name.split(".")[1:])
    return (path / "__init__.py").is_file() or path.with_name(f"{path.name}.py").is_file()
