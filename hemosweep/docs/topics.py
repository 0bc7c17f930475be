"""The topics of the documentation, found as the Markdown files beside this module."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from hemosweep.errors import BadInput

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """A topic: its name, its title, and its text in Markdown."""

    name: str
    title: str
    text: str


def topics() -> tuple[Topic, ...]:
    """Every topic, by name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.md")))


def find_topic(name: str) -> Topic:
    """The topic of that name, in capitals or not.

    Raises:
        BadInput: there is none.
    """
    found = {topic.name: topic for topic in topics()}
    wanted = name.lower().removesuffix(".md")
    if wanted not in found:
        near = get_close_matches(wanted, found, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(found)}"
        raise BadInput(f"no topic {name!r}; {hint}")
    return found[wanted]


def _read(path: Path) -> Topic:
    text = path.read_text(encoding="utf-8")
    return Topic(name=path.stem, title=text.partition("\n")[0].removeprefix("# "), text=text)
