"""A document as one HTML page that holds its style and its pictures, and fetches nothing."""

import base64
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from hemosweep.report.document.document import Document, Gallery, Items, Section, Table, Text
from hemosweep.report.names import IN_NAME
from hemosweep.report.plots.arm_plots import DPI

GENERATOR = "hemosweep report"
"""Content of the page's `meta name="generator"`, by which a folder is recognised as a report."""
PIXELS_PER_INCH = 98
"""Resolution of the figures on the page: two fit side by side on a desktop screen, and their 8-point text is
readable."""
METRES_PER_INCH = 0.0254
_PNG = b"\x89PNG\r\n\x1a\n"
_TEMPLATES = ("page.html", "blocks.html", "page.css", "cohort.html", "cohort.css")


def to_page(document: Document, folder: Path) -> str:
    """Write a document as a page that contains its pictures, which are read from `folder`.

    Raises:
        OSError: a picture is not there.
    """
    template = environment().get_template("page.html")
    return template.render(
        document=document,
        generator=GENERATOR,
        images={picture.path: _image(folder / picture.path) for picture in document.pictures()},
        contents=tuple(_contents(document.sections)),
    )


def _contents(sections: Iterable[Section]) -> Iterable[tuple[Section, tuple[Section, ...]]]:
    for section in sections:
        yield section, section.sections


@dataclass(frozen=True, kw_only=True, slots=True)
class _Image:
    """A picture inside the page; its size in CSS pixels shows all pictures' text equally large."""

    uri: str
    width: int
    height: int


def _image(path: Path) -> _Image:
    content = path.read_bytes()
    width, height = _inches(content)
    return _Image(
        uri=f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}",
        width=round(width * PIXELS_PER_INCH),
        height=round(height * PIXELS_PER_INCH),
    )


def _inches(png: bytes) -> tuple[float, float]:
    """Size of a PNG in print: its size in pixels and, from its chunk pHYs, the pixels of a metre."""
    assert png.startswith(_PNG), "figures of a page are PNG"
    width, height = struct.unpack(">II", png[16:24])
    place = len(_PNG)
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        if kind == b"pHYs":
            x, y = struct.unpack(">II", png[place + 8 : place + 16])
            return width / (x * METRES_PER_INCH), height / (y * METRES_PER_INCH)
        place += length + 12
    return width / DPI, height / DPI


@cache
def environment() -> Environment:
    """The templates of pages; what they are given is escaped."""
    folder = files("hemosweep.report.document").joinpath("templates")
    sources = {name: folder.joinpath(name).read_text(encoding="utf-8") for name in _TEMPLATES}
    environment = Environment(
        loader=DictLoader(sources),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests |= {name: _is_a(kind) for name, kind in _KINDS.items()}
    environment.filters["parts"] = IN_NAME.split
    return environment


_KINDS = {"text": Text, "items": Items, "table": Table, "gallery": Gallery}


def _is_a(kind: type) -> Any:
    return lambda value: isinstance(value, kind)
