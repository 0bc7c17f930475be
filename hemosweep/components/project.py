"""The user's project: the folder of the file that holds a sweep, whose modules may hold components."""

import sys
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType

from hemosweep.components.record import FindType, find_in, find_own
from hemosweep.errors import BadInput, HemosweepError


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


def import_from(root: Path, name: str) -> ModuleType:
    """Import a module of a project.

    Raises:
        BadInput: it is not there, another module has its name, or it raises; the message names file and line.
    """
    if (module := sys.modules.get(name)) is None:
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))
            invalidate_caches()
        try:
            module = import_module(name)
        except HemosweepError:
            raise
        except Exception as error:
            raise BadInput(f"{_place(root, name, error)}: {type(error).__name__}: {error}; mend it there") from error
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).resolve().is_relative_to(root.resolve()):
        path = root / f"{name.replace('.', '/')}.py"
        raise BadInput(f"{path}: another module is named {name} ({file or 'built in'}); rename the file")
    return module


def _place(root: Path, name: str, error: BaseException) -> str:
    """File and line of the project where an error comes from: the last one of its traceback that lies there."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"{error.filename}, line {error.lineno}"
    places = []
    traceback = error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if Path(file).is_relative_to(root):
            places.append(f"{file}, line {traceback.tb_lineno}")
        traceback = traceback.tb_next
    return places[-1] if places else f"{root / name.replace('.', '/')}.py"


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
