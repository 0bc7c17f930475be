"""Duties of every component, which its record relies on."""

import json
from typing import Any

from hemosweep.components.record import as_json, check_component, find_in, from_json


def check_record(role: str, component: Any, *methods: str) -> None:
    """Fail where a record would lose a component: it must be a frozen dataclass of a module, and come back equal.

    Args:
        role: name of its place, such as "loss".
        methods: what it must have, such as "build".

    Raises:
        BadInput: it is no component; the message has file, line and the way out.
        AssertionError: the record gives another one back.
    """
    check_component(role, component, *methods)
    kept = from_json(json.loads(json.dumps(as_json(component), allow_nan=False)), find_in)
    assert type(kept) is type(component)
    assert kept == component, f"the record of {component!r} gives {kept!r} back"
    assert hash(kept) == hash(component), "equal components have different hashes"
    assert as_json(kept) == as_json(component)
