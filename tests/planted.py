"""Words that must not leave a laboratory: where they are planted, and every byte in which they are looked for."""

import base64
import gzip
import io
import re
import sqlite3
import struct
import zipfile
import zlib
from contextlib import closing

WORD = b"planted"
"""Part of every name that is planted."""
PNG = b"\x89PNG\r\n\x1a\n"
KEPT = {("runs", "artifact_uri"), ("experiments", "artifact_location")}
"""Columns of an MLflow store that say where it keeps its files."""


def leaks(folder, words=(WORD,)):
    """Files of a folder whose names or bytes hold a word, also inside what is packed."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        contents = [name.encode(), *(unpacked(path.read_bytes()) if path.is_file() else ())]
        found += [(name, excerpt) for content in contents for excerpt in excerpts(content, words)]
    return found


def leaks_in_database(path, words=(WORD,)):
    """Cells of a database that hold a word, but those of `KEPT`."""
    found = []
    with closing(sqlite3.connect(path)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _, column, *_ in database.execute(f"PRAGMA table_info('{table}')").fetchall():
                cells = database.execute(f"SELECT \"{column}\" FROM '{table}'").fetchall()
                texts = [] if (table, column) in KEPT else [str(cell).encode() for (cell,) in cells]
                found += [(f"{table}.{column}", excerpt) for text in texts for excerpt in excerpts(text, words)]
    return found


def excerpts(content, words):
    """Each word with the text around it, in upper or lower case."""
    return [
        content[max(0, match.start() - 60) : match.end() + 40]
        for word in words
        for match in re.finditer(re.escape(word), content, re.IGNORECASE)
    ]


def unpacked(content):
    """A file's bytes, and those of everything that is packed in it."""
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield from unpacked(gzip.decompress(content))
    elif content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for name in packed.namelist():
                yield from unpacked(packed.read(name))
    elif content.startswith(PNG):
        yield from chunks(content)
    for encoded in re.findall(rb"base64,([A-Za-z0-9+/=]+)", content):
        yield from unpacked(base64.b64decode(encoded))


def chunks(png):
    """The chunks of a picture but its pixels; those of packed text unpacked, too."""
    place = len(PNG)
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        data = png[place + 8 : place + 8 + length]
        if kind != b"IDAT":
            yield data
        if kind in (b"zTXt", b"iTXt", b"iCCP"):
            yield zlib.decompressobj().decompress(data[data.index(b"\0") + 2 :]) if kind != b"iTXt" else data
        place += length + 12
