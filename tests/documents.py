"""The README and the topics of the documentation, taken apart: their blocks, and the commands in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from hemosweep.docs.topics import FOLDER

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted(FOLDER.glob("*.md")))
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ENDS = {";", "&", "&&", "|"}
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its document, its language, its text, and whether a script printed it."""

    document: Path
    language: str
    text: str
    line: int
    printed: bool

    @property
    def place(self) -> str:
        return f"{self.document.stem}-{self.line}"


def blocks(language: str | None = None) -> list[Block]:
    """Every block of every document, or those in one language."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            before = text[: match.start()]
            found.append(
                Block(
                    document=document,
                    language=match[1],
                    text=match[2],
                    line=before.count("\n") + 1,
                    printed=before.count("<!-- printed:") % 2 == 1,
                )
            )
    return [block for block in found if language in (None, block.language)]


def commands(text: str) -> list[list[str]]:
    """The words of each simple command of a shell script, without assignments, redirections and loops."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        for token in [*lexer, ";"]:
            if token in _ENDS:
                found.append(_simple(words))
                words = []
            else:
                words.append(token)
    return [words for words in found if words]


def _simple(words: list[str]) -> list[str]:
    if words[:1] == ["for"] or words == ["done"]:
        return []
    words = words[1:] if words[:1] == ["do"] else words
    while words and _ASSIGNMENT.fullmatch(words[0]):
        words = words[1:]
    if ">" in words:  # `2> FILE`
        place = words.index(">")
        words = words[: place - words[place - 1].isdigit()]
    return words
