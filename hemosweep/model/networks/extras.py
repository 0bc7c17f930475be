"""Packages that only some networks need."""

from importlib import import_module
from typing import Any

from hemosweep.errors import BadInput


def of_extra(extra: str, module: str, *others: str) -> Any:
    """Return a module of a package that comes with one of hemosweep's extras.

    Args:
        others: further modules that it needs and does not import itself.

    Raises:
        BadInput: one of them is absent.
    """
    try:
        for other in others:
            import_module(other)
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        raise BadInput(
            f"this network comes from {module.partition('.')[0]} ({missing} is absent); "
            f"install it with: pip install 'hemosweep[{extra}]'"
        ) from error
