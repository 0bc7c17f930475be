"""Record of a component: `{"type": "module.Class", ...fields}`, and the way back."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hemosweep.errors import BadInput
from hemosweep.plugins import is_frozen

TYPE = "type"
"""Key of a component's module and class in its record."""
FindType = Callable[[str], type]
"""Function from a recorded type, such as `hemosweep.model.losses.focal.Focal`, to the class."""


def type_name(component: object) -> str:
    cls = type(component)
    return f"{cls.__module__}.{cls.__qualname__}"


def as_json(value: Any) -> Any:
    """Return the record of a value: a component as a dictionary with its type, a tuple as a list."""
    if is_dataclass(value) and not isinstance(value, type):
        return {TYPE: type_name(value)} | {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    return [as_json(item) for item in value] if isinstance(value, tuple) else value


def from_json(value: Any, find: FindType) -> Any:
    """Inverse of `as_json`.

    Raises:
        BadInput: as `find`, or the class has no such fields any more.
    """
    if isinstance(value, Mapping) and TYPE in value:
        cls = find(value[TYPE])
        values = {name: from_json(item, find) for name, item in value.items() if name != TYPE}
        try:
            return cls(**values)
        except TypeError as error:
            raise BadInput(f"{value[TYPE]}: cannot be made from its record ({error}); {_way_back(cls)}") from None
    return tuple(from_json(item, find) for item in value) if isinstance(value, list) else value


def _way_back(cls: type) -> str:
    return f"{place_of(cls)} has changed since: take its earlier version, or run its sweep again"


def find_own(name: str) -> type:
    """Class of a component of hemosweep.

    Raises:
        BadInput: it is of another package, or there is no such component.
    """
    if not name.startswith("hemosweep."):
        raise BadInput(f"component {name} is not hemosweep's; it is read only with the project that it belongs to")
    return find_in(name)


def find_in(name: str) -> type:
    """Class of a component, whose module is imported.

    Raises:
        BadInput: the module has no such dataclass.
    """
    module, _, cls_name = name.rpartition(".")
    try:
        cls = getattr(import_module(module), cls_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadInput(f"component {name}: there is none ({error}); take the version that it was made with") from None
    if not (isinstance(cls, type) and is_dataclass(cls)):
        raise BadInput(f"component {name}: is no dataclass; take the version that it was made with")
    return cls


def types_in(record: Any) -> Iterator[str]:
    """Types of all components in a record, the nested ones, too."""
    if isinstance(record, Mapping):
        if isinstance(record.get(TYPE), str):
            yield record[TYPE]
        for item in record.values():
            yield from types_in(item)
    elif isinstance(record, list | tuple):
        for item in record:
            yield from types_in(item)


def place_of(cls: type) -> str:
    """File and line of a class, such as `tversky.py, line 12`."""
    try:
        return f"{Path(inspect.getfile(cls)).name}, line {inspect.getsourcelines(cls)[1]}"
    except (OSError, TypeError):
        return f"{cls.__module__}.{cls.__qualname__}"


def check_component(role: str, component: Any, *methods: str) -> None:
    """Refuse what cannot be the component of a configuration.

    Args:
        role: the field that it is given to, such as "loss".
        methods: what it must have, such as "build".

    Raises:
        BadInput: it is no frozen dataclass of a module, lacks a method, or has a field that JSON cannot carry.
    """
    cls = component if isinstance(component, type) else type(component)
    if isinstance(component, type) and is_dataclass(component):
        raise BadInput(f"{role}={cls.__name__}: is a class ({place_of(cls)}); give an instance, {cls.__name__}()")
    if not is_dataclass(component):
        given = repr(component) if cls.__module__ == "builtins" else f"{cls.__name__} ({place_of(cls)})"
        raise BadInput(f"{role}={given}: is no component; give a frozen dataclass with {', '.join(methods)}")
    where = f"{role}={cls.__name__} ({place_of(cls)})"
    if not is_frozen(component):
        raise BadInput(f"{where}: is not frozen; write @dataclass(frozen=True) above it")
    if "<locals>" in cls.__qualname__ or "." in cls.__qualname__:
        raise BadInput(f"{where}: is defined inside a function or class; put it at the top level of its file")
    for method in methods:
        if not hasattr(component, method):
            raise BadInput(f"{where}: has no {method}; see hemosweep.components.protocols for what a {role} must have")
    for field in fields(component):
        problem = _problem(getattr(component, field.name))
        if problem is not None:
            raise BadInput(f"{where}: field {field.name} {problem}")


def _problem(value: Any) -> str | None:
    """Reason why the record cannot keep a value; None where it can."""
    if value is None or isinstance(value, str | bool | int):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"is {value}; JSON has no such number, so use None for it"
    if isinstance(value, tuple):
        return next((problem for problem in map(_problem, value) if problem is not None), None)
    if is_dataclass(value) and not isinstance(value, type):
        if not is_frozen(value):
            return f"holds {type(value).__name__}, which is not frozen; write @dataclass(frozen=True) above it"
        return next((problem for field in fields(value) if (problem := _problem(getattr(value, field.name)))), None)
    kind = type(value).__name__
    way_out = "use a tuple" if isinstance(value, list) else "use numbers, texts, tuples or other components"
    return f"holds a {kind}, which a record cannot keep; {way_out}"
