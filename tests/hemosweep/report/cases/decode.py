"""The other side of the page's encoding, as its script has it."""

import base64
import io
import json
import re
import zlib

import numpy as np
from PIL import Image


def runs_of(text):
    """Lengths of a mask's runs, zeros first."""
    lengths, value, shift = [], 0, 0
    for byte in zlib.decompress(base64.b64decode(text)):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            lengths.append(value)
            value = shift = 0
    return lengths


def mask_of(text, shape):
    """A mask in radiological display."""
    flat = np.zeros(np.prod(shape), dtype=bool)
    place = 0
    for number, length in enumerate(runs_of(text) if text else ()):
        flat[place : place + length] = number % 2
        place += length
    return flat.reshape(shape)


def tiles_of(content, columns, tile, num):
    """Gray values of the slices, 0 to 255."""
    height, width = tile
    with Image.open(io.BytesIO(content)) as opened:
        sheet = np.asarray(opened.convert("L"))
    places = [(index // columns * height, index % columns * width) for index in range(num)]
    return np.stack([sheet[top : top + height, left : left + width] for top, left in places])


def scripts_of(page):
    """The JSON values of a page: its summary, and its pictures."""
    texts = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, flags=re.DOTALL)
    summary, *pictures = map(json.loads, texts)
    return summary, pictures
