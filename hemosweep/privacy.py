"""Texts that leave a laboratory, without what a hospital would not share: folders, names of machines and of users.

The files of an output folder keep what they need. What is recorded in MLflow or written into a report goes through
here first.
"""

import os
import re
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

PLACE, MACHINE, USER = "[folder]", "[machine]", "[user]"
MIN_NAME_LENGTH = 3
"""Shorter names of machines and users are words or parts of them."""
_NO_NAMES = frozenset({"localhost", "root"})
_EVERYONES = ("/dev/shm", "/var/tmp", "/tmp")
"""Folders that every machine has. A message that one of them is full names it."""
_NOT_EVERYONES = rf"(?!(?:{'|'.join(place.removeprefix('/') for place in _EVERYONES)})(?![\w./-]))"
# Names of folders may have spaces, but a name in a sentence ends before a sign that closes it.
_FOLDER = r"(?:[^/\n:;,'\"\[\]]*[^/\s:;,'\"\[\]]/)"
_LAST = r"[^/\s:;,'\")\]]+"
_ABSOLUTE = re.compile(rf"(?<![\w.:/)\]~-])(?:file:/{{2,3}}|~[\w.-]*)?/(?=[^\s/]){_NOT_EVERYONES}{_FOLDER}*")
_QUOTED = re.compile(r"(['\"])(?:~[\w.-]*)?(/[^'\"\n]+)\1")
_BELOW = re.compile(rf"{re.escape(PLACE)}(?:/+{_FOLDER}*(?P<last>{_LAST})?)?")


def without_places(text: str, places: Iterable[Path] = ()) -> str:
    """A text with the names of files in place of their paths, and a mark in place of a folder.

    Args:
        places: folders that are known to occur; of others, an absolute path is recognised by its form. A folder whose
            name has spaces is found whole only where it is known, or in quotation marks.
    """
    for place in sorted({str(place) for place in (*places, *_own_places())}, key=len, reverse=True):
        if place in _EVERYONES:
            continue
        text = re.sub(rf"{re.escape(place)}(?![\w.-])", PLACE, text)
    text = _QUOTED.sub(lambda match: f"{match[1]}{_name_of(match[2])}{match[1]}", text)
    text = _ABSOLUTE.sub(f"{PLACE}/", text)
    return _BELOW.sub(lambda match: _file(match["last"]) or PLACE, text)


def without_names(text: str) -> str:
    """A text without the names of this machine and of its user."""
    for name, mark in _own_names().items():
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", mark, text, flags=re.IGNORECASE)
    return text


def public_failure(message: str, places: Iterable[Path] = ()) -> str:
    """The message of a failure, as others may read it."""
    return without_names(without_places(message, places))


def public(value: T, places: Iterable[Path] = ()) -> T:
    """A value, such as a configuration or a document, with every text in it as in `without_places`."""
    found: Any = value
    if isinstance(value, str):
        found = without_places(value, places)
    elif isinstance(value, Mapping):
        found = {name: public(item, places) for name, item in value.items()}
    elif isinstance(value, tuple | list):
        found = type(value)(public(item, places) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        found = replace(value, **{one.name: public(getattr(value, one.name), places) for one in fields(value)})
    return found  # type: ignore[no-any-return]


def places_in(value: Any) -> set[Path]:
    """Folders of every absolute path in a JSON value, such as a spec, and the folders above them."""
    if isinstance(value, str):
        return set(Path(value).parents) - {Path("/")} if value.startswith("/") else set()
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return set().union(*map(places_in, items))


def machine_and_user() -> tuple[str, str]:
    """Names of this machine and of the user, each empty where it has none."""
    user = next((os.environ[name] for name in ("LOGNAME", "USER") if os.environ.get(name)), "")
    with suppress(ImportError, KeyError):
        import pwd

        user = user or pwd.getpwuid(os.getuid()).pw_name
    return socket.gethostname(), user


def _own_places() -> list[Path]:
    """The user's folder and the working folder; a root is none."""
    places = [Path("~").expanduser()]
    with suppress(OSError):
        places.append(Path.cwd())
    return [place for place in places if len(place.parts) > 1]


def _own_names() -> dict[str, str]:
    """Names of this machine and its user, the longest first, each with its mark."""
    machine, user = machine_and_user()
    marks = {machine: MACHINE, machine.partition(".")[0]: MACHINE, user: USER}
    names = sorted(marks, key=len, reverse=True)
    return {name: marks[name] for name in names if len(name) >= MIN_NAME_LENGTH and name.lower() not in _NO_NAMES}


def _name_of(path: str) -> str:
    return path if path in _EVERYONES else _file(path.rstrip("/").rpartition("/")[2]) or PLACE


def _file(name: str | None) -> str:
    """A name with a suffix, which is taken to be a file's; empty for another one."""
    return name if name is not None and "." in name.strip(".") else ""
