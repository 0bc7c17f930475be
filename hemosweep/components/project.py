"""The user's project: the folder of a file that a user names, whose modules may hold components."""

import sys
import sysconfig
import traceback
from importlib import import_module, invalidate_caches
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from hemosweep.components.record import FindType, find_in, find_own
from hemosweep.errors import BadInput, HemosweepError
from hemosweep.plugins import one_line

INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Names of the folders that hold installed packages."""


_imported: dict[str, Path] = {}
"""Modules that were imported from projects, and their roots."""


def project_of(file: Path) -> tuple[Path, str]:
    """Root of the project that a file belongs to, and the name of its module there.

    The root is the file's folder or, where that is a package, the first folder above that is none.
    """
    file = file.resolve()
    root, parts = file.parent, [file.stem]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    return root, ".".join(parts)


def read_object(file: Path, name: str) -> Any:
    """Import a Python file as a module of its project, and return its object of that name.

    The file may import its neighbours. What was imported from projects before is forgotten: the file may have changed,
    and another project may have a module of the same name.

    Raises:
        BadInput: there is no such file, it would hide an installed module, it fails (the message has file and line), or
            it has no such name.
    """
    if not file.is_file():
        raise BadInput(f"{file}: no such file; check its name")
    root, module_name = project_of(file)
    hidden = _hidden_by(root, module_name)
    if hidden is not None:
        raise BadInput(f"{file}: another module is named {module_name} ({hidden}); rename the file")
    _forget()
    module = import_from(root, module_name)
    if not hasattr(module, name):
        raise BadInput(f"{file}: has no {name}; write {name} = ... at its end")
    return getattr(module, name)


def _hidden_by(root: Path, name: str) -> str | None:
    """Python's own or installed module that others would no longer find beside a module of that name; None where there
    is none."""
    if name in sys.stdlib_module_names:
        return "Python's own"
    if "." in name:
        return None
    spec = PathFinder.find_spec(name, [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    origin = None if spec is None else spec.origin
    return None if origin is None or Path(origin).resolve().is_relative_to(root) else origin


def import_from(root: Path, name: str) -> ModuleType:
    """Import a module of a project, whose folder stays among those that Python looks in.

    Raises:
        BadInput: another module has its name, or it fails; the message names file and line.
    """
    path = root / f"{name.replace('.', '/')}.py"
    if _imported.get(name, root) != root:
        _forget()
    if (module := sys.modules.get(name)) is None:
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))
        invalidate_caches()
        before = set(sys.modules)
        try:
            module = import_module(name)
        except (Exception, SystemExit) as error:
            raise refusal(root, error, otherwise=path) from error
        finally:
            new = {other for other in set(sys.modules) - before if _is_below(_file_of(sys.modules[other]), root)}
            _imported.update(dict.fromkeys(new, root))
    if not _is_below(_file_of(module), root):
        raise BadInput(f"{path}: another module is named {name} ({_file_of(module)}); rename the file")
    return module


def refusal(root: Path, error: BaseException, *, otherwise: Path) -> BadInput:
    """An error of a project's code as one line with file and line.

    Args:
        otherwise: the file that is named where the error comes from none of the project.
    """
    place = place_in(root, error) or otherwise
    return BadInput(
        f"{place}: {error}" if isinstance(error, HemosweepError) else f"{place}: {one_line(error)}; mend it there"
    )


def _forget() -> None:
    """Let modules of projects be imported anew."""
    for name in _imported:
        sys.modules.pop(name, None)
    sys.path[:] = [path for path in sys.path if Path(path) not in _imported.values()]
    _imported.clear()


def _file_of(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or "<built in>"


def place_in(root: Path, error: BaseException) -> str | None:
    """File and line of a project that an error comes from, such as `/lab/tversky.py:12`; None where it comes from
    elsewhere."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"{error.filename}:{error.lineno or 1}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_below(frame.filename, root)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else None


def _is_below(file: str, root: Path) -> bool:
    if file.startswith("<"):
        return False
    path = Path(file).resolve()
    return path.is_relative_to(root) and not {*path.parts[len(root.parts) :]} & INSTALLED


def finder(project: Path | None) -> FindType:
    """Function that finds recorded components of hemosweep and of one project, and imports nothing else."""
    if project is None:
        return find_own

    def find(name: str) -> type:
        module = name.rpartition(".")[0]
        if name.startswith("hemosweep."):
            return find_own(name)
        path = project.joinpath(*module.split("."))
        if not (path.with_name(f"{path.name}.py").is_file() or (path / "__init__.py").is_file()):
            raise BadInput(f"component {name}: {project} has no module {module}; say with --project where it went")
        import_from(project, module)
        return find_in(name)

    return find
