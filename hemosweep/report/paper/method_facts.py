"""Known facts about the methods that the ablations `architecture` and `published` train, and from where.

`method_facts.json` is the one list, in our own words. An arm whose name ends in `-like` rests on an abstract at
most.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

SOURCES: Mapping[str, str] = {
    "P": "the paper itself",
    "A": "official code or package",
    "B": "abstract",
    "C": "title, or an abstract without the network",
}
"""The best source that was read of a method."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodFacts:
    """A method and its arms in either ablation.

    `author` is that of the paper's Table 6, where the method is in it. `source` is one of `SOURCES`. `read` are the
    facts that were read there, `remembered` those of its paper that were not read again, and `inferred` is the most
    defensible reading of all else: neither of the last two is the method's own statement.
    """

    author: str
    method: str
    architecture: tuple[str, ...]
    published: tuple[str, ...]
    source: Literal["P", "A", "B", "C"]
    read: str
    remembered: str
    inferred: str

    def arms(self) -> tuple[str, ...]:
        """Its arms in both ablations, each once."""
        return tuple(dict.fromkeys((*self.architecture, *self.published)))


@cache
def method_facts() -> tuple[MethodFacts, ...]:
    """All methods, those of the paper's Table 6 first and in its order."""
    text = files("hemosweep.report").joinpath("method_facts.json").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = json.loads(text)
    return tuple(
        MethodFacts(**entry | {name: tuple(entry[name]) for name in ("architecture", "published")}) for entry in entries
    )
